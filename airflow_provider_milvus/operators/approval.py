"""Request a person's approval, with what there is to decide by, before readers see anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_milvus import airflow_compat, submission
from airflow_provider_milvus.exceptions import MilvusApprovalRejected, MilvusApprovalTimeout
from airflow_provider_milvus.rest.errors import MilvusError
from airflow_provider_milvus.waiting.backoff import check_wait

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator, Context

    from airflow_provider_milvus.hooks.milvus import MilvusHook
    from airflow_provider_milvus.operators.two_phase import Job

APPROVE, REJECT = "Approve", "Reject"
RECORD = "milvus_approval"
# A person reads no more, and Airflow stores the text.
MAX_LINES = 50


@dataclass(frozen=True)
class Approval:
    """Who may approve, and how long the task waits for it. Airflow 3.1 and later.

    The task waits without a worker slot: deferred on Airflow 3.1 and 3.2, and without a triggerer from 3.3 on. Somebody
    responds in the UI under "Required Actions", or by Airflow's REST API. A retry does not request again what was
    approved (Airflow 3.3, which records it); a clear does.

    https://airflow.apache.org/docs/apache-airflow-providers-standard/stable/operators/hitl.html

    :param timeout: seconds in which somebody must respond; afterwards it is as if they had rejected. ``None`` waits for
        ever.
    :param assigned_users: the users who may respond, as dicts of ``id`` and ``name``; without them whoever may edit the
        DAG run.
    :param notifiers: Airflow notifiers that are called once there is something to decide.
    :raises ValueError: for bad values.
    """

    timeout: float | None = None
    assigned_users: Sequence[Mapping[str, str]] = ()
    notifiers: Sequence[Any] = ()

    def __post_init__(self) -> None:
        check_wait(poll_interval=1, timeout=self.timeout)
        for user in self.assigned_users:
            if not isinstance(user, Mapping) or not {"id", "name"} <= user.keys():
                raise ValueError(f"assigned_users must be dicts of id and name, got {user!r}")


def checked(approval: Any) -> Approval | None:
    """The approval that a parameter demands, ``None`` for none.

    :raises ValueError: naming the parameter, the value and the remedy; also where Airflow has no human-in-the-loop.
    """
    if approval is False:
        return None
    if approval is not True and not isinstance(approval, Approval):
        raise ValueError(f"approval must be True, False or an Approval, got {approval!r}")
    if problem := airflow_compat.why_no_human_in_the_loop():
        raise ValueError(f"approval={approval!r} waits for a person, which {problem}: leave it out")
    return Approval() if approval is True else approval


@dataclass(frozen=True)
class ApprovalRequest:
    """A request to approve something, with what there is to decide by.

    :param subject: one line, a question to answer with yes or no.
    :param lines: Markdown.
    :param about: what an approval holds for; anything else needs another approval.
    """

    subject: str
    lines: Sequence[str]
    about: Any

    def request(self, operator: BaseOperator, context: Context, approval: Approval, **next_kwargs: Any) -> None:
        """Return where this was approved in an earlier try; otherwise end the process of the task and wait.

        The task goes on in ``execute_approved``, with the response as ``event`` and with ``next_kwargs``.
        """
        store = context.get("task_state_store")
        approved = store.get(RECORD) if store is not None else None
        if isinstance(approved, dict) and approved.get("about") == self._about(operator, context):
            operator.log.info("%s: approved by %s in an earlier try", self.subject, approved.get("by"))
            return
        self._send(operator, context, approval, next_kwargs)

    def _send(
        self, operator: BaseOperator, context: Context, approval: Approval, next_kwargs: dict[str, Any]
    ) -> NoReturn:
        lines = list(self.lines)
        if len(lines) > MAX_LINES:
            lines = [*lines[:MAX_LINES], "", f"… and {len(lines) - MAX_LINES} more lines in the log of the task."]
        try_number = context["ti"].try_number
        lines += [
            "",
            f"(Numbers of try {try_number}. If a later try requests approval again, its log has the current ones.)",
        ]
        operator.log.info("%s\n%s", self.subject, "\n".join(self.lines))
        airflow_compat.request_input(
            operator,
            context,
            subject=self.subject,
            body="\n".join(lines),
            options=[APPROVE, REJECT],
            timeout=approval.timeout,
            assigned_users=[dict(user) for user in approval.assigned_users],
            notifiers=approval.notifiers,
            method_name="execute_approved",
            kwargs=next_kwargs,
        )

    def record(self, operator: BaseOperator, context: Context, by: str) -> None:
        """Record that this was approved, for a retry."""
        store = context.get("task_state_store")
        if store is not None:
            store.set(RECORD, {"version": 1, "about": self._about(operator, context), "by": by})

    def _about(self, operator: BaseOperator, context: Context) -> str:
        clears = airflow_compat.clear_count(context["ti"], operator.retries)
        return submission.load.digest({"about": self.about, "clears": clears})


def approver(event: Any) -> str:
    """Who has approved.

    :raises MilvusApprovalRejected: where somebody has rejected, and for a response that makes no sense.
    :raises MilvusApprovalTimeout: where nobody has responded in time.
    """
    response = event if isinstance(event, Mapping) else {}
    if response.get("error_type") == "timeout":
        raise MilvusApprovalTimeout("nobody has approved it in time")
    if "error" in response:
        raise MilvusApprovalRejected(f"Airflow reports no usable response: {str(response['error'])[:300]}")
    user = response.get("responded_by_user")
    name = str((user.get("name") if isinstance(user, Mapping) else None) or "somebody")
    if response.get("chosen_options") != [APPROVE]:
        raise MilvusApprovalRejected(f"{name} has rejected it")
    return name


# -- what there is to decide by ---------------------------------------------------------------------------------------


def of_jobs(jobs: Sequence[Job], recall: Any) -> ApprovalRequest:
    """The request to approve the commit of jobs."""
    found = [(job.hook, job.progress) for job in jobs if job.progress]
    rows = sum(progress.imported_rows for _, progress in found)
    names = sorted({progress.collection_name for _, progress in found})
    lines = ["| import job | collection | rows | files | bytes |", "| --- | --- | --- | --- | --- |"]
    added: dict[tuple[MilvusHook, str], int] = {}
    for hook, progress in found:
        lines.append(
            f"| {progress.job_id} | {progress.collection_name} | {progress.imported_rows:,} | {len(progress.files):,} "
            f"| {progress.file_size:,} |"
        )
        key = (hook, progress.collection_name)
        added[key] = added.get(key, 0) + progress.imported_rows
    lines += ["", "| collection | rows now | rows after the commit |", "| --- | --- | --- |"]
    for (hook, name), more in added.items():
        now = rows_of(hook, name)
        after = "?" if now is None else f"{now + more:,}"
        lines.append(f"| {name} | {'?' if now is None else f'{now:,}'} | {after} |")
    jobs_text = "1 import job" if len(jobs) == 1 else f"{len(jobs)} import jobs"
    return ApprovalRequest(
        f"Commit {jobs_text} with {rows:,} rows into {', '.join(names)}?",
        [*lines, *_recall_lines(recall)],
        [(job.hook.milvus_conn_id, job.id) for job in jobs],
    )


def of_swap(hook: MilvusHook, alias: str, collection_name: str, previous: str | None, recall: Any) -> ApprovalRequest:
    """The request to approve the move of an alias."""
    lines = ["| | collection | rows |", "| --- | --- | --- |"]
    for title, name in (("serves now", previous), ("would serve", collection_name)):
        rows = rows_of(hook, name) if name else None
        lines.append(f"| {title} | {name or '(none)'} | {'?' if rows is None else f'{rows:,}'} |")
    return ApprovalRequest(
        f"Point {alias} to {collection_name}?", [*lines, *_recall_lines(recall)], [alias, collection_name, previous]
    )


def rows_of(hook: MilvusHook, name: str) -> int | None:
    """How many rows a collection has, ``None`` where that is not known."""
    try:
        return hook.get_collection_stats(name)
    except MilvusError:
        return None


def _recall_lines(recall: Any) -> Iterable[str]:
    """What a recall check has returned, as a table."""
    if not isinstance(recall, Mapping):
        return []
    shown = [(key, recall[key]) for key in ("queries", "limit", "recall", "overlap") if recall.get(key) is not None]
    return ["", "| recall check | |", "| --- | --- |", *(f"| {key} | {value} |" for key, value in shown)]
