"""What Milvus of a given version knows of imports.

https://milvus.io/docs/release_notes.md
"""

from dataclasses import dataclass

from airflow_provider_milvus.local.importing.file_rules import SINCE_2_6, UNTIL_2_5, FileRules

HOUR = 3600.0


@dataclass(frozen=True)
class Version:
    """The traits of a version that a client of the import API meets.

    :param describe: whether `describe` is known beside `get_progress` (from 2.4.13).
    :param success_code: the code of a success: 200 in the first builds of 2.4, 0 since.
    :param job_id_key: how `create` spells the job id.
    :param create_time: whether progress tells when the job was created (from 2.6.6).
    :param list_needs_collection: whether `list` refuses to list all jobs.
    :param extensions: the file types that can be imported.
    :param two_phase: whether there are `auto_commit`, `commit` and `abort` (from 3.0).
    :param idempotency_keys: whether `create` heeds the header `Idempotency-Key` (from 2.6.24 and 3.0.2).
    :param denied_code: the code of a 403: 65535 in 2.4, 1401 since.
    :param guarded_jobs: whether `list` and `describe` heed the privilege Import (from 2.6.7).
    :param timeout_is_json: whether a request that took too long is told so in JSON (from Nov 2024).
    :param files: what the readers of import files take.
    :param retention: seconds for which the record of an ended job is kept.
    """

    describe: bool = True
    success_code: int = 0
    job_id_key: str = "jobId"
    create_time: bool = True
    list_needs_collection: bool = False
    extensions: tuple[str, ...] = (".json", ".jsonl", ".ndjson", ".parquet", ".csv", ".npy")
    two_phase: bool = True
    idempotency_keys: bool = True
    denied_code: int = 1401
    guarded_jobs: bool = True
    timeout_is_json: bool = True
    files: FileRules = SINCE_2_6
    retention: float = 48 * HOUR


NEWEST = "3.0"
VERSIONS = {
    "2.4": Version(
        describe=False,
        success_code=200,
        job_id_key="jobID",
        create_time=False,
        list_needs_collection=True,
        extensions=(".json", ".parquet", ".npy"),
        files=UNTIL_2_5,
        two_phase=False,
        idempotency_keys=False,
        denied_code=65535,
        guarded_jobs=False,
        timeout_is_json=False,
        retention=3 * HOUR,
    ),
    "2.5": Version(
        create_time=False,
        extensions=(".json", ".parquet", ".csv", ".npy"),
        files=UNTIL_2_5,
        two_phase=False,
        idempotency_keys=False,
        guarded_jobs=False,
        retention=3 * HOUR,
    ),
    "2.6": Version(two_phase=False, idempotency_keys=False, retention=3 * HOUR),
    NEWEST: Version(),
}
