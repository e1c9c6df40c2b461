"""Where the data of an import lies, and its options: checked before anything is sent.

No error quotes what may hold keys: credentials in a URL, or a URL's signature.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

MAX_FILE_GROUPS = 1024
EXTENSIONS = (".parquet", ".json", ".jsonl", ".ndjson", ".csv", ".npy")
# Parameters of signed URLs, of all clouds.
_SIGNED = re.compile(
    r"(?i)[?&;#](x-(amz|goog|oss|cos|ms)-[\w-]+|signature|sig|sign|token|access_?token|secret[\w-]*|password"
    r"|credential|key|api_?key|access_?key(_?id)?|(aws|oss|google)access(key)?id|q-[a-z-]+)="
)
_NOT_SHOWN = "(not shown here, as it may hold a secret)"
_LONGEST_SHOWN = 200


@dataclass(frozen=True)
class ImportSource:
    """Where the data of one import lies. Exactly one of the three must be given.

    :param files: keys in the bucket that the Milvus server is configured with. Each entry is one file, or a list
        of files that belong together (one ``.npy`` file per field).
    :param object_urls: Zilliz Cloud: URLs in object storage, each of a file or a folder.
    :param data_paths: Zilliz Cloud: paths of files or folders in the volume ``volume_name``.
    :raises ValueError: naming the parameter, the value and the remedy.
    """

    files: Sequence[str | Sequence[str]] | None = None
    object_urls: Sequence[str | Sequence[str]] | None = None
    volume_name: str | None = None
    data_paths: Sequence[str | Sequence[str]] | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("files", "object_urls", "data_paths") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"give exactly one of files, object_urls and data_paths (with volume_name); got {given or 'none'}"
            )
        if (self.data_paths is None) != (self.volume_name is None):
            missing = "data_paths" if self.data_paths is None else "volume_name"
            raise ValueError(f"volume_name and data_paths go together, and {missing} is not given")
        if self.volume_name is not None:
            _check_volume_name(self.volume_name)
        groups = _groups(given[0], getattr(self, given[0]))
        paths = Counter(path.lstrip("/") for group in groups for path in group)
        if repeated := [path for path, times in paths.items() if times > 1]:
            raise ValueError(f"{given[0]} names {_shown(repeated[0])} more than once, which would load it as often")
        for group in groups:
            if self.files is not None:
                _check_file_group(group)
            elif self.object_urls is not None:
                _check_object_urls(group)
            else:
                _check_data_paths(group)

    def file_names(self) -> tuple[str, ...]:
        """The files as a job's progress names them; empty for sources whose files only the server knows."""
        if self.files is None:
            return ()
        return tuple(" ".join(path.lstrip("/") for path in group) for group in _groups("files", self.files))

    def fields(self) -> dict[str, Any]:
        """The request's fields in Milvus's spelling.

        :raises ValueError: for more entries than Milvus takes in one import.
        """
        if self.files is not None:
            return {"files": _groups_of_one_import("files", self.files)}
        if self.object_urls is not None:
            return {"objectUrls": _groups_of_one_import("object_urls", self.object_urls)}
        return {"volumeName": self.volume_name, "dataPaths": _groups_of_one_import("data_paths", self.data_paths)}


def _groups(name: str, value: Any) -> list[list[str]]:
    for text in [value] if isinstance(value, str) else value if isinstance(value, Sequence) else []:
        if _is_text_of(text, list | tuple):
            raise ValueError(
                f"{name} has the text of a list where a list is needed: Airflow renders templates to text; set "
                f"render_template_as_native_obj=True for the DAG, or give {name} the list or a task's output itself"
            )
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, Sequence) or not value:
        raise ValueError(f"{name} must be a list with at least one file, got {_shown(value)}")
    groups = [[entry] if isinstance(entry, str) else entry for entry in value]
    for group in groups:
        if (
            not isinstance(group, Sequence)
            or not group
            or not all(isinstance(path, str) and path.strip() for path in group)
        ):
            raise ValueError(f"{name}: each entry must be a path or a list of paths, got {_shown(group)}")
    return [list(group) for group in groups]


def _groups_of_one_import(name: str, value: Any) -> list[list[str]]:
    groups = _groups(name, value)
    if len(groups) > MAX_FILE_GROUPS:
        raise ValueError(
            f"{name} has {len(groups):,} entries and Milvus takes at most {MAX_FILE_GROUPS:,} in one import; "
            f"split it into several imports"
        )
    return groups


