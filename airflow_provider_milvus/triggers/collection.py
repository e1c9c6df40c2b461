"""The wait until a collection is loaded or its indexes are built, in the triggerer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import rest, waiting
from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook
from airflow_provider_milvus.triggers.wait_trigger import MilvusWaitTrigger
from airflow_provider_milvus.waiting.backoff import DEFAULT_MAX_POLL_FAILURES, DEFAULT_POLL_INTERVAL, check_wait

if TYPE_CHECKING:
    from airflow_provider_milvus.waiting.event import Event


class MilvusCollectionTrigger(MilvusWaitTrigger):
    """Wait until a collection is loaded, or until indexes of it are built, without holding a worker slot.

    It fires once, with the event described in :mod:`airflow_provider_milvus.waiting.event`, no sooner than six seconds
    after it was started.

    :param collection_name: the collection.
    :param milvus_conn_id: a connection of the type ``milvus``.
    :param index_names: the indexes that are waited for; ``None`` waits until the collection is loaded.
    :param poll_interval: longest time between two polls, in seconds.
    :param deadline: epoch seconds after which it fires with ``timeout``; ``None`` for no limit.
    :param max_poll_failures: failed polls in a row after which it fires with ``unreachable``.
    :param database: instead of the connection's database.
    """

    def __init__(
        self,
        collection_name: str,
        milvus_conn_id: str,
        index_names: Sequence[str] | None = None,
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        deadline: float | None = None,
        max_poll_failures: int = DEFAULT_MAX_POLL_FAILURES,
        database: str | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.collection_name = collection_name
        self.milvus_conn_id = milvus_conn_id
        self.index_names = index_names
        self.poll_interval = poll_interval
        self.deadline = deadline
        self.max_poll_failures = max_poll_failures
        self.database = database

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and the arguments that start it again. There is no secret in them."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "collection_name": self.collection_name,
                "milvus_conn_id": self.milvus_conn_id,
                "index_names": self.index_names,
                "poll_interval": self.poll_interval,
                "deadline": self.deadline,
                "max_poll_failures": self.max_poll_failures,
                "database": self.database,
            },
        )

    async def _wait(self) -> Event:
        check_wait(poll_interval=self.poll_interval, max_poll_failures=self.max_poll_failures, deadline=self.deadline)
        wait = waiting.readiness_wait.ReadinessWait(
            f"collection {self.collection_name}",
            poll_interval=self.poll_interval,
            deadline=self.deadline,
            max_poll_failures=self.max_poll_failures,
            log=self.log,
        )
        requests = rest.collections.readiness(self.collection_name, self.index_names)
        async with MilvusAsyncHook(self.milvus_conn_id, self.database) as hook:

            async def fetch() -> list[Any]:
                return [await hook.call(request) for request in requests]

            return await waiting.readiness_wait.watch(wait, fetch)

    def _error_event(self, reason: str) -> Event:
        return waiting.event.readiness_event(
            "unreachable",
            f"collection {self.collection_name} could not be polled with the connection {self.milvus_conn_id!r}; "
            f"Milvus goes on: {reason}",
        )
