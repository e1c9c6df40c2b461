"""What the operators of the steps around an import have in common."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_milvus import rest, waiting
from airflow_provider_milvus.exceptions import read_readiness_event, readiness_error_of
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.waiting.backoff import DEFAULT_MAX_POLL_FAILURES, DEFAULT_POLL_INTERVAL, check_wait

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_milvus.waiting.event import Event


class MilvusOperator(BaseOperator):
    """An operator with a connection to Milvus.

    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    """

    template_fields: Sequence[str] = ("milvus_conn_id", "database")
    ui_color = "#e0f4ff"

    def __init__(
        self, *, milvus_conn_id: str = MilvusHook.default_conn_name, database: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.milvus_conn_id = milvus_conn_id
        self.database = database

    @cached_property
    def hook(self) -> MilvusHook:
        """The hook that this task sends its requests with."""
        return MilvusHook(self.milvus_conn_id, self.database)


class MilvusReadinessOperator(MilvusOperator):
    """An operator that waits until a collection is loaded, or until indexes of it are built.

    :param collection_name: the collection. (templated)
    :param deferrable: whether to wait in the triggerer, holding no worker slot.
    :param defer_after: seconds that a deferrable operator waits by itself first.
    :param poll_interval: the most seconds between two looks; a young wait looks more often.
    :param timeout: seconds after which the task fails, while Milvus goes on; the task's ``execution_timeout`` holds as
        well, deferred or not. ``None`` waits for ever.
    :param max_poll_failures: failed looks in a row after which to give up.
    """

    template_fields: Sequence[str] = (*MilvusOperator.template_fields, "collection_name")

    def __init__(
        self,
        *,
        collection_name: str,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        defer_after: float = 5.0,
        poll_interval: float = DEFAULT_POLL_INTERVAL,
        timeout: float | None = None,
        max_poll_failures: int = DEFAULT_MAX_POLL_FAILURES,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_wait(
            poll_interval=poll_interval, max_poll_failures=max_poll_failures, timeout=timeout, defer_after=defer_after
        )
        self.collection_name = collection_name
        self.deferrable = deferrable
        self.defer_after = defer_after
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.max_poll_failures = max_poll_failures

    def _wait(self, context: Context, index_names: Sequence[str] | None = None, **more: Any) -> Any:
        """Wait, and end in :meth:`execute_complete`, which gets ``more`` as well."""
        deadline = self._deadline()
        wait = waiting.readiness_wait.ReadinessWait(
            f"collection {self.collection_name}",
            poll_interval=self.poll_interval,
            deadline=deadline,
            max_poll_failures=self.max_poll_failures,
            log=self.log,
        )
        questions = rest.collections.readiness(self.collection_name, index_names)
        event = waiting.readiness_wait.wait_for(
            wait,
            # The wait has a back-off of its own, which its deadline bounds.
            lambda: [self.hook.call(question, retries=0) for question in questions],
            until=time.time() + self.defer_after if self.deferrable else None,
        )
        if event is None:
            from airflow_provider_milvus.triggers.collection import MilvusCollectionTrigger

            self.defer(
                trigger=MilvusCollectionTrigger(
                    collection_name=self.collection_name,
                    milvus_conn_id=self.milvus_conn_id,
                    index_names=index_names,
                    poll_interval=self.poll_interval,
                    deadline=deadline,
                    max_poll_failures=self.max_poll_failures,
                    database=self.database,
                ),
                method_name="execute_complete",
                kwargs=more,
            )
        return self.execute_complete(context, event, **more)

    def _deadline(self) -> float | None:
        seconds = [self.timeout] if self.timeout is not None else []
        # Airflow 3 does not enforce execution_timeout while a task is deferred, and enforces it by itself otherwise.
        if self.deferrable and self.execution_timeout is not None:
            seconds.append(self.execution_timeout.total_seconds())
        return time.time() + min(seconds) if seconds else None

    def execute_complete(self, context: Context, event: Event | None) -> Any:
        """End the wait: return the figures of what is ready, or fail."""
        event = read_readiness_event(event)
        if error := readiness_error_of(event):
            raise error
        self.log.info("%s", event["message"])
        return event["states"]
