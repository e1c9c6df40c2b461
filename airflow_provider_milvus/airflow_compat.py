"""Private and undocumented parts of Airflow that this package uses. Nothing else in the package touches them.

Each function names the versions that its part was read in, what to watch, and what happens where the part is missing:
always something that works, with the loss that its docstring states. Public parts of Airflow are used directly, through
``airflow.providers.common.compat`` where their place differs between versions.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, NoReturn

# What the names of Airflow's lazy sequences begin with, see `evaluated`; rendered as text they begin with it as well.
LAZY_CLASSES = ("LazyXCom", "LazySelect")


class LoadOfTry(NamedTuple):
    """Which load of its task a try belongs to.

    :param number: 0 for the first; a task that succeeded and is cleared begins another.
    :param earlier_tries: what tries before this one may have done for the same load: ``"none"`` is certain, ``"some"``
        are retries, and ``"cleared"`` may have completed a load, which the clear then begins again.
    """

    number: int
    earlier_tries: Literal["none", "some", "cleared"]


def clear_count(ti: Any, retries: int | None) -> int:
    """How often a task instance was cleared, by ``ti.max_tries``: it is ``retries`` at first, and grows.

    It also grows when ``retries`` is lowered between two tries, so :func:`load_of_try` decides which load a try is of.

    Read in 2.11.0 to 3.4.0b2 (``airflow/models/taskinstance.py``, ``clear_task_instances``): a clear sets it to the
    number of the last try plus ``retries``, and a retry leaves it as it is. It is declared in
    ``airflow.sdk.types.RuntimeTaskInstanceProtocol``, but what a clear does to it is not documented. Watch for a public
    number of clears beside AIP-103. Without it: 0, so that a task that succeeded and is cleared does not load again.
    """
    return max((getattr(ti, "max_tries", None) or 0) - (retries or 0), 0)


def load_of_try(context: Any, task: Any) -> LoadOfTry:
    """Which load of its task a try belongs to, where no record has it (before Airflow 3.3, or a record was removed).

    A retry belongs to the load of the try before it, whatever was done to ``retries`` in between. So does the first
    try after a clear, unless the try before the clear had succeeded: then it begins another load, with the number of
    that try. Where Airflow does not report how the try before ended, a clear begins another load if the run was cleared
    at all, and a retry it is otherwise.
    """
    ti = context["ti"]
    clears = clear_count(ti, task.retries)
    if (getattr(ti, "try_number", None) or 1) <= 1:
        return LoadOfTry(clears, "none")
    number = _last_success(ti, task)
    if number is not None:
        if number and clears:
            _remember_load(ti, number)
        return LoadOfTry(number, "none" if number == ti.try_number - 1 else "some")
    if getattr(context.get("dag_run"), "clear_number", None) == 0:
        return LoadOfTry(0, "some")
    # With a store, a retry without a record has not sent anything since the clear.
    is_first_of_clear = ti.try_number <= clears + 1 or context.get("task_state_store") is not None
    return LoadOfTry(clears, "cleared" if clears and is_first_of_clear else "some")


_LOAD_KEY = "milvus_load_"


def _remember_load(ti: Any, number: int) -> None:
    # The next try gets to know the names of this one's XComs, and nothing else of it.
    ti.xcom_push(key=f"{_LOAD_KEY}{number}", value=number)


def _last_success(ti: Any, task: Any) -> int | None:
    """The number of the task instance's last try that succeeded and was cleared, 0 for none, ``None`` for unknown.

    Airflow 3.0 to 3.3: ``_ti_context_from_server.xcom_keys_to_clear``, read in 3.0.6 to 3.3.2
    (``airflow/sdk/execution_time/task_runner.py``), has the names of the XComs of the try before; one that succeeded
    has pushed ``return_value``. From 3.4 on every try has XComs of its own and the list is empty. Airflow 2: the table
    ``task_instance_history``, read in 2.11.0. Watch for the tries of a task instance in the Task Execution API. Without
    them: ``None``.
    """
    server = getattr(ti, "_ti_context_from_server", None)
    if server is None:
        return _last_success_in_history(ti)
    keys = getattr(server, "xcom_keys_to_clear", None)
    if keys is None or hasattr(ti, "region_id") or not getattr(task, "do_xcom_push", True):
        return None
    if "return_value" in keys and clear_count(ti, task.retries):
        return int(ti.try_number) - 1
    numbers = [key.removeprefix(_LOAD_KEY) for key in keys if key.startswith(_LOAD_KEY)]
    return max((int(number) for number in numbers if number.isdecimal()), default=0)


def _last_success_in_history(ti: Any) -> int | None:
    from airflow import __version__

    if not __version__.startswith("2."):
        return None
    try:
        from airflow.models.taskinstancehistory import TaskInstanceHistory as History
        from airflow.utils.session import create_session

        with create_session() as session:
            tries = (
                session.query(History.try_number, History.state)
                .filter_by(dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id, map_index=ti.map_index)
                .filter(History.try_number < ti.try_number)
                .all()
            )
    except Exception:
        # No such table or column, or a worker without access to the database.
        return None
    return max((number for number, state in tries if state == "success"), default=0) if tries else None


def identity(ti: Any) -> tuple[str, ...]:
    """What distinguishes a task instance from every other: dag, task, run, map index and, in a loop, the iteration.

    ``region_id`` and ``region_index``, read in 3.4.0b2 (``airflow/models/dynamic_region.py``): every iteration of a
    loop has ``map_index == -1``, and these differ. Outside of loops and mapped tasks the id is all zeros. A task that
    was mapped before an upgrade to 3.4 keeps that id, and its identity. Without them: dag, task, run and map index,
    which is all that there is before 3.4.
    """
    plain = (ti.dag_id, ti.task_id, ti.run_id, str(ti.map_index))
    region = _region(ti)
    return (*plain, region, str(ti.region_index)) if region else plain


def _region(ti: Any) -> str:
    region = str(getattr(ti, "region_id", None) or "")
    return region if region.strip("0-") else ""


async def task_states(ti: Any) -> list[str]:
    """The states of a trigger's task, requested from the triggerer.

    ``RuntimeTaskInstance.get_task_states``, read in 3.0.6 to 3.3.2 (``airflow/sdk/execution_time/task_runner.py``). It
    is public as a method of a task's ``ti``, but a trigger has another one, and the class is private. Watch
    https://github.com/apache/airflow/pull/73454: once ``on_kill`` is called for killed tasks only, this is not needed.

    In a loop (3.4.0b2, ``get_task_instance_states``) Airflow reports the latest pass alone, whichever iteration a
    trigger has, and nothing else that a triggerer may request distinguishes passes. So the state of an iteration is not
    known there: that of another could have the job of a running task aborted.

    :return: the state of the one task instance; nothing where it is not known.
    :raises Exception: where the part is missing or the request fails. A caller must then take the task as not ended.
    """
    if _region(ti) and ti.map_index < 0:
        return []
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
    from asgiref.sync import sync_to_async

    states: Any = await sync_to_async(RuntimeTaskInstance.get_task_states)(
        dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
    )
    # One state, under a key that contains a mapped task's index.
    return [str(getattr(state, "value", state)) for state in states.get(ti.run_id, {}).values()]


def triggers_push_xcom() -> bool:
    """Whether a trigger can push XComs with :func:`push_xcom`. Without it only tasks report progress."""
    try:
        from airflow.sdk.execution_time.xcom import XCom
    except ImportError:
        return False
    return hasattr(XCom, "set")


async def push_xcom(ti: Any, key: str, value: Any) -> None:
    """Push an XCom of a trigger's task, through the triggerer.

    ``airflow.sdk.execution_time.xcom.XCom.set``, read in 3.0.6 to 3.4.0b2 and missing in 2.11; its module is private.
    Watch for XComs among the methods of a trigger's ``task_instance``.

    :raises Exception: where the request fails.
    """
    from airflow.sdk.execution_time.xcom import XCom
    from asgiref.sync import sync_to_async

    await sync_to_async(XCom.set)(
        key=key, value=value, dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id, map_index=ti.map_index
    )


def shared_logger(trigger: Any) -> Any:
    """One logger for all triggers of a class; ``trigger.log`` makes one for each, some kilobytes each.

    ``LoggingMixin.logger``, read in 2.11.0 to 3.3.2 (``airflow/utils/log/logging_mixin.py``). Without it:
    ``trigger.log``, which only takes more memory.
    """
    logger = getattr(type(trigger), "logger", None)
    return logger() if callable(logger) else trigger.log


def keyword_arguments(operator: Any, context: Any) -> Any:
    """What a decorated function takes of its keyword arguments and of the context.

    ``DecoratedOperator.determine_kwargs`` is of Airflow 3 (``airflow/sdk/bases/decorator.py``, read in 3.3.2); before,
    ``determine_kwargs`` of ``airflow/utils/operator_helpers.py``, read in 2.11.0. Without them: an ``ImportError``.
    """
    if hasattr(operator, "determine_kwargs"):
        return operator.determine_kwargs(context)
    from airflow.utils.operator_helpers import determine_kwargs  # type: ignore[attr-defined]

    return determine_kwargs(operator.python_callable, operator.op_args, context)


def read_connections_of_the_database() -> None:
    """Let a process that is no task, such as a command, read the connections of Airflow's database.

    ``_AIRFLOW_PROCESS_CONTEXT``, read in 3.1.8 to 3.4.0b2 (``airflow/sdk/execution_time/supervisor.py``,
    ``ensure_secrets_backend_loaded``): Airflow sets it in its own servers. Watch for a public way for commands of
    providers. Without it: connections of environment variables and secrets backends only.
    """
    import os

    os.environ.setdefault("_AIRFLOW_PROCESS_CONTEXT", "server")


def print_table(rows: Any, output: str) -> None:
    """Print a list of dicts as Airflow's commands do: ``table`` or ``plain``.

    ``AirflowConsole``, read in 2.11.0 to 3.4.0b2 (``airflow/cli/simple_table.py``), which providers with commands use,
    and which is not documented. Watch for a public one. Without it: commands with ``-o json`` and ``yaml`` work.
    """
    from airflow.cli.simple_table import AirflowConsole

    AirflowConsole().print_as(data=list(rows), output=output)


def stats() -> Any:
    """Airflow's metrics: ``incr``, ``gauge`` and ``timing``, ready for use in workers and in the triggerer.

    ``Stats`` of common-compat is the task SDK's from Airflow 3.2 on, and sends nothing until it is initialised. A
    worker does that; in the triggerer Airflow initialises another copy, and the SDK's only by importing
    ``airflow.sdk.serde``, read in 3.2.2 to 3.4.0b2 (``airflow/sdk/serde/__init__.py``). Watch for a documented way for
    triggers. Without it: metrics of the triggerer are not sent.
    """
    from contextlib import suppress

    from airflow.providers.common.compat.sdk import Stats

    with suppress(ImportError):
        import airflow.sdk.serde  # noqa: F401
    return Stats


def evaluated(value: Any, _depth: int = 0) -> Any:
    """A sequence as a plain list, at any depth, such as the lazy ones that outputs of mapped tasks are; others as is.

    ``LazyXComSequence`` of Airflow 3 (``airflow/sdk/execution_time/lazy_sequence.py``) and ``LazyXComSelectSequence``
    of Airflow 2 (``airflow/models/xcom.py``), read in 2.11.0 to 3.3.2, are private classes in different places, so they
    are recognised by name. Iterating over one makes a request for each item; a slice is one request. The results of
    ``XComArg.map``, ``zip`` and ``concat`` take no slices. Without it: items are read one by one.
    """
    from airflow_provider_milvus.waiting.job_ids import MAX_NESTING, is_list

    if not is_list(value):
        return value
    if _depth > MAX_NESTING:
        raise ValueError(f"a list of lists must not be nested more than {MAX_NESTING} deep")
    items = value[:] if type(value).__name__.startswith(LAZY_CLASSES) else value
    return [evaluated(item, _depth + 1) for item in items]


def single_output(value: Any) -> tuple[str, str] | None:
    """Task id and XCom key of another task's output, where that is one value and not one for each index of a mapping.

    ``XComArg.operator`` and ``XComArg.key``, read in 2.11.0 to 3.3.2 (``airflow/sdk/definitions/xcom_arg.py``), and
    ``is_mapped`` of the operator, read in 3.0.6 to 3.3.2 (``…/_internal/abstractoperator.py``) and missing before; the
    public ``iter_references`` does not distinguish an output from what ``map`` or ``zip`` make of it. Without them:
    ``None``, and a sensor with ``start_from_trigger=True`` begins on a worker.
    """
    operator, key = getattr(value, "operator", None), getattr(value, "key", None)
    if operator is None or key is None or getattr(operator, "is_mapped", True) or in_mapped_group(operator):
        return None
    return operator.task_id, key


def in_mapped_group(operator: Any) -> bool:
    """Whether an operator is in a mapped task group.

    ``iter_mapped_task_groups``, read in 2.11.0 to 3.3.2 (``airflow/sdk/definitions/_internal/abstractoperator.py``),
    whose docstring declares it private. Without it: ``True``, the careful choice of both callers.
    """
    groups = getattr(operator, "iter_mapped_task_groups", None)
    return groups is None or next(iter(groups()), None) is not None


def triggerer_renders_templates() -> bool:
    """Whether a trigger that the scheduler starts gets its templates rendered.

    ``BaseTrigger.render_template_fields``, read in 3.3.0 to 3.3.2 (``airflow/triggers/base.py``) and missing before.
    The feature is documented, but not how to recognise it. Without it: ``False``, and templates are rendered on a
    worker.
    """
    from airflow.triggers.base import BaseTrigger

    return hasattr(BaseTrigger, "render_template_fields")


def why_no_human_in_the_loop() -> str | None:
    """Why a task cannot wait for a person on this Airflow, ``None`` where it can (3.1 and later).

    The standard provider documents its operators, and not how another operator can do the same; it is a dependency of
    Airflow 3 itself, so there is nothing to install.
    """
    from importlib.util import find_spec

    from airflow import __version__

    if tuple(map(int, __version__.split(".")[:2])) < (3, 1):
        return f"needs Airflow 3.1 or later, and this is {__version__}"
    if find_spec("airflow.providers.standard.triggers") is None:
        return "needs apache-airflow-providers-standard, which is not installed"
    return None


def request_input(
    operator: Any,
    context: Any,
    *,
    subject: str,
    body: str,
    options: list[str],
    timeout: float | None,
    assigned_users: list[dict[str, str]],
    notifiers: Any,
    method_name: str,
    kwargs: dict[str, Any],
) -> NoReturn:
    """Request a person's choice of an option, end the process of the task, and go on in a method of the operator.

    As ``HITLOperator.execute``, read in 1.21.0 of the standard provider with Airflow 3.1.8, 3.2.2 and 3.3.2
    (``airflow/providers/standard/operators/hitl.py``): ``upsert_hitl_detail``
    (``airflow/sdk/execution_time/hitl.py``), then ``TaskAwaitingInput`` from 3.3 on, and a ``HITLTrigger`` before. The
    request of an earlier try stays as it was, with its text; only its response is removed (3.1 to 3.3). Watch for a
    documented way in the standard provider. Without it: an ``ImportError`` or a ``TypeError``, and the caller aborts.
    """
    from datetime import UTC, datetime, timedelta

    from airflow.sdk.execution_time.hitl import upsert_hitl_detail

    ti_id = context["ti"].id
    more = {"assigned_users": assigned_users} if assigned_users else {}
    upsert_hitl_detail(ti_id=ti_id, options=options, subject=subject, body=body, params={}, **more)  # type: ignore[arg-type]
    for notifier in notifiers:
        notifier(context)
    try:
        from airflow.sdk.exceptions import TaskAwaitingInput
    except ImportError:
        from airflow.providers.standard.triggers.hitl import HITLTrigger

        deadline = None if timeout is None else datetime.now(UTC) + timedelta(seconds=timeout)
        trigger = HITLTrigger(ti_id=ti_id, options=options, params={}, timeout_datetime=deadline)
        operator.defer(trigger=trigger, method_name=method_name, kwargs=kwargs)
        raise AssertionError("defer() does not return") from None
    raise TaskAwaitingInput(
        method_name=method_name, kwargs=kwargs, timeout=None if timeout is None else timedelta(seconds=timeout)
    )
