"""The REST routes of entities: `/v2/vectordb/entities/*`."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from milvus_lite.analyzer.sparse import bytes_to_sparse
from milvus_lite.engine.collection import Collection
from milvus_lite.exceptions import SchemaValidationError
from milvus_lite.schema.types import DataType

from airflow_provider_milvus.local.errors import ImportDataError, MilvusError
from airflow_provider_milvus.local.importing.columns import check_inserted
from airflow_provider_milvus.local.routes.binding import required
from airflow_provider_milvus.local.routes.collections import require_loaded, require_partitions
from airflow_provider_milvus.local.routes.services import CollectionNameReq, Request, Routes, Services

INVALID_PARAMETER = 1100
INVALID_DATA = 1804
COUNT = "count(*)"
DEFAULT_LIMIT = 100
MAX_LIMIT = 16384
# A name in braces stands for a value, but not within a text.
PLACEHOLDER = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|\{(?P<name>\w+)\}""")


@dataclass(kw_only=True)
class QueryReq(CollectionNameReq):
    """Body of `query`."""

    filter: str = ""
    expr_params: dict[str, Any] = field(default_factory=dict)
    output_fields: list[str] = field(default_factory=list)
    partition_names: list[str] = field(default_factory=list)
    limit: int = 0
    offset: int = 0


@dataclass(kw_only=True)
class SearchReq(CollectionNameReq):
    """Body of `search`."""

    data: list[Any] = required()
    anns_field: str = ""
    filter: str = ""
    expr_params: dict[str, Any] = field(default_factory=dict)
    limit: int = 0
    offset: int = 0
    output_fields: list[str] = field(default_factory=list)
    partition_names: list[str] = field(default_factory=list)
    search_params: dict[str, Any] = field(default_factory=dict)


@dataclass(kw_only=True)
class GetReq(CollectionNameReq):
    """Body of `get`."""

    id: Any = required()
    output_fields: list[str] = field(default_factory=list)
    partition_names: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class DataReq(CollectionNameReq):
    """Body of `insert` and `upsert`: one row or a list of rows."""

    data: Any = required()
    partition_name: str = ""


@dataclass(kw_only=True)
class DeleteReq(CollectionNameReq):
    """Body of `delete`."""

    filter: str = required()
    expr_params: dict[str, Any] = field(default_factory=dict)
    partition_name: str = ""


def query(services: Services, request: QueryReq) -> list[dict[str, Any]]:
    """The rows for which the filter holds, or their number."""
    collection = _readable(services, request)
    partitions = request.partition_names or None
    expression = _expression(request)
    if COUNT in request.output_fields:
        if not expression and partitions is None:
            return _shown(request, collection, [{COUNT: collection.num_entities}])
        rows = collection.query(expression, output_fields=[_primary(collection)], partition_names=partitions)
        return _shown(request, collection, [{COUNT: len(rows)}])
    rows = collection.query(
        expression,
        output_fields=_fields(collection, request.output_fields),
        partition_names=partitions,
        limit=_limit(request.limit),
        offset=_offset(request.offset),
    )
    return _shown(request, collection, rows)


def search(services: Services, request: SearchReq) -> list[dict[str, Any]]:
    """The nearest rows of each vector, one vector's after the other's."""
    collection = _readable(services, request)
    metric = request.search_params.get("metricType")
    params = request.search_params.get("params") or {}
    if not isinstance(params, dict):
        raise MilvusError(INVALID_PARAMETER, "searchParams.params must be an object: invalid parameter")
    found = collection.search(
        [_vector(one) for one in request.data],
        top_k=_limit(request.limit),
        metric_type=_metric(collection, request.anns_field or None, metric),
        partition_names=request.partition_names or None,
        expr=_expression(request),
        output_fields=_fields(collection, request.output_fields) if request.output_fields else [],
        anns_field=request.anns_field or None,
        radius=params.get("radius"),
        range_filter=params.get("range_filter"),
        offset=_offset(request.offset),
        search_params=params,
    )
    primary = _primary(collection)
    hits = [hit for hits in found for hit in hits]
    rows = [{**hit["entity"], primary: hit["id"], "distance": hit["distance"]} for hit in hits]
    return _shown(request, collection, rows)


def get(services: Services, request: GetReq) -> list[dict[str, Any]]:
    """The rows with these primary keys."""
    given = request.id if isinstance(request.id, list) else [request.id]
    collection = _readable(services, request)
    rows = collection.get(
        _keys(collection, given),
        partition_names=request.partition_names or None,
        output_fields=_fields(collection, request.output_fields),
    )
    return _shown(request, collection, rows)


def insert(services: Services, request: DataReq) -> dict[str, Any]:
    """Insert rows."""
    with services.engine.write_lock:
        collection = request.collection(services)
        with _inserting():
            keys = collection.insert(_rows(request, collection), **_partition(request.partition_name))
    return {"insertCount": len(keys), "insertIds": _shown_keys(request, keys)}


def upsert(services: Services, request: DataReq) -> dict[str, Any]:
    """Insert rows, each in place of the one with its primary key."""
    with services.engine.write_lock:
        collection = request.collection(services)
        with _inserting():
            keys = collection.upsert(_rows(request, collection), **_partition(request.partition_name))
    return {"upsertCount": len(keys), "upsertIds": _shown_keys(request, keys)}


