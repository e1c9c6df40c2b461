"""Milvus Lite's own servicer, with what a cluster keeps of a collection and the types that Milvus Lite lacks."""

import json
import time
from typing import Any

import grpc
from milvus_lite.adapter.grpc.errors import to_status_kwargs
from milvus_lite.adapter.grpc.servicer import MilvusServicer
from milvus_lite.exceptions import MilvusLiteError
from pymilvus.grpc_gen import common_pb2, milvus_pb2, schema_pb2

from airflow_provider_milvus.local.lite.counting import count_rows
from airflow_provider_milvus.local.lite.engine import Engine
from airflow_provider_milvus.local.lite.grpc_vectors import (
    hide_types,
    hold_columns,
    hold_queries,
    show_columns,
    show_types,
)
from airflow_provider_milvus.local.lite.index_rules import AUTOMATIC, binary_metric
from airflow_provider_milvus.local.lite.kept import Kept, shown
from airflow_provider_milvus.local.lite.valid_names import check_index_name, check_partition_name
from airflow_provider_milvus.local.lite.vector_types import BINARY, held_types

COUNT = "count(*)"
# A timestamp has milliseconds, and behind them a counter of this many bits.
LOGICAL_BITS = 18
# What is sent beside the parameters of an index, and is none.
NO_PARAMS = ("index_type", "metric_type", "params", "search_params", "index_name", "mmap.enabled", "warmup")


