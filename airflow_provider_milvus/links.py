"""Links of a task to its import jobs: to the import view in Airflow's UI, and to a page of the server.

https://airflow.apache.org/docs/apache-airflow/stable/howto/define-extra-link.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from airflow.providers.common.compat.sdk import AirflowException, BaseOperatorLink, conf
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_1_PLUS

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, TaskInstanceKey

VIEW = "/plugin/milvus-imports"
TASK_TAB = "/plugin/milvus-import-jobs"


class MilvusLink(BaseOperatorLink):
    """A link that the worker makes, as nothing else knows the jobs and the connection.

    Airflow 3 takes it there when the task leaves the worker; Airflow 2 fetches it in its web server, which reads it
    from XCom.
    """

    @property
    def key(self) -> str:
        """The key of the XCom that Airflow's UI reads the link from."""
        return f"_link_{type(self).__name__}"

    def get_link(self, operator: Any, *, ti_key: TaskInstanceKey) -> str:
        """The URL, empty where there is none."""
        if AIRFLOW_V_3_0_PLUS:
            return self.url(operator, ti_key)
        from airflow.providers.common.compat.sdk import XCom

        value: Any = XCom.get_value(key=self.key, ti_key=ti_key)
        return value or ""

    def url(self, operator: Any, ti: Any) -> str:
        """The URL that is made in the worker, empty where there is none."""
        raise NotImplementedError


class MilvusImportJobLink(MilvusLink):
    """The task's job in the import view, or the view of all of its jobs where it has several (Airflow 3.1)."""

    name = "Import job"

    def url(self, operator: Any, ti: Any) -> str:
        # Without a host: the browser's own is right, whatever a worker believes it to be.
        root = urlsplit(conf.get("api", "base_url", fallback="") or "").path.rstrip("/")
        job_ids = operator.import_job_ids
        if not job_ids:
            return ""
        if len(job_ids) == 1:
            query = urlencode({"conn_id": operator.milvus_conn_id, "job_id": job_ids[0]}, quote_via=quote)
            return f"{root}{VIEW}?{query}"
        task = f"/dags/{quote(ti.dag_id, safe='')}/runs/{quote(ti.run_id, safe='')}/tasks/{quote(ti.task_id, safe='')}"
        mapped = f"/mapped/{ti.map_index}" if ti.map_index not in (None, -1) else ""
        return f"{root}{task}{mapped}{TASK_TAB}"


class MilvusConsoleLink(MilvusLink):
    """The page that the connection's ``ui_url`` names, or Zilliz Cloud's console; of several jobs, the first one's."""

    name = "Milvus console"

    def url(self, operator: Any, ti: Any) -> str:
        from airflow_provider_milvus.client.console import job_url

        job_ids = operator.import_job_ids
        try:
            settings = operator.hook.settings
        except (AirflowException, ValueError):
            return ""  # the task itself fails with it
        return (job_url(settings, job_ids[0], getattr(operator, "collection_name", "")) if job_ids else None) or ""


IMPORT_LINKS: Sequence[MilvusLink] = (
    (MilvusImportJobLink(), MilvusConsoleLink()) if AIRFLOW_V_3_1_PLUS else (MilvusConsoleLink(),)
)


def push(operator: Any, context: Context) -> None:
    """Make the links while the task runs: Airflow 3 makes them when it leaves the worker, and Airflow 2 never."""
    ti: Any = context["ti"]
    for link in operator.operator_extra_links:
        if isinstance(link, MilvusLink) and operator.do_xcom_push and (url := link.url(operator, ti)):
            ti.xcom_push(key=link.key, value=url)
