"""Default values of fields: from JSON to what Milvus Lite stores, as Milvus's REST handler converts them.

The texts are those of `convertDefaultValue` in `internal/distributed/proxy/httpserver/utils.go`.
"""

import json
import sys
from typing import Any

from milvus_lite.schema.types import DataType

from airflow_provider_milvus.local.errors import MilvusError
from airflow_provider_milvus.local.importing.columns import MAX_TEXT_BYTES
from airflow_provider_milvus.local.lite.type_names import NAMES

INVALID_PARAMETER = 1100
GREATEST: dict[DataType, float] = {
    DataType.INT8: 2**7 - 1,
    DataType.INT16: 2**15 - 1,
    DataType.INT32: 2**31 - 1,
    DataType.INT64: 2**63 - 1,
    DataType.FLOAT: (2 - 2**-23) * 2.0**127,
    DataType.DOUBLE: sys.float_info.max,
}
# By type of the field: what Go calls the value's type, the quotes it writes first, and what it calls the field's.
WANTED: dict[DataType, tuple[str, str, str]] = {
    DataType.BOOL: ("bool", '"', "bool"),
    **dict.fromkeys((DataType.INT8, DataType.INT16, DataType.INT32), ("float64", '""', "int")),
    DataType.INT64: ("float64", '"', "long"),
    **dict.fromkeys((DataType.FLOAT, DataType.DOUBLE), ("float64", '"', "float")),
    DataType.VARCHAR: ("string", '"', "string"),
    DataType.GEOMETRY: ("string", '"', "geometry"),
}
GO_TYPES = {bool: "bool", int: "float64", float: "float64", str: "string", list: "[]interface {}"}


def default_value(name: str, kind: DataType, value: Any, max_length: int | None) -> Any:
    """The default value of a field. Raises MilvusError for one that does not fit it."""
    if value is None:
        return None
    if kind == DataType.TIMESTAMPTZ:
        # Milvus Lite parses it itself.
        return value
    if kind not in WANTED:
        raise _refused(f"convert defaultValue fail, err:Unexpected default value type: {NAMES[kind]}")
    wanted, quotes, called = WANTED[kind]
    given = GO_TYPES.get(type(value), "map[string]interface {}")
    if given != wanted:
        text = value if isinstance(value, str) else json.dumps(value)
        raise _refused(
            f'convert defaultValue fail, err:cannot use {quotes}{text}"(type: {given}) as {called} default value'
        )
    if called in ("int", "long"):
        # Go leaves out what is behind the point.
        value = int(value)
    if not _is_in_range(kind, value, max_length):
        raise _refused(f"default value {value!r} of field {name} is out of range for {NAMES[kind]}")
    return value


def _is_in_range(kind: DataType, value: Any, max_length: int | None) -> bool:
    if kind == DataType.VARCHAR:
        return len(value.encode()) <= (max_length or MAX_TEXT_BYTES)
    if kind in (DataType.FLOAT, DataType.DOUBLE):
        return bool(abs(value) <= GREATEST[kind])
    return kind not in GREATEST or bool(-GREATEST[kind] - 1 <= value <= GREATEST[kind])


def _refused(problem: str) -> MilvusError:
    return MilvusError(INVALID_PARAMETER, f"{problem}: invalid parameter")