class Servicer(MilvusServicer):  # type: ignore[misc]
    """The calls of Milvus's gRPC API."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.db)
        self._engine = engine

    def CreatePartition(self, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            check_partition_name(request.partition_name)
        except MilvusLiteError as error:
            return common_pb2.Status(**to_status_kwargs(error))
        return super().CreatePartition(request, context)

    def CreateCollection(self, request: Any, context: grpc.ServicerContext) -> Any:
        schema = schema_pb2.CollectionSchema.FromString(request.schema)
        types = hide_types(schema)
        request.schema = schema.SerializeToString()
        kept = Kept(
            description=schema.description,
            shards=max(request.shards_num, 1),
            partitions=request.num_partitions,
            consistency_level=common_pb2.ConsistencyLevel.Name(request.consistency_level),
            clustering_key=next((one.name for one in schema.fields if one.is_clustering_key), ""),
            vector_types=types,
        )
        for key, value in kept.as_property().items():
            request.properties.add(key=key, value=value)
        return super().CreateCollection(request, context)

    def DescribeCollection(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = super().DescribeCollection(request, context)
        properties = {pair.key: pair.value for pair in response.properties}
        kept = Kept.of(properties)
        response.schema.description = kept.description
        response.shards_num = kept.shards
        response.num_partitions = kept.partitions or response.num_partitions
        response.consistency_level = common_pb2.ConsistencyLevel.Value(kept.consistency_level)
        for field in response.schema.fields:
            field.is_clustering_key = field.name == kept.clustering_key
        show_types(response.schema, kept.vector_types)
        del response.properties[:]
        for key, value in shown(properties).items():
            response.properties.add(key=key, value=value)
        return response

    def CreateIndex(self, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            check_index_name(request.index_name)
            collection = self._get_collection(request, context)
        except MilvusLiteError as error:
            return common_pb2.Status(**to_status_kwargs(error))
        _gather_params(request)
        had_index = collection.has_index()
        given = next((pair.value for pair in request.extra_params if pair.key == "index_type"), "")
        if not given:
            request.extra_params.add(key="index_type", value=AUTOMATIC)
        status = super().CreateIndex(request, context)
        if status.code == 0:
            kept = self._engine.kept(collection)
            kept.index_names.setdefault(request.field_name, request.index_name or request.field_name)
            if held_types(collection.schema).get(request.field_name) == BINARY:
                metric = next((pair.value for pair in request.extra_params if pair.key == "metric_type"), "")
                kept.index_metrics.setdefault(request.field_name, binary_metric(metric))
            if given:
                kept.index_types.setdefault(request.field_name, given.upper())
            self._engine.keep(self._database_name(request, context), collection, kept)
        if not had_index:
            # Nobody has loaded it yet, as in REST.
            collection.release()
        return status

    def DescribeIndex(self, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            kept = self._engine.kept(self._get_collection(request, context))
        except MilvusLiteError as error:
            return milvus_pb2.DescribeIndexResponse(status=common_pb2.Status(**to_status_kwargs(error)))
        _find_index(request, kept)
        response = super().DescribeIndex(request, context)
        for index in response.index_descriptions:
            index.index_name = kept.index_name(index.field_name)
            for pair in index.params:
                if pair.key == "index_type":
                    pair.value = kept.index_types.get(index.field_name, pair.value)
                if pair.key == "metric_type":
                    pair.value = kept.index_metrics.get(index.field_name, pair.value)
        return response

    def DropIndex(self, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            collection = self._get_collection(request, context)
        except MilvusLiteError as error:
            return common_pb2.Status(**to_status_kwargs(error))
        kept = self._engine.kept(collection)
        _find_index(request, kept)
        status = super().DropIndex(request, context)
        if status.code == 0:
            kept.forget_index(request.field_name)
            self._engine.keep(self._database_name(request, context), collection, kept)
        return status

    def Insert(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._written(super().Insert, request, context)

    def Upsert(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._written(super().Upsert, request, context)

    def _written(self, write: Any, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            hold_columns(request.fields_data, self._types(request, context))
        except MilvusLiteError as error:
            return milvus_pb2.MutationResult(status=common_pb2.Status(**to_status_kwargs(error)))
        return write(request, context)

    def _types(self, request: Any, context: grpc.ServicerContext) -> dict[str, str]:
        return held_types(self._get_collection(request, context).schema)

    def Search(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._searched(super().Search, request, [request], context)

    def HybridSearch(self, request: Any, context: grpc.ServicerContext) -> Any:
        return self._searched(super().HybridSearch, request, request.requests, context)

    def _searched(self, search: Any, request: Any, searches: Any, context: grpc.ServicerContext) -> Any:
        try:
            types = self._types(request, context)
            for one in searches if types else ():
                hold_queries(one, types)
        except MilvusLiteError as error:
            return milvus_pb2.SearchResults(status=common_pb2.Status(**to_status_kwargs(error)))
        response = search(request, context)
        show_columns(response.results.fields_data, types)
        return response

    def Query(self, request: Any, context: grpc.ServicerContext) -> Any:
        response = super().Query(request, context)
        if response.fields_data:
            show_columns(response.fields_data, self._types(request, context))
        if COUNT in request.output_fields and response.status.code == 0:
            collection, partitions = self._get_collection(request, context), list(request.partition_names) or None
            timezone = next((pair.value for pair in request.query_params if pair.key == "timezone"), None)
            count = count_rows(collection, request.expr or None, partitions, timezone)
            response.fields_data[0].scalars.long_data.data[0] = count
        return response

    def AllocTimestamp(self, request: Any, context: grpc.ServicerContext) -> Any:
        # pymilvus 3.0 begins to wait for an index with it.
        timestamp = int(time.time() * 1000) << LOGICAL_BITS
        return milvus_pb2.AllocTimestampResponse(status=common_pb2.Status(), timestamp=timestamp)

    def GetQuerySegmentInfo(self, request: Any, context: grpc.ServicerContext) -> Any:
        try:
            database = request.dbName or self._database_name(request, context)
            collection = self._engine.collection(database, request.collectionName)
        except MilvusLiteError as error:
            return milvus_pb2.GetQuerySegmentInfoResponse(status=common_pb2.Status(**to_status_kwargs(error)))
        number = self._engine.collection_id(collection)
        infos = [
            milvus_pb2.QuerySegmentInfo(
                segmentID=int(one.seqs.min()),
                collectionID=number,
                num_rows=one.num_rows,
                state=common_pb2.SegmentState.Sealed,
            )
            for one in collection._read_snapshot()[0]
        ]
        return milvus_pb2.GetQuerySegmentInfoResponse(status=common_pb2.Status(), infos=infos)

    def LoadCollection(self, request: Any, context: grpc.ServicerContext) -> Any:
        if not request.refresh:
            return super().LoadCollection(request, context)
        try:
            self._engine.refresh(self._get_collection(request, context))
        except MilvusLiteError as error:
            return common_pb2.Status(**to_status_kwargs(error))
        return common_pb2.Status()

    def GetLoadingProgress(self, request: Any, context: grpc.ServicerContext) -> Any:
        progress = super().GetLoadingProgress(request, context)
        # A client that refreshed waits for this one, which stays 0 in Milvus Lite.
        progress.refresh_progress = progress.progress
        return progress


def _gather_params(request: Any) -> None:
    # Newer clients send each parameter by itself, and Milvus Lite would ignore it.
    given = {pair.key: pair.value for pair in request.extra_params}
    params = json.loads(given.get("params") or "{}")
    params |= {key: value for key, value in given.items() if key not in NO_PARAMS}
    del request.extra_params[:]
    for key in NO_PARAMS:
        if key in given and key != "params":
            request.extra_params.add(key=key, value=given[key])
    request.extra_params.add(key="params", value=json.dumps(params))


def _find_index(request: Any, kept: Kept) -> None:
    # Milvus Lite knows an index by its field alone.
    for field_name, index_name in kept.index_names.items():
        if index_name == request.index_name:
            request.field_name = field_name
