"""What operators and the sensor have in common: the connection, deferral, and the wait for a collection."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator, conf

from airflow_provider_milvus import rest, waiting
from airflow_provider_milvus.exceptions import read_readiness_event, readiness_error_of
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.operators.parameters import check_flag, check_name
from airflow_provider_milvus.waiting.backoff import DEFAULT_MAX_POLL_FAILURES, DEFAULT_POLL_INTERVAL, check_wait

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_milvus.waiting.event import Event

DEFAULT_DEFERRABLE = conf.getboolean("operators", "default_deferrable", fallback=False)


def push_xcom(operator: BaseOperator, context: Context, key: str, value: Any) -> None:
    """Push an XCom unless the task has ``do_xcom_push=False``, which Airflow applies to the returned value alone."""
    if operator.do_xcom_push:
        context["ti"].xcom_push(key=key, value=value)


class MilvusOperator(BaseOperator):
    """An operator or a sensor with a connection to Milvus.

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

    def check_templated(self) -> None:
        """Refuse bad values of templated parameters, which are known when the task runs.

        :raises ValueError: naming the parameter, the value and the remedy.
        """
        check_name("milvus_conn_id", self.milvus_conn_id, what="a connection")
        check_name("database", self.database, what="a database", optional=True)


class MilvusCollectionOperator(MilvusOperator):
    """An operator on one collection.

    :param collection_name: the collection. (templated)
    """

    template_fields: Sequence[str] = (*MilvusOperator.template_fields, "collection_name")

    def __init__(self, *, collection_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.collection_name = collection_name

    def check_templated(self) -> None:
        super().check_templated()
        check_name("collection_name", self.collection_name, what="a collection")


class MilvusDeferrableOperator(MilvusOperator):
    """An operator or a sensor that waits: in the worker, or in the triggerer.

    A subclass has ``timeout``, in seconds.

    :param deferrable: whether to wait in the triggerer, holding no worker slot.
    :param defer_after: seconds that a deferrable task polls in the worker before it defers (5).
    :param max_poll_failures: failed polls in a row after which to give up (120).
    """

    timeout: Any  # seconds or None; always seconds in a sensor

    def __init__(
        self,
        *,
        deferrable: bool = DEFAULT_DEFERRABLE,
        defer_after: float = 5.0,
        max_poll_failures: int = DEFAULT_MAX_POLL_FAILURES,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_flag("deferrable", deferrable)
        check_wait(poll_interval=DEFAULT_POLL_INTERVAL, max_poll_failures=max_poll_failures, defer_after=defer_after)
        self.deferrable = deferrable
        self.defer_after = defer_after
        self.max_poll_failures = max_poll_failures

    @property
    def time_limit(self) -> float | None:
        """Seconds that the wait may take, ``None`` for no limit."""
        limits: list[float] = [self.timeout] if self.timeout is not None else []
        # Airflow 3 does not enforce execution_timeout while a task is deferred, and enforces it by itself otherwise.
        if self.deferrable and self.execution_timeout is not None:
            limits.append(self.execution_timeout.total_seconds())
        return min(limits, default=None)

    def deadline(self) -> float | None:
        """Epoch seconds at which a wait that begins now has to end."""
        return None if self.time_limit is None else time.time() + self.time_limit

    def defer_at(self) -> float | None:
        """Epoch seconds at which a wait that begins now moves to the triggerer; ``None`` where it stays here."""
        return time.time() + self.defer_after if self.deferrable else None


class MilvusWaitOperator(MilvusDeferrableOperator):
    """An operator that waits for what it has started.

    :param poll_interval: the longest time between two polls, in seconds (10); a young wait polls more often.
    :param timeout: seconds after which the task fails, while Milvus goes on; the task's ``execution_timeout`` holds as
        well, deferred or not. ``None`` waits for ever.
    """

    def __init__(
        self, *, poll_interval: float = DEFAULT_POLL_INTERVAL, timeout: float | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        check_wait(poll_interval=poll_interval, timeout=timeout)
        self.poll_interval = poll_interval
        self.timeout = timeout


class MilvusReadinessOperator(MilvusCollectionOperator, MilvusWaitOperator):
    """An operator that waits until a collection is loaded, or until indexes of it are built."""

    def _wait(self, context: Context, index_names: Sequence[str] | None = None, **next_kwargs: Any) -> Any:
        """Wait, and end in :meth:`execute_complete`, which gets ``next_kwargs`` as well."""
        deadline = self.deadline()
        wait = waiting.readiness_wait.ReadinessWait(
            f"collection {self.collection_name}",
            poll_interval=self.poll_interval,
            deadline=deadline,
            max_poll_failures=self.max_poll_failures,
            log=self.log,
        )
        requests = rest.collections.readiness(self.collection_name, index_names)
        event = waiting.readiness_wait.wait_for(
            wait,
            # The wait has a back-off of its own, which its deadline bounds.
            lambda: [self.hook.call(request, retries=0) for request in requests],
            until=self.defer_at(),
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
                kwargs=next_kwargs,
            )
        return self.execute_complete(context, event, **next_kwargs)

    def execute_complete(self, context: Context, event: Event | None) -> Any:
        """End the wait: return the state of what is ready, or fail."""
        event = read_readiness_event(event)
        if error := readiness_error_of(event):
            raise error
        self.log.info("%s", event["message"])
        return event["states"]
