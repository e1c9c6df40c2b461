"""The gRPC face: Milvus Lite's own servicer, behind the same lock and the same credentials as REST."""

import base64
import hmac
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from milvus_lite.adapter.grpc.errors import to_status_kwargs
from milvus_lite.adapter.grpc.servicer import MilvusServicer
from milvus_lite.exceptions import MilvusLiteError
from pymilvus.grpc_gen import common_pb2, milvus_pb2, milvus_pb2_grpc, schema_pb2

from airflow_provider_milvus.local.errors import LocalMilvusError
from airflow_provider_milvus.local.lite.engine import Engine
from airflow_provider_milvus.local.lite.index_rules import AUTOMATIC
from airflow_provider_milvus.local.lite.kept import Kept, shown
from airflow_provider_milvus.local.lite.valid_names import check_index_name, check_partition_name
from airflow_provider_milvus.local.port import address, listen

WORKERS = 10
# As Milvus standalone has it.
MAX_MESSAGE_BYTES = 256 << 20
PING_MILLISECONDS = 5000
# Milvus Lite allows one writer per collection, and does not see to it itself.
READS = (
    "Connect",
    "GetVersion",
    "CheckHealth",
    "HasCollection",
    "DescribeCollection",
    "ShowCollections",
    "Query",
    "Search",
    "HybridSearch",
    "DescribeIndex",
    "GetLoadingProgress",
    "GetLoadState",
    "HasPartition",
    "ShowPartitions",
    "GetFlushState",
    "GetCollectionStatistics",
    "GetPartitionStatistics",
    "ListDatabases",
    "DescribeDatabase",
    "DescribeAlias",
    "ListAliases",
    "GetCompactionState",
)

# It logs a traceback for each message that is none, which is its sender's fault.
logging.getLogger("grpc._common").setLevel(logging.CRITICAL)

Continuation = Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler]


class GrpcFace:
    """The gRPC server. `token` is "user:password", or None to let everyone in."""

    def __init__(self, engine: Engine, token: str | None) -> None:
        self._server = grpc.server(
            ThreadPoolExecutor(WORKERS, thread_name_prefix="grpc"),
            interceptors=[*([] if token is None else [_Authenticate(token)]), _OneWriter(engine.write_lock)],
            options=[
                ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
                ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
                # Otherwise two servers would share one port, and a client would meet either.
                ("grpc.so_reuseport", 0),
                # As Milvus allows a client to keep its connection alive.
                ("grpc.http2.min_ping_interval_without_data_ms", PING_MILLISECONDS),
                ("grpc.http2.min_recv_ping_interval_without_data_ms", PING_MILLISECONDS),
                ("grpc.keepalive_permit_without_calls", 1),
            ],
        )
        milvus_pb2_grpc.add_MilvusServiceServicer_to_server(_Servicer(engine), self._server)

    def listen(self, host: str, port: int) -> int:
        """Listen on a port, before `start`; returns the port (`port` 0 means any free one).

        Raises LocalMilvusError when the port is taken.
        """
        try:
            # gRPC would log its own error beside ours.
            listen(host, port).close()
            return int(self._server.add_insecure_port(address(host, port)))
        except (LocalMilvusError, RuntimeError):
            raise LocalMilvusError(f"cannot listen for gRPC on {address(host, port)}: the port is taken") from None

    def start(self) -> None:
        self._server.start()

    def stop(self, seconds: float) -> None:
        """Take no more calls, and give those that run this long to end."""
        self._server.stop(seconds).wait()


class _Servicer(MilvusServicer):  # type: ignore[misc]
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
        kept = Kept(
            description=schema.description,
            shards=max(request.shards_num, 1),
            partitions=request.num_partitions,
            consistency_level=common_pb2.ConsistencyLevel.Name(request.consistency_level),
            clustering_key=next((one.name for one in schema.fields if one.is_clustering_key), ""),
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
        had_index = collection.has_index()
        given = next((pair.value for pair in request.extra_params if pair.key == "index_type"), "")
        if not given:
            request.extra_params.add(key="index_type", value=AUTOMATIC)
        status = super().CreateIndex(request, context)
        if status.code == 0:
            kept = self._engine.kept(collection)
            kept.index_names.setdefault(request.field_name, request.index_name or request.field_name)
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


def _find_index(request: Any, kept: Kept) -> None:
    # Milvus Lite knows an index by its field alone.
    for field_name, index_name in kept.index_names.items():
        if index_name == request.index_name:
            request.field_name = field_name


class _Authenticate(grpc.ServerInterceptor):  # type: ignore[misc]
    """Demands `user:password`, which pymilvus sends in base64 without a scheme."""

    def __init__(self, token: str) -> None:
        self._expected = base64.b64encode(token.encode())

    def intercept_service(self, continuation: Continuation, call: grpc.HandlerCallDetails) -> Any:
        given = dict(call.invocation_metadata).get("authorization", "")
        if hmac.compare_digest(str(given).encode(), self._expected):
            return continuation(call)
        # A stream, of which nothing is read: the message of an ordinary call would be in memory before it is refused.
        return grpc.stream_unary_rpc_method_handler(_refuse)


class _OneWriter(grpc.ServerInterceptor):  # type: ignore[misc]
    """Lets one writing call in at a time."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock

    def intercept_service(self, continuation: Continuation, call: grpc.HandlerCallDetails) -> Any:
        handler = continuation(call)
        if handler is None or call.method.rpartition("/")[2] in READS:
            return handler

        def locked(request: Any, context: grpc.ServicerContext) -> Any:
            with self._lock:
                return handler.unary_unary(request, context)

        return grpc.unary_unary_rpc_method_handler(
            locked,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )


def _refuse(_request: Any, context: grpc.ServicerContext) -> None:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, "user hasn't authenticated")
