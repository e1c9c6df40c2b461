"""Which index Milvus Lite builds for one of a cluster, and what a cluster builds none for.

Names, ranges and texts are those of Milvus's `internal/util/indexparamcheck`.
"""

from typing import Any

from milvus_lite.exceptions import SchemaValidationError
from milvus_lite.schema.types import DataType, FieldSchema

from airflow_provider_milvus.local.lite.vector_types import BINARY, held_type, type_of

AUTOMATIC = "AUTOINDEX"
# What each type of field can have on a cluster, with the index of Milvus Lite that finds the same rows, or closer ones.
DENSE = {
    AUTOMATIC: AUTOMATIC,
    **{name: name for name in ("BRUTE_FORCE", "FLAT", "IVF_FLAT", "IVF_SQ8", "HNSW", "HNSW_SQ")},
    **dict.fromkeys(("IVF_PQ", "IVF_RABITQ", "HNSW_PQ", "HNSW_PRQ", "DISKANN", "SCANN"), "FLAT"),
}
BINARY_INDEXES = dict.fromkeys((AUTOMATIC, "BIN_FLAT", "BIN_IVF_FLAT"), "FLAT")
SPARSE = dict.fromkeys((AUTOMATIC, "SPARSE_INVERTED_INDEX", "SPARSE_WAND"), "SPARSE_INVERTED_INDEX")
SCALAR = dict.fromkeys((AUTOMATIC, "INVERTED", "BITMAP", "STL_SORT", "TRIE"), "INVERTED")
INTEGERS = (DataType.INT8, DataType.INT16, DataType.INT32, DataType.INT64)
NUMBERS = (*INTEGERS, DataType.FLOAT, DataType.DOUBLE)
DISCRETE = (DataType.BOOL, *INTEGERS, DataType.VARCHAR)
# What a field must be for an index of a type, and how Milvus says so; AUTOINDEX is for any.
ONLY_ON = {
    "TRIE": ((DataType.VARCHAR,), "TRIE are only supported on varchar field"),
    "STL_SORT": (
        (*NUMBERS, DataType.VARCHAR, DataType.TIMESTAMPTZ, DataType.JSON),
        "STL_SORT are only supported on numeric, varchar or timestamptz field",
    ),
    "BITMAP": (
        (*DISCRETE, DataType.ARRAY, DataType.JSON),
        "bitmap index are only supported on bool, int, string and array field",
    ),
    "INVERTED": (
        (*NUMBERS, DataType.BOOL, DataType.VARCHAR, DataType.ARRAY, DataType.JSON),
        "INVERTED are not supported on this field",
    ),
    "NGRAM": ((DataType.VARCHAR, DataType.JSON), "ngram index can only be created on VARCHAR or JSON field"),
    "RTREE": ((DataType.GEOMETRY,), "RTREE index can only be built on geometry field"),
}
# They take memory and time; Milvus Lite builds none, and finds the same rows.
ELSEWHERE = ("MINHASH_LSH", "NGRAM", "RTREE", "HYBRID", "FM_INDEX")
METRICS = {DataType.FLOAT_VECTOR: ("L2", "IP", "COSINE"), DataType.SPARSE_FLOAT_VECTOR: ("IP", "BM25")}
DEFAULT_METRICS = {DataType.FLOAT_VECTOR: "COSINE", DataType.SPARSE_FLOAT_VECTOR: "IP"}
BINARY_METRICS = ("HAMMING", "JACCARD")
RANGES = {"nlist": (1, 65536), "M": (2, 2048), "efConstruction": (1, 2**31 - 1)}
DROP_RATIOS = ("drop_ratio_build", "drop_ratio_search")
BAD_PARAMS = ": invalid parameter[expected=valid index params][actual=invalid index params]"


class InvalidIndex(SchemaValidationError):  # type: ignore[misc]
    """An index that Milvus refuses."""


def nearest_index(field: FieldSchema, wanted: dict[str, Any]) -> dict[str, Any]:
    """The index that Milvus Lite has for `wanted`. Raises InvalidIndex for what a cluster refuses."""
    index_type = str(wanted.get("index_type") or AUTOMATIC).upper()
    is_binary = held_type(field) == BINARY
    known = {DataType.FLOAT_VECTOR: DENSE, DataType.SPARSE_FLOAT_VECTOR: SPARSE}.get(field.dtype, SCALAR)
    known = BINARY_INDEXES if is_binary else known
    if index_type not in known:
        if index_type not in {*DENSE, *SPARSE, *SCALAR, *BINARY_INDEXES, *ELSEWHERE}:
            raise InvalidIndex(f"invalid index type: {index_type}: invalid parameter")
        if known is not SCALAR or index_type not in {*ELSEWHERE, *BINARY_INDEXES}:
            raise InvalidIndex(
                f"data type {type_of(field)} can't build with this index {index_type}: invalid parameter"
            )
    types, problem = ONLY_ON.get(index_type, ((field.dtype,), ""))
    if field.dtype not in types:
        raise InvalidIndex(f"{problem}, got {type_of(field)}: invalid parameter")
    if index_type == "BITMAP" and field.is_primary:
        raise InvalidIndex("create bitmap index on primary key not supported: invalid parameter")
    params = dict(wanted.get("params") or {})
    metric = wanted.get("metric_type")
    if is_binary:
        metric = "L2" if binary_metric(metric) else None
    elif field.dtype in METRICS:
        metric = str(metric or DEFAULT_METRICS[field.dtype]).upper()
        _check_metric(field, metric)
        _check_ranges(params)
        params = with_all_weights(params)
    return wanted | {"index_type": known.get(index_type, index_type), "metric_type": metric, "params": params}


def with_all_weights(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters without those that leave out small weights of sparse vectors: Milvus Lite keeps all."""
    return params | {name: 0 for name in DROP_RATIOS if _is_ratio(params.get(name))}


def binary_metric(given: Any) -> str:
    """The metric of an index on binary vectors. Raises InvalidIndex for one that they do not have."""
    metric = str(given or BINARY_METRICS[0]).upper()
    if metric not in BINARY_METRICS:
        raise InvalidIndex(f"binary vector index does not support metric type: {metric}{BAD_PARAMS}")
    return metric


def _check_metric(field: FieldSchema, metric: str) -> None:
    if metric not in METRICS[field.dtype]:
        problem = f"float vector index does not support metric type: {metric}"
        if field.dtype == DataType.SPARSE_FLOAT_VECTOR:
            problem = "only IP&BM25 is the supported metric type for sparse index"
        raise InvalidIndex(problem + BAD_PARAMS)
    if metric == "BM25" and not field.is_function_output:
        raise InvalidIndex("only BM25 Function output field support BM25 metric type" + BAD_PARAMS)


def _check_ranges(params: dict[str, Any]) -> None:
    for name, (lowest, highest) in RANGES.items():
        try:
            good = name not in params or lowest <= int(params[name]) <= highest
        except (TypeError, ValueError):
            good = False
        if not good:
            raise InvalidIndex(
                f"Out of range in json: param '{name}' ({params[name]}) should be in range [{lowest}, {highest}]: "
                "invalid parameter"
            )


def _is_ratio(value: Any) -> bool:
    try:
        return 0 <= float(value) < 1
    except (TypeError, ValueError):
        return False
