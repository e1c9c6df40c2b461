"""Private and undocumented parts of Airflow that this package uses. Nothing else in the package touches them.

Each function names the versions that its part was read in, what to watch, and what happens where the part is missing:
always something that works, with the loss that its docstring states. Public parts of Airflow are used directly, through
``airflow.providers.common.compat`` where their place differs between versions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def clear_count(ti: Any, retries: int | None) -> int:
    """How often a task instance was cleared, as ``ti.max_tries`` tells: it is ``retries`` at first, and grows.

    Read in 2.11.0 to 3.3.2 (``airflow/models/taskinstance.py``, ``clear_task_instances``). ``max_tries`` is declared in
    ``airflow.sdk.types.RuntimeTaskInstanceProtocol``, but what a clear does to it is not documented. Watch for a public
    number of clears beside AIP-103. Without it: 0, so that a task that succeeded and is cleared does not load again.
    """
    return max((getattr(ti, "max_tries", None) or 0) - (retries or 0), 0)


async def task_states(ti: Any) -> list[str]:
    """The states of a trigger's task, asked for from the triggerer.

    ``RuntimeTaskInstance.get_task_states``, read in 3.0.6 to 3.3.2 (``airflow/sdk/execution_time/task_runner.py``). It
    is public as a method of a task's ``ti``, but a trigger has another one, and the class is private. Watch
    https://github.com/apache/airflow/pull/73454: once ``on_kill`` is called for killed tasks only, this is not needed.

    :raises Exception: where the part is missing or the request fails. A caller must then take the task as not ended.
    """
    from airflow.sdk.execution_time.task_runner import RuntimeTaskInstance
    from asgiref.sync import sync_to_async

    states: Any = await sync_to_async(RuntimeTaskInstance.get_task_states)(
        dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=[ti.run_id], map_index=ti.map_index
    )
    # One state, under a key that contains a mapped task's index.
    return [str(getattr(state, "value", state)) for state in states.get(ti.run_id, {}).values()]


def shared_logger(trigger: Any) -> Any:
    """One logger for all triggers of a class; ``trigger.log`` makes one for each, some kilobytes each.

    ``LoggingMixin.logger``, read in 2.11.0 to 3.3.2 (``airflow/utils/log/logging_mixin.py``). Without it:
    ``trigger.log``, which only takes more memory.
    """
    logger = getattr(type(trigger), "logger", None)
    return logger() if callable(logger) else trigger.log


def evaluated(value: Any) -> Any:
    """A sequence as a plain list, at any depth, such as the lazy ones that outputs of mapped tasks are; others as is.

    ``LazyXComSequence`` of Airflow 3 (``airflow/sdk/execution_time/lazy_sequence.py``) and ``LazyXComSelectSequence``
    of Airflow 2 (``airflow/models/xcom.py``), read in 2.11.0 to 3.3.2, are private classes in different places, so they
    are recognised by name. Iterating over one makes a request for each item; a slice is one request. The results of
    ``XComArg.map``, ``zip`` and ``concat`` take no slices. Without it: items are read one by one.
    """
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        return value
    items = value[:] if type(value).__name__.startswith("Lazy") else value
    return [evaluated(item) for item in items]


def single_output(value: Any) -> tuple[str, str] | None:
    """Task id and XCom key of another task's output, where that is one value and not one for each index of a mapping.

    ``XComArg.operator`` and ``XComArg.key``, read in 2.11.0 to 3.3.2 (``airflow/sdk/definitions/xcom_arg.py``); the
    public ``iter_references`` does not tell an output from what ``map`` or ``zip`` make of it. Without them: ``None``,
    and a sensor with ``start_from_trigger=True`` begins on a worker.
    """
    operator, key = getattr(value, "operator", None), getattr(value, "key", None)
    if operator is None or key is None or getattr(operator, "is_mapped", True) or in_mapped_group(operator):
        return None
    return operator.task_id, key


def in_mapped_group(operator: Any) -> bool:
    """Whether an operator is in a mapped task group.

    ``iter_mapped_task_groups``, read in 2.11.0 to 3.3.2 (``airflow/sdk/definitions/_internal/abstractoperator.py``),
    whose docstring declares it private. Without it: ``True``, the careful answer of both callers.
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
