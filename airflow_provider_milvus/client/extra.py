"""The fields of a connection's extra: texts from a URI, or JSON values, as what they stand for."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus.client.shown import shown, shown_path

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

# What the extra may have.
FIELDS = (
    "token",
    "database",
    "db_name",
    "tls",
    "verify",
    "ca_bundle",
    "client_cert",
    "client_key",
    "timeout",
    "retries",
    "proxies",
    "cluster_id",
    "project_id",
    "region_id",
    "import_endpoint",
    "ui_url",
)
# What pymilvus and others call the same.
_OTHER_NAMES = {
    "api_key": "token",
    "secure": "tls",
    "ssl": "tls",
    "db": "database",
    "proxy": "proxies",
    "uri": "the field host",
    "user": "the field login",
    "password": "the field password",
}


def read(connection: Connection, extra: Any = None, what: str = "the milvus connection") -> Mapping[str, Any]:
    """A connection's extra as a dict.

    :param extra: the extra, where it was read already.
    :param what: the connection, for errors.
    :raises ValueError: where it is no JSON object. Airflow takes a text that is no JSON for an empty extra, and would
        go on without the token that was meant.
    """
    if extra is None:
        extra = connection.extra_dejson if _is_json(connection.extra) else None
    elif not extra and not _is_json(connection.extra):
        extra = None
    if not isinstance(extra, Mapping):
        raise ValueError(f'{what} has an extra that is no JSON object; give one such as {{"timeout": 30}}')
    return extra


def _is_json(text: Any) -> bool:
    try:
        json.loads(text or "{}")
    except (TypeError, ValueError, RecursionError):
        return False
    return True


def warn_of_unknown(extra: Mapping[str, Any]) -> None:
    """Log fields that are ignored, where their names resemble one that is not."""
    unknown = [name for name in extra if name not in FIELDS]
    if not unknown:
        return
    from difflib import get_close_matches

    for name in unknown:
        meant = _OTHER_NAMES.get(name) or next(iter(get_close_matches(name, FIELDS, 1, 0.75)), None)
        if meant:
            logging.getLogger(__name__).warning(
                "The milvus connection's extra has the unknown field %r, which is ignored: %s may be meant", name, meant
            )


def text(extra: Mapping[str, Any], name: str) -> str | None:
    """A field that is a name, or ``None`` where it is empty."""
    value = extra.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError(f"the milvus connection's {name} must be a text, got a {type(value).__name__}")
    return str(value).strip() or None


def check_secret(value: Any, what: str, whose: str = "the milvus connection") -> None:
    """Check a token, a password or a name of a user, which go into headers or bodies as they are.

    An HTTP library would refuse it with an error that quotes it, or cut it short without a word.

    :raises ValueError: naming it, without its value.
    """
    if value is None:
        return
    if not isinstance(value, str | int) or isinstance(value, bool):
        raise ValueError(f"{whose}'s {what} must be a text, got a {type(value).__name__}")
    if not str(value).isprintable():
        raise ValueError(f"{whose}'s {what} has a line break or another unprintable character; enter it again")
    if str(value) != str(value).strip():
        raise ValueError(f"{whose}'s {what} begins or ends with a space; enter it again without")


def file(name: str, path: Any) -> str:
    """The path of a file that exists; whether it is a certificate is found out when TLS needs it."""
    if not isinstance(path, str) or "\0" in path or len(path) > 4096 or not Path(path).is_file():
        raise ValueError(
            f"the milvus connection's {name} {shown_path(path)} is no file on this machine; give the full path of a "
            f"PEM file, not its content"
        )
    return path


def boolean(extra: Mapping[str, Any], name: str, default: bool | None) -> bool | None:
    """A field that is ``true`` or ``false``, in any of their spellings."""
    value = extra.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, bool):
        return value
    if str(value).strip().lower() in ("true", "1", "yes", "on"):
        return True
    if str(value).strip().lower() in ("false", "0", "no", "off"):
        return False
    raise ValueError(f"the milvus connection's {name} must be true or false, got {shown(value)}")


def number(
    extra: Mapping[str, Any], name: str, default: float, lowest: float, highest: float, *, whole: bool = False
) -> float:
    """A field that is a number between two bounds."""
    value = extra.get(name)
    if value is None or value == "":
        return default
    try:
        found = float(value) if not isinstance(value, bool) else -1.0
    except (TypeError, ValueError, OverflowError):
        found = -1.0
    if not lowest <= found <= highest or (whole and not found.is_integer()):
        kind = "a whole number" if whole else "one"
        raise ValueError(
            f"the milvus connection's {name} must be a number from {lowest:g} up, got {shown(value)}; "
            f"give {kind} of at most {highest:g}"
        )
    return found
