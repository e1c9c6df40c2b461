"""How Sphinx builds the documents: ``make docs``."""

import re
import sys
from pathlib import Path

DOCS = Path(__file__).parent
REPO = DOCS.parent
sys.path.insert(0, str(REPO))

project = "airflow-provider-milvus"
author = "the authors of airflow-provider-milvus"
release = re.search(r'__version__ = "(.*)"', (REPO / "airflow_provider_milvus" / "__init__.py").read_text())[1]
version = release

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

# Airflow and the HTTP libraries need not be installed to read docstrings.
autodoc_mock_imports = ["airflow", "requests", "httpx", "pyarrow"]
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
# A default as the source has it, and not as what it is on the machine that builds.
autodoc_preserve_defaults = True
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"

html_theme = "furo"
html_title = f"airflow-provider-milvus {release}"
html_copy_source = False
html_theme_options = {
    "source_repository": "https://github.com/airflow-provider-milvus/airflow-provider-milvus/",
    "source_branch": "main",
    "source_directory": "docs/",
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
