"""The sensor that gates what comes after an import."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowSensorTimeout,
    AirflowSkipException,
    BaseSensorOperator,
    PokeReturnValue,
)

from airflow_provider_milvus import airflow_compat, links, metrics, rest, waiting
from airflow_provider_milvus.exceptions import (
    MilvusImportFailed,
    MilvusImportFailedForNow,
    MilvusImportUnreachable,
    error_of,
    read_event,
)
from airflow_provider_milvus.lineage import ImportLineage
from airflow_provider_milvus.operators import progress
from airflow_provider_milvus.operators.base import MilvusDeferrableOperator
from airflow_provider_milvus.operators.parameters import check_choice, check_flag, check_list
from airflow_provider_milvus.waiting.backoff import check_wait

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, XComArg

    from airflow_provider_milvus.waiting.event import Event


class MilvusImportSensor(ImportLineage, MilvusDeferrableOperator, BaseSensorOperator):
    """Wait until import jobs are ``Completed``, or ``Uncommitted``, whoever started them; fail on ``Failed``.

    A failed import fails the sensor at once and without a retry, with the reason of every failed file in the log; under
    ``soft_fail`` it skips. A server that cannot be reached is waited for. The final progress is returned: a dict for
    one id, a list of dicts for a list. An empty list, such as the output of a task that was mapped over nothing, is
    nothing to wait for: the sensor succeeds and logs that.

    https://milvus.io/docs/import-data.md

    :param job_id: one id or a list of ids, such as the output of one
        :class:`~airflow_provider_milvus.operators.bulk_import.MilvusBulkImportOperator` or of a mapped one. (templated)
    :param target_state: ``"Completed"``, or ``"Uncommitted"`` for two-phase imports that another task is to commit; one
        that is committed already has come there as well.
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :param deferrable: whether to wait in the triggerer, holding no worker slot.
    :param defer_after: seconds that a deferrable sensor polls in the worker before it defers (5), so that a short job
        needs no triggerer.
    :param start_from_trigger: deferrable: whether to begin in the triggerer, so that no worker is needed before the
        end. Works on Airflow 3.3 and later, where a template must make one id and not a list, and on 2.11 and 3.0
        without templates. Elsewhere, for a mapped sensor, and with the output of a mapped task, the sensor defers as
        usual.
    :param max_poll_failures: failed polls in a row after which to give up (120). In the mode ``reschedule`` every poll
        is a process of its own and nothing is counted: ``timeout`` alone ends the wait.
    :param poke_interval: seconds between two polls (60); deferred, the longest time, and a young job is polled more
        often.
    :param timeout: seconds after which the sensor fails, or skips under ``soft_fail``; the jobs go on. Deferred,
        ``execution_timeout`` counts as well.
    :raises ValueError: for bad parameters, before anything is sent.
    """

    template_fields: Sequence[str] = (*MilvusDeferrableOperator.template_fields, "job_id")
    operator_extra_links = links.IMPORT_LINKS

    def __init__(
        self,
        *,
        job_id: str | Sequence[str] | XComArg,
        target_state: Literal["Completed", "Uncommitted"] = "Completed",
        start_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_choice("target_state", target_state, ("Completed", "Uncommitted"))
        check_flag("start_from_trigger", start_from_trigger)
        check_wait(poll_interval=self.poke_interval or 1.0)
        self.job_id = job_id
        self.import_results: dict[str, dict[str, Any]] = {}
        self.target_state = target_state
        if start_from_trigger:
            if not self.deferrable:
                raise ValueError("start_from_trigger=True waits in the triggerer; it needs deferrable=True")
            self._start_from_trigger()

    def _start_from_trigger(self) -> None:
        """Declare to the scheduler what to start, if the triggerer will be able to render the templates."""
        from airflow.triggers.base import StartTriggerArgs

        job_id = self.job_id if isinstance(self.job_id, str | list) else _template_of(self.job_id)
        arguments = self._trigger_arguments(job_id)
        text = str(arguments)
        if "{{" in text or "{%" in text:
            can_render = airflow_compat.triggerer_renders_templates() and not airflow_compat.in_mapped_group(self)
            # A triggerer that does not know the index requests a list, and Airflow never responds (3.3.2).
            if not can_render or ("xcom_pull" in text and "map_indexes" not in text):
                return
        if not job_id:
            return
        self.start_from_trigger = True
        self.start_trigger_args = StartTriggerArgs(
            trigger_cls="airflow_provider_milvus.triggers.import_job.MilvusImportTrigger",
            trigger_kwargs=arguments,
            next_method="execute_complete",
            timeout=timedelta(seconds=self.time_limit or 0),
        )

    def _trigger_arguments(self, job_id: Any) -> dict[str, Any]:
        return {
            "job_id": job_id,
            "milvus_conn_id": self.milvus_conn_id,
            "target_state": self.target_state,
            "poll_interval": self.poke_interval or 1.0,
            "max_poll_failures": self.max_poll_failures,
            "database": self.database,
            **({} if self.do_xcom_push else {"report_progress": False}),
        }

    @cached_property
    def _wait(self) -> waiting.import_wait.ImportWait:
        return waiting.import_wait.ImportWait(
            self._job_ids,
            target_state=rest.import_jobs.ImportState(self.target_state),
            poll_interval=self.poke_interval or 1.0,
            # Airflow bounds the polls of a worker; a deferred wait must bound itself.
            deadline=self.deadline() if self.deferrable else None,
            max_poll_failures=self.max_poll_failures,
            reports=progress.reports(self, lambda: self._context, single=isinstance(self._job_ids, str)),
            log=self.log,
        )

    @cached_property
    def _job_ids(self) -> Any:
        return airflow_compat.evaluated(self.job_id)

    @property
    def import_job_ids(self) -> list[str]:
        """The ids of the jobs that are waited for."""
        with suppress(ValueError):
            return waiting.job_ids.as_list(self._job_ids)
        return []

    def check_templated(self) -> None:
        super().check_templated()
        check_list("job_id", self._job_ids if isinstance(self._job_ids, list | str) else None, single=True)

    def _has_nothing_to_wait_for(self) -> bool:
        if not isinstance(self._job_ids, list) or waiting.job_ids.flat(self._job_ids):
            return False
        self.log.info("job_id is an empty list: there is no import job to wait for")
        return True

    def poke(self, context: Context) -> bool | PokeReturnValue:
        """Poll once."""
        self.check_templated()
        if self._has_nothing_to_wait_for():
            return PokeReturnValue(True, [])
        self._context = context
        if "_wait" not in vars(self):  # the first poll of this process
            links.push(self, context)
        event = self.hook.run_wait(self._wait, until=0)
        return False if event is None else PokeReturnValue(True, self.execute_complete(context, event))

    def execute(self, context: Context) -> Any:
        """Wait in this process or, deferrable, in the triggerer."""
        if not self.deferrable:
            return super().execute(context)
        self.check_templated()
        if self._has_nothing_to_wait_for():
            return []
        self._context = context
        links.push(self, context)
        event = self.hook.run_wait(self._wait, until=self.defer_at())
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
        """End the wait: return the final progress, or fail with what went wrong."""
        try:
            event = read_event(event)
        except MilvusImportUnreachable as damaged:
            if self.never_fail:
                raise AirflowSkipException(str(damaged)) from damaged
            raise
        metrics.record_end(event, metrics.tags_of(self, context))
        for line in waiting.event.failed_file_lines(event):
            self.log.error(line)
        self.import_results = {one["job_id"]: one for one in event["imports"]}
        jobs = progress.with_failed_files(event["imports"], event)
        progress.push(self, context, jobs, single=isinstance(event["job_id"], str))
        if error := self._error_of(event):
            if self.never_fail or (self.soft_fail and isinstance(error, AirflowException)):
                raise AirflowSkipException(str(error)) from error
            raise error
        self.log.info("%s", event["message"])
        results: list[dict[str, Any]] = event["imports"]
        return results[0] if isinstance(event["job_id"], str) else results

    def _error_of(self, event: Event) -> Exception | None:
        error = error_of(event)
        if event["status"] == "timeout":
            return AirflowSensorTimeout(str(error))
        # A transient reason calls for another submit; another poll of the same job finds the same failure.
        return MilvusImportFailed(str(error)) if isinstance(error, MilvusImportFailedForNow) else error


def _template_of(output: Any) -> str | None:
    """The template of another task's output, where that is one value."""
    found = airflow_compat.single_output(output)
    if found is None:
        return None
    task_id, key = found
    return f"{{{{ ti.xcom_pull(task_ids={task_id!r}, key={key!r}, map_indexes=-1) }}}}"
