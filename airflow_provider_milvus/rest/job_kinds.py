"""The kinds of jobs that are waited for: each has a request that describes one and a request that lists them.

Both give the states, and what else there is, as those of imports, so that one wait serves all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_milvus.rest import import_jobs, snapshots
from airflow_provider_milvus.rest.envelope import Request
from airflow_provider_milvus.rest.import_jobs import ImportProgress


@dataclass(frozen=True)
class JobKind:
    """A kind of job.

    :param noun: what messages call it.
    :param describe: the request for the progress of one job.
    :param list_jobs: the request for the records of all jobs, or of those of a collection, by job id.
    """

    noun: str
    describe: Callable[[str], Request[ImportProgress]]
    list_jobs: Callable[..., Request[dict[str, Mapping[str, Any]]]]


IMPORT, RESTORE = "import", "restore"
JOB_KINDS = {
    IMPORT: JobKind("import job", import_jobs.describe, import_jobs.list_jobs),
    RESTORE: JobKind("restore job", snapshots.describe_restore, snapshots.list_restores),
}
