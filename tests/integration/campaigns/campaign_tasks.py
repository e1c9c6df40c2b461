"""Tasks as Airflow runs them, in this process: tries, deferrals, and what Airflow keeps of both."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from airflow.exceptions import TaskDeferred

RETRIES = 3


class Store(dict[str, Any]):
    """A task state store: JSON values, and no ``None``."""

    def set(self, key: str, value: Any) -> None:
        assert value is not None
        self[key] = json.loads(json.dumps(value))


class TaskInstance:
    """What a task knows of its try, and what it pushes."""

    dag_id, run_id, map_index = "campaign", "run", -1
    try_number, max_tries = 1, RETRIES

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self.xcoms: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.xcoms[key] = json.loads(json.dumps(value))


def connect(conn_id: str, **fields: Any) -> None:
    """Define a connection."""
    os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = json.dumps({"conn_type": "milvus", **fields})


def context_of(task_id: str, began: float, *, store: bool) -> dict[str, Any]:
    """What all tries of a task run with, with or without Airflow 3.3's task state store."""
    context: dict[str, Any] = {
        "ti": TaskInstance(task_id),
        "dag_run": SimpleNamespace(start_date=datetime.fromtimestamp(began, UTC)),
        "outlet_events": {},
    }
    if store:
        context["task_state_store"] = Store()
    return context


def run_try(
    make: Callable[[], Any],
    context: dict[str, Any],
    run: Callable[[Coroutine[Any, Any, Any]], Any],
    kept: list[Any] | None = None,
) -> Any:
    """The result of one try, through as many deferrals as it takes; each begins with a new operator.

    :param run: runs a coroutine, on an event loop of its own.
    :param kept: gets what Airflow stores of deferrals: triggers, events and arguments.
    """
    task = make()
    _let_threads_execute()
    step: Callable[[], Any] = lambda: task.execute(context)  # noqa: E731
    while True:
        try:
            return step()
        except TaskDeferred as deferral:
            classpath, arguments = deferral.trigger.serialize()
            stored = json.loads(json.dumps([arguments, deferral.kwargs or {}]))
            trigger = type(deferral.trigger)(**stored[0])
            payload = json.loads(json.dumps(run(first_event(trigger))))
            if kept is not None:
                kept += [classpath, *stored, payload]
            resumed, method, more = make(), deferral.method_name, stored[1]
            step = lambda: getattr(resumed, method)(context, payload, **more)  # noqa: B023, E731


def fire_at_once() -> None:
    """Let triggers fire at once, which wait some seconds so that Airflow is ready for their events."""
    from airflow_provider_milvus.triggers import wait_trigger

    wait_trigger.MIN_AGE_SECONDS = 0.0


async def first_event(trigger: Any) -> Any:
    """The payload of a trigger's event."""
    events = trigger.run()
    try:
        async for event in events:
            return event.payload
    finally:
        await events.aclose()
    raise AssertionError("the trigger ended without an event")


def _let_threads_execute() -> None:
    """Airflow 2 knows who calls ``execute`` in the main thread alone."""
    with suppress(ImportError, AttributeError):
        from airflow.models.baseoperator import ExecutorSafeguard

        if not hasattr(ExecutorSafeguard._sentinel, "callers"):
            ExecutorSafeguard._sentinel.callers = {}
