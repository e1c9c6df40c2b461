"""Typed requests: the JSON body of a request, read into a dataclass.

Follows the binding of Milvus's REST v2 handler: code 1801 for JSON that is no JSON or has the wrong type,
1802 for a missing required field, keys matched without regard to case, unknown keys ignored, and `null`
read as "not given".
"""

import dataclasses
import json
import math
from collections.abc import Iterator
from functools import lru_cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from airflow_provider_milvus.local.errors import MilvusError
from airflow_provider_milvus.local.routes.responses import plain_text
from airflow_provider_milvus.local.routes.unsupported import refuse_fields

INVALID_JSON = 1801
MISSING_PARAMETER = 1802

T = TypeVar("T")


def required() -> Any:
    """Mark a request field that must be given and not be empty."""
    return dataclasses.field(default=None, metadata={"required": True})


def bind(kind: type[T], body: bytes) -> T:
    """Read a request body as `kind`, a dataclass whose fields are spelt in snake case.

    Raises MilvusError 1801 or 1802 as the REST v2 handler of Milvus does.
    """
    if not body.strip():
        raise MilvusError(
            INVALID_JSON,
            "can only accept json format request, the request body should be nil, however {} is valid",
        )
    try:
        payload = json.loads(body, parse_constant=_refuse_constant, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise MilvusError(INVALID_JSON, f"can only accept json format request, error: {error}") from None
    request: T = _decode(payload, kind, kind.__name__)
    _check_required(request)
    return request


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"invalid character in literal {name}")


def _number(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"json: cannot unmarshal number {text} into Go value of type float64")
    return number


def _decode(value: Any, hint: Any, where: str) -> Any:
    if hint is Any:
        return value
    if value is None:
        return None if get_origin(hint) is UnionType else _zero(hint)
    if dataclasses.is_dataclass(hint):
        return _decode_struct(value, hint, where)
    origin = get_origin(hint)
    if origin is UnionType:
        return _decode(value, get_args(hint)[0], where)
    if origin is list:
        if not isinstance(value, list):
            raise _mismatch(value, where, "array")
        (item,) = get_args(hint)
        return [_decode(one, item, where) for one in value]
    if origin is dict:
        if not isinstance(value, dict):
            raise _mismatch(value, where, "object")
        item = get_args(hint)[1]
        # What can be anything stays as it is, the keys too: rows are refused for what a response cannot hold.
        return (
            dict(value) if item is Any else {plain_text(key): _decode(one, item, where) for key, one in value.items()}
        )
    if type(value) is not hint:
        raise _mismatch(value, where, {str: "string", bool: "bool", int: "int"}[hint])
    return plain_text(value) if hint is str else value


def _decode_struct(value: Any, kind: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise _mismatch(value, where, kind.__name__)
    refuse_fields(kind.__name__, value)
    hints = _hints(kind)
    given: dict[str, Any] = {}
    for key, one in value.items():
        name = _folded(kind).get(key.lower())
        if name is not None and one is not None:
            given[name] = _decode(one, hints[name], f"{kind.__name__}.{key}")
    return kind(**given)


def _check_required(request: Any) -> None:
    missing = list(_missing(request))
    if missing:
        raise missing_fields(missing)


def _missing(request: Any) -> Iterator[tuple[type[Any], str]]:
    kind: Any = type(request)
    for field in dataclasses.fields(request):
        value = getattr(request, field.name)
        # As in Go: what can be anything is there unless it is null, what has a type unless it is that type's zero.
        absent = value is None or (value in ("", 0) and _hints(kind)[field.name] is not Any)
        if field.metadata.get("required") and absent:
            yield kind, field.name
        for nested in value if isinstance(value, list) else [value]:
            if dataclasses.is_dataclass(nested):
                yield from _missing(nested)


def missing_fields(fields: list[tuple[type[Any], str]]) -> MilvusError:
    """The refusal of a request without these required fields: the class of each, and its name in snake case."""
    lines = []
    for kind, field in fields:
        name = "".join("ID" if part == "id" else part.title() for part in field.split("_"))
        lines.append(f"Key: '{kind.__name__}.{name}' Error:Field validation for '{name}' failed on the 'required' tag")
    return MilvusError(MISSING_PARAMETER, "missing required parameters, error: " + "\n".join(lines))


def property_text(value: Any) -> str:
    """A property as Milvus keeps it."""
    return value if isinstance(value, str) else json.dumps(value)


def _zero(hint: Any) -> Any:
    return (get_origin(hint) or hint)()


def _mismatch(value: Any, where: str, wanted: str) -> MilvusError:
    kinds = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}
    kind = kinds.get(type(value), "null")
    return MilvusError(
        INVALID_JSON,
        "can only accept json format request, error: "
        f"json: cannot unmarshal {kind} into Go struct field {where} of type {wanted}",
    )


@lru_cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


@lru_cache
def _folded(kind: Any) -> dict[str, str]:
    return {field.name.replace("_", ""): field.name for field in dataclasses.fields(kind) if field.init}