def _check_object_urls(group: list[str]) -> None:
    if len(group) > 1:
        raise ValueError(
            f"object_urls: each entry is one file or folder, got {len(group)} in one; give each as an entry of its own"
        )
    for url in group:
        _check_no_signature("object_urls", url)
        scheme, separator, rest = url.partition("://")
        if not (scheme and separator and rest):
            raise ValueError(
                f"object_urls: {_shown(url)} is no URL; give one such as s3://bucket/folder/, gs://bucket/file.parquet "
                f"or https://…"
            )
        # Keys may have slashes, after which an @ is no longer where a URL has its credentials.
        if "@" in unquote(rest.partition("/")[0]) or ":" in rest.rpartition("@")[0]:
            raise ValueError(
                "object_urls: a URL has something before an @; keys of the object storage belong in a connection, "
                "whose id is storage_conn_id"
            )


def _check_data_paths(group: list[str]) -> None:
    for path in group:
        _check_no_signature("data_paths", path)
        if "://" in path or ":" in path.rpartition("@")[0]:
            raise ValueError(
                "data_paths: one of them is a URL, or has something before an @; give paths in the volume volume_name"
            )


def _check_volume_name(name: Any) -> None:
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"volume_name must be the name of a volume, got {_shown(name)}")
    _check_no_signature("volume_name", name)
    if set(name) & set(":/@"):
        raise ValueError("volume_name must be the name of a volume, with none of : / @ in it")


def check_no_keys(name: str, text: str) -> None:
    """Check that a path or a URL, which may be a pattern, has neither credentials nor a signature.

    :raises ValueError: naming the parameter, without its value.
    """
    if ":" in unquote(text).partition("://")[2].rpartition("@")[0] or _SIGNED.search(unquote(text)):
        raise ValueError(
            f"{name} has keys or a signature in it, which would be logged; give the id of a connection before the @, "
            f"such as s3://aws_default@bucket/…"
        )


def _check_no_signature(name: str, text: str) -> None:
    if "?" in unquote(text) or _SIGNED.search(unquote(text)):
        raise ValueError(
            f"{name}: a query string, or another part with a signature or a key, is refused, as it would be logged; "
            f"give the address alone, and keys in a connection, whose id is storage_conn_id"
        )


def _check_file_group(group: list[str]) -> None:
    for path in group:
        if "://" in path:
            raise ValueError(
                f"files: {_shown(path)} is a URL, but files are keys in the bucket of the Milvus server; give the key "
                f"alone, or object_urls for Zilliz Cloud"
            )
    kinds = {PurePosixPath(path).suffix for path in group}
    unknown = kinds - set(EXTENSIONS)
    if unknown:
        raise ValueError(
            f"files: {_shown(group)} has the file type {_shown(sorted(unknown)[0])}; Milvus imports "
            f"{', '.join(EXTENSIONS)} (lower case)"
        )
    if len(group) > 1 and kinds != {".npy"}:
        raise ValueError(
            f"files: only .npy files form a set, got {_shown(group)}; give each other file as an entry of its own"
        )


def _shown(value: Any) -> str:
    text = repr(value)
    hidden = len(text) > _LONGEST_SHOWN or set("@?") & set(unquote(text)) or _SIGNED.search(unquote(text))
    return _NOT_SHOWN if hidden else text


def _is_text_of(value: Any, kind: Any) -> bool:
    """Whether a text is how Python or JSON writes a value of a kind."""
    if not isinstance(value, str) or value.strip()[:1] not in tuple("[({"):
        return False
    for read in (ast.literal_eval, json.loads):
        try:
            return isinstance(read(value.strip()), kind)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
    return False


def check_options(options: Mapping[str, Any] | None) -> dict[str, str]:
    """Import options as Milvus takes them: an object of texts.

    A template that Airflow renders natively makes numbers and booleans of texts; they are sent as JSON writes them.

    :raises ValueError: where a value is nothing of these (the server refuses it with code 1801).
    """
    if _is_text_of(options, dict):
        raise ValueError(
            "options is the text of a dict where a dict is needed: Airflow renders templates to text; set "
            "render_template_as_native_obj=True for the DAG, or give options the dict or a task's output itself"
        )
    if options is not None and not isinstance(options, Mapping):
        raise ValueError(f"options must be a dict of strings, such as {{'timeout': '90m'}}, got {_shown(options)}")
    return {_option_name(name): _option(name, value) for name, value in (options or {}).items()}


def _option_name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise ValueError(f"options: the name of an option must be a string, got {_shown(name)}")
    return name


def _option(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Integral):
        return str(int(value))
    if isinstance(value, Real) and math.isfinite(number := float(value)):
        return str(int(number)) if number.is_integer() else repr(number)
    raise ValueError(
        f"options[{name!r}] must be a string, as Milvus requires of every option, or a number or a boolean, got "
        f"{_shown(value)}"
    )
