"""The bucket: a folder whose files imports may read, and nothing outside it."""

from pathlib import Path, PurePosixPath

from airflow_provider_milvus.local.errors import ImportDataError


def locate(bucket: Path, key: str) -> Path:
    """The file behind an object key; a leading "/" is tolerated, as by Milvus.

    Raises ImportDataError for a key that leaves the bucket, by `..` or by a link, and for anything that is
    no regular file, before the file is opened.
    """
    if "\0" in key or ".." in PurePosixPath(key.replace("\\", "/")).parts:
        raise ImportDataError("the path is not a key of the bucket")
    try:
        path = (bucket / key.lstrip("/")).resolve()
        inside = path.is_relative_to(bucket.resolve())
        found = inside and path.is_file()
    except (OSError, RuntimeError, ValueError) as error:
        raise ImportDataError(f"the path cannot be resolved: {error}") from None
    if not inside:
        raise ImportDataError("the path leads out of the bucket")
    if not found:
        raise ImportDataError("the specified key does not exist")
    return path
