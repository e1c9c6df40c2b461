"""How Sphinx builds the documents: ``make docs``."""

import inspect
import re
import sys
from pathlib import Path
from typing import Any

from sphinx.util.inspect import stringify_signature

DOCS = Path(__file__).parent
REPO = DOCS.parent
sys.path.insert(0, str(REPO))

project = "airflow-provider-milvus"
author = copyright = "the authors of airflow-provider-milvus, Apache License 2.0"
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
html_use_index = False
html_theme_options = {
    "source_repository": "https://github.com/airflow-provider-milvus/airflow-provider-milvus/",
    "source_branch": "main",
    "source_directory": "docs/",
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True


def _signature(_app: Any, what: str, _name: str, value: Any, *_: Any) -> tuple[str, None] | None:
    """The parameters of a class, which one that derives from a mocked class does not show by itself."""
    if what != "class" or not inspect.isfunction(value.__init__):
        return None
    signature = inspect.signature(value.__init__)
    parameters = [
        # What a setting of Airflow decides is not known here.
        one if "airflow." not in repr(one.default) else one.replace(default=...)
        for one in list(signature.parameters.values())[1:]
    ]
    return stringify_signature(signature.replace(parameters=parameters), show_annotation=False), None


def _link_pages(_app: Any, _what: str, _name: str, _value: Any, _options: Any, lines: list[str]) -> None:
    """Links in place of the pages that docstrings name by their files."""
    lines[:] = [re.sub(r"``docs/([\w/-]+)\.md``", r":doc:`/\1`", line) for line in lines]


def setup(app: Any) -> None:
    """What Sphinx calls."""
    app.connect("autodoc-process-docstring", _link_pages)
    app.connect("autodoc-process-signature", _signature)