def delete(services: Services, request: DeleteReq) -> None:
    """Delete the rows for which the filter holds."""
    with services.engine.write_lock:
        collection = _loaded(services, request)
        partitions = [request.partition_name] if request.partition_name else []
        require_partitions(collection, partitions)
        primary = _primary(collection)
        # Also imported rows that no reader sees yet.
        everything = services.engine.with_waiting(collection)
        rows = everything.query(_expression(request), output_fields=[primary], partition_names=partitions or None)
        collection.delete([row[primary] for row in rows], **_partition(request.partition_name))


def _readable(services: Services, request: QueryReq | SearchReq | GetReq) -> Collection:
    collection = _loaded(services, request)
    require_partitions(collection, request.partition_names)
    return collection


@contextmanager
def _inserting() -> Iterator[None]:
    """Tell of rows that do not fit as Milvus does."""
    try:
        yield
    except (ImportDataError, SchemaValidationError, ValueError, TypeError, OverflowError) as error:
        raise MilvusError(INVALID_DATA, f"{error}: fail to deal the insert data") from None


def _loaded(services: Services, request: CollectionNameReq) -> Collection:
    collection = request.collection(services)
    require_loaded(collection)
    return collection


def _primary(collection: Collection) -> str:
    name: str = collection.pk_field
    return name


def _fields(collection: Collection, names: list[str]) -> list[str] | None:
    """What to read, `None` for everything."""
    if not names or "*" in names:
        return None
    known = {one.name for one in collection.schema.fields}
    for name in names:
        # What a dynamic field holds can be of any name.
        if name not in known and not collection.schema.enable_dynamic_field:
            raise MilvusError(INVALID_PARAMETER, f"field {name} not exist: invalid parameter")
    return names


def _keys(collection: Collection, given: list[Any]) -> list[Any]:
    """Primary keys, which a client may write as text where they are numbers: see `_wants_text`."""
    kind = next(one.dtype for one in collection.schema.fields if one.name == _primary(collection))
    return [_int64(one) for one in given] if kind == DataType.INT64 else given


def _int64(key: Any) -> int:
    if type(key) is int:
        return key
    try:
        return int(key if isinstance(key, str) else "")
    except ValueError:
        raise MilvusError(INVALID_PARAMETER, f"{key!r} is no primary key of type Int64: invalid parameter") from None


def _expression(request: QueryReq | SearchReq | DeleteReq) -> str | None:
    """The filter, with `exprParams` in place of the names in braces."""

    def value(found: re.Match[str]) -> str:
        name = found["name"]
        if name is None:
            return found[0]
        if name not in request.expr_params:
            raise MilvusError(INVALID_PARAMETER, f"the value of expression template variable {{{name}}} is not found")
        return json.dumps(request.expr_params[name], ensure_ascii=False)

    return (PLACEHOLDER.sub(value, request.filter) if request.expr_params else request.filter) or None


def _metric(collection: Collection, field_name: str | None, metric: Any) -> str:
    """The metric to search with, which is that of the index: Milvus Lite would search with any."""
    own: str = collection.resolve_search_metric(field_name, None)
    wanted: str = collection.resolve_search_metric(field_name, metric)
    if wanted != own:
        raise MilvusError(
            INVALID_PARAMETER, f"metric type not match: invalid parameter[expected={own}][actual={wanted}]"
        )
    return wanted


def _partition(name: str) -> dict[str, str]:
    return {"partition_name": name} if name else {}


def _limit(limit: int) -> int:
    return _bounded("limit", limit, least=1) or DEFAULT_LIMIT


def _offset(offset: int) -> int:
    return _bounded("offset", offset, least=0)


def _bounded(name: str, number: int, least: int) -> int:
    """A number up to `MAX_LIMIT`; 0 stands for "not given", whatever the least is."""
    if not 0 <= number <= MAX_LIMIT:
        raise MilvusError(
            INVALID_PARAMETER, f"[{name}] must be in range [{least}, {MAX_LIMIT}], but got {number}: invalid parameter"
        )
    return number


def _vector(value: Any) -> Any:
    if isinstance(value, dict):
        return {int(index): weight for index, weight in value.items()}
    return value


def _rows(request: DataReq, collection: Collection) -> list[dict[str, Any]]:
    rows = request.data if isinstance(request.data, list) else [request.data]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("data must be a row or a list of rows")
    sparse = [one.name for one in collection.schema.fields if one.dtype == DataType.SPARSE_FLOAT_VECTOR]
    rows = [{**row, **{name: _vector(row[name]) for name in sparse if name in row}} for row in rows]
    check_inserted(collection.schema, rows)
    return rows


def _shown(request: Request, collection: Collection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as JSON. A client can ask for Int64 as text, as JavaScript has no such numbers."""
    shown = [_plain(row) for row in rows]
    if _wants_text(request):
        for name in [COUNT, *(one.name for one in collection.schema.fields if one.dtype == DataType.INT64)]:
            for row in shown:
                if row.get(name) is not None:
                    row[name] = str(row[name])
    return shown


def _shown_keys(request: Request, keys: list[Any]) -> list[Any]:
    return [str(key) for key in keys] if _wants_text(request) else _plain(keys)


def _wants_text(request: Request) -> bool:
    return request.headers.get("accept-type-allow-int64", "").lower() == "false"


def _plain(value: Any) -> Any:
    """The value as JSON knows it."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items() if key != "$meta"}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, bytes):
        return _plain(bytes_to_sparse(value))
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    return value.isoformat() if isinstance(value, datetime) else value


ROUTES: Routes = {
    "/entities/query": (QueryReq, query),
    "/entities/search": (SearchReq, search),
    "/entities/get": (GetReq, get),
    "/entities/insert": (DataReq, insert),
    "/entities/upsert": (DataReq, upsert),
    "/entities/delete": (DeleteReq, delete),
}
