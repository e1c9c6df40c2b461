"""The sensor that gates what comes after an import."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
    conf,
)

from airflow_provider_milvus import airflow_compat, waiting
from airflow_provider_milvus.exceptions import (
    MilvusImportFailed,
    MilvusImportFailedForNow,
    MilvusImportUnreachable,
    error_of,
    read_event,
)
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.waiting.backoff import DEFAULT_MAX_POLL_FAILURES, check_wait

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_milvus.waiting.event import Event


class MilvusImportSensor(BaseSensorOperator):
    """Wait until import jobs are ``Completed``, whoever started them; fail on ``Failed``.

    A failed import fails the sensor at once and without a retry, with the reason of every failed file in the log; under
    ``soft_fail`` it skips. A server that cannot be reached is waited for. The final figures are returned: a dict for
    one id, a list of dicts for a list.

    https://milvus.io/docs/import-data.md

    :param job_id: one id or a list of ids, such as the output of one
        :class:`~airflow_provider_milvus.operators.bulk_import.MilvusBulkImportOperator` or of a mapped one. (templated)
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :param deferrable: whether to wait in the triggerer, holding no worker slot.
    :param defer_after: seconds that a deferrable sensor waits by itself first, so that a short job needs no triggerer.
    :param start_from_trigger: deferrable: whether to begin in the triggerer, so that no worker is needed before the
        end. Airflow 3.3 can do it, 2.11 and 3.0 where no field has a template; elsewhere, mapped, and with the output
        of a mapped task, the sensor defers as usual. A template must make one id, not a list.
    :param max_poll_failures: failed looks in a row after which to give up. In the mode ``reschedule`` every look is a
        process of its own and nothing is counted: ``timeout`` alone ends the wait.
    :param poke_interval: seconds between two looks (60); deferred, the most seconds, and a young job is looked at more
        often.
    :param timeout: seconds after which the sensor fails, or skips under ``soft_fail``; the jobs go on. Deferred,
        ``execution_timeout`` counts as well.
    :raises ValueError: for bad parameters, before anything is sent.
    """

    template_fields: Sequence[str] = ("job_id", "milvus_conn_id", "database")
    ui_color = "#e0f4ff"

    def __init__(
        self,
        *,
        job_id: str | Sequence[str],
        milvus_conn_id: str = MilvusHook.default_conn_name,
        database: str | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        defer_after: float = 5.0,
        start_from_trigger: bool = False,
        max_poll_failures: int = DEFAULT_MAX_POLL_FAILURES,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_wait(
            poll_interval=self.poke_interval or 1.0, max_poll_failures=max_poll_failures, defer_after=defer_after
        )
        self.job_id = job_id
        self.milvus_conn_id = milvus_conn_id
        self.database = database
        self.deferrable = deferrable
        self.defer_after = defer_after
        self.max_poll_failures = max_poll_failures
        if start_from_trigger:
            if not deferrable:
                raise ValueError("start_from_trigger=True waits in the triggerer; it needs deferrable=True")
            self._start_from_trigger()

    def _start_from_trigger(self) -> None:
        """Tell the scheduler what to start, if the triggerer will be able to fill in the templates."""
        from airflow.triggers.base import StartTriggerArgs

        job_id = self.job_id if isinstance(self.job_id, str | list) else _template_of(self.job_id)
        arguments = self._trigger_arguments(job_id)
        text = str(arguments)
        if "{{" in text or "{%" in text:
            can_render = airflow_compat.triggerer_renders_templates() and not airflow_compat.in_mapped_group(self)
            # A triggerer that is not told the index asks for a list, and Airflow never answers (3.3.2).
            if not can_render or ("xcom_pull" in text and "map_indexes" not in text):
                return
        if not job_id:
            return
        self.start_from_trigger = True
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls="airflow_provider_milvus.triggers.import_job.MilvusImportTrigger",
            trigger_kwargs=arguments,
            next_method="execute_complete",
            timeout=timedelta(seconds=self._limit()),
        )

    def _trigger_arguments(self, job_id: Any) -> dict[str, Any]:
        return {
            "job_id": job_id,
            "milvus_conn_id": self.milvus_conn_id,
            "poll_interval": self.poke_interval or 1.0,
            "max_poll_failures": self.max_poll_failures,
            "database": self.database,
        }

    @cached_property
    def hook(self) -> MilvusHook:
        """The hook that this task sends its requests with."""
        return MilvusHook(self.milvus_conn_id, self.database)

    @cached_property
    def _wait(self) -> waiting.import_wait.ImportWait:
        return waiting.import_wait.ImportWait(
            airflow_compat.evaluated(self.job_id),
            poll_interval=self.poke_interval or 1.0,
            # Airflow bounds the looks of a worker; a deferred wait must bound itself.
            deadline=time.time() + self._limit() if self.deferrable else None,
            max_poll_failures=self.max_poll_failures,
            log=self.log,
        )

    def _limit(self) -> float:
        # Airflow 3 does not enforce execution_timeout while a task is deferred.
        return min(self.timeout, self.execution_timeout.total_seconds() if self.execution_timeout else self.timeout)

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Look once."""
        event = self.hook.run_wait(self._wait, until=0)
        return False if event is None else PokeReturnValue(True, self.execute_complete(context, event))

    def execute(self, context: Context) -> Any:
        """Wait in this process or, deferrable, in the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        event = self.hook.run_wait(self._wait, until=time.time() + self.defer_after)
        if event is None:
            from airflow_provider_milvus.triggers.import_job import MilvusImportTrigger

            self.defer(
                trigger=MilvusImportTrigger(
                    **self._trigger_arguments(self._wait.job_ids), deadline=self._wait.deadline
                ),
                method_name="execute_complete",
            )
        return self.execute_complete(context, event)

    def execute_complete(self, context: Context, event: Event | None) -> dict[str, Any] | list[dict[str, Any]]:
        """End the wait: return the final figures, or fail with what went wrong."""
        try:
            event = read_event(event)
        except MilvusImportUnreachable as damaged:
            if self.never_fail:
                raise AirflowSkipException(str(damaged)) from damaged
            raise
        for line in waiting.event.failed_file_lines(event):
            self.log.error(line)
        if error := self._error_of(event):
            if self.never_fail or (self.soft_fail and isinstance(error, AirflowException)):
                raise AirflowSkipException(str(error)) from error
            raise error
        self.log.info("%s", event["message"])
        figures: list[dict[str, Any]] = event["imports"]
        return figures[0] if isinstance(event["job_id"], str) else figures

    def _error_of(self, event: Event) -> Exception | None:
        error = error_of(event)
        if event["status"] == "timeout":
            return AirflowSensorTimeout(str(error))
        # What time heals is mended by submitting again; looking again at the same job finds the same failure.
        return MilvusImportFailed(str(error)) if isinstance(error, MilvusImportFailedForNow) else error


def _template_of(output: Any) -> str | None:
    """The template of another task's output, where that is one value."""
    found = airflow_compat.single_output(output)
    if found is None:
        return None
    task_id, key = found
    return f"{{{{ ti.xcom_pull(task_ids={task_id!r}, key={key!r}, map_indexes=-1) }}}}"
