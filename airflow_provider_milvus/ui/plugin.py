"""What Airflow's plugin manager loads: the import view, on Airflow 3.1 and later.

https://airflow.apache.org/docs/apache-airflow/stable/administration-and-deployment/plugins.html
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from airflow import __version__ as airflow_version
from airflow.providers.common.compat.sdk import AirflowPlugin, conf

PREFIX = "/milvus-imports"
# The name of the page, which is also the global name that Airflow's UI finds the component by.
NAME = "Milvus imports"
# Airflow 3.4 shows the tab on these tasks alone; before, it is on all tasks, and the view finds out by itself.
OPERATORS = (
    "ImportVersion",
    "MilvusAbortImportOperator",
    "MilvusBulkImportOperator",
    "MilvusCommitImportOperator",
    "MilvusImportSensor",
    "SQLToMilvusOperator",
    "@task.milvus_import",
)


class LazyApplication:
    """The ASGI application of the view, made at its first request: Airflow loads plugins in all of its processes."""

    def __init__(self) -> None:
        self._application: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._application is None:
            from airflow_provider_milvus.ui.application import create_application

            self._application = create_application()
        await self._application(scope, receive, send)


def _base_path() -> str:
    return urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")


def _version() -> tuple[int, int]:
    major, minor = airflow_version.split(".")[:2]
    return int(major), int(minor)


def views() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The FastAPI applications and the React applications that this Airflow can show."""
    if _version() < (3, 1):
        return [], []
    bundle = f"{_base_path()}{PREFIX}/static/milvus_imports.js"
    icons = {
        "icon": f"{_base_path()}{PREFIX}/static/icon.svg",
        "icon_dark_mode": f"{_base_path()}{PREFIX}/static/icon_dark.svg",
    }
    page = {
        "name": NAME,
        "bundle_url": bundle,
        "destination": "nav",
        "category": "browse",
        "url_route": "milvus-imports",
        **icons,
    }
    tab: dict[str, Any] = {
        "name": NAME,
        "bundle_url": bundle,
        "destination": "task_instance",
        "url_route": "milvus-import-jobs",
        **icons,
    }
    if _version() >= (3, 4):
        tab["applies_to"] = {"operator_name": list(OPERATORS)}
    return [{"app": LazyApplication(), "url_prefix": PREFIX, "name": NAME}], [page, tab]


class MilvusPlugin(AirflowPlugin):
    """The page "Milvus imports" and the tab of the same name on task instances."""

    name = "milvus"
    fastapi_apps, react_apps = views()
