"""What Milvus of a given version knows of imports.

https://milvus.io/docs/release_notes.md
"""

from dataclasses import dataclass, replace

from airflow_provider_milvus.local.importing.file_rules import SINCE_2_6, SINCE_3_0, UNTIL_2_5, FileRules

HOUR = 3600.0


@dataclass(frozen=True)
class Version:
    """The traits of a version that a client of the import API meets.

    :param number: major and minor number.
    :param describe: whether `describe` is known beside `get_progress` (from 2.4.13).
    :param success_code: the code of a success: 200 in the first builds of 2.4, 0 since.
    :param job_id_key: how `create` spells the job id.
    :param create_time: whether progress has the time when the job was created (from 2.6.6).
    :param list_needs_collection: whether `list` refuses to list all jobs, as the first builds of 2.4 did.
    :param extensions: the file types that can be imported.
    :param two_phase: whether there are `auto_commit`, `commit` and `abort` (from 3.0).
    :param idempotency_keys: whether `create` heeds the header `Idempotency-Key` (from 2.6.24 and 3.0.2).
    :param guarded_jobs: whether `list` and `describe` heed the privilege Import (from 2.6.7).
    :param files: what the readers of import files take.
    :param timeout_is_json: whether the response to a request that took too long is JSON (from Nov 2024).
    :param search_by_ids: whether `entities/search` takes `ids` (from 2.6).
    :param system_errors: whether an unknown job is an error of the server's: code 2101 in place of 2100.
    :param reads_at_submit: whether `create` refuses files that are not there, instead of a job that fails.
    :param assigns_id_range: whether a job passes the state AssigningIDRange before it imports.
    :param retention: seconds for which the record of an ended job is kept.
    """

    number: tuple[int, int]
    describe: bool = True
    success_code: int = 0
    job_id_key: str = "jobId"
    create_time: bool = True
    list_needs_collection: bool = False
    extensions: tuple[str, ...] = (".json", ".jsonl", ".ndjson", ".parquet", ".csv", ".npy")
    two_phase: bool = True
    idempotency_keys: bool = True
    guarded_jobs: bool = True
    timeout_is_json: bool = True
    files: FileRules = SINCE_3_0
    search_by_ids: bool = True
    system_errors: bool = False
    reads_at_submit: bool = False
    assigns_id_range: bool = False
    retention: float = 48 * HOUR


NEWEST = "3.0"
_2_5 = Version(
    number=(2, 5),
    create_time=False,
    extensions=(".json", ".parquet", ".csv", ".npy"),
    files=UNTIL_2_5,
    two_phase=False,
    idempotency_keys=False,
    guarded_jobs=False,
    search_by_ids=False,
    retention=3 * HOUR,
)
_2_4 = replace(_2_5, number=(2, 4), extensions=(".json", ".parquet", ".npy"), timeout_is_json=False)
VERSIONS = {
    "2.4.0": replace(_2_4, describe=False, success_code=200, job_id_key="jobID", list_needs_collection=True),
    "2.4": _2_4,
    "2.5": _2_5,
    "2.6": Version(number=(2, 6), files=SINCE_2_6, two_phase=False, idempotency_keys=False, retention=3 * HOUR),
    NEWEST: Version(number=(3, 0)),
    "3.1-dev": Version(number=(3, 1), system_errors=True, reads_at_submit=True, assigns_id_range=True),
}
