"""The gRPC face: Milvus Lite's own servicer, behind the same lock and the same credentials as REST."""

import base64
import hmac
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from pymilvus.grpc_gen import milvus_pb2_grpc

from airflow_provider_milvus.local.errors import LocalMilvusError
from airflow_provider_milvus.local.lite.engine import Engine
from airflow_provider_milvus.local.lite.grpc_servicer import Servicer
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
    "AllocTimestamp",
    "GetQuerySegmentInfo",
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
        milvus_pb2_grpc.add_MilvusServiceServicer_to_server(Servicer(engine), self._server)

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
