"""What a task does after an error of Milvus: wait and try again, or stop (Airflow 3.3 and later).

https://airflow.apache.org/docs/apache-airflow/stable/core-concepts/tasks.html
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowOptionalProviderFeatureException

from airflow_provider_milvus.exceptions import (
    MilvusCollectionTimeout,
    MilvusCollectionUnreachable,
    MilvusError,
    MilvusImportFailedForNow,
    MilvusImportOutcomeUnknown,
    MilvusImportTimeout,
    MilvusImportUnreachable,
    MilvusServerError,
)
from airflow_provider_milvus.waiting.event import bounded_text

try:
    from airflow.providers.common.compat.sdk import RetryAction, RetryDecision, RetryPolicy
except ImportError as error:
    raise AirflowOptionalProviderFeatureException(
        "MilvusRetryPolicy needs Airflow 3.3 or later; on this one, set retries and retry_delay of the task"
    ) from error

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

__all__ = ["MilvusRetryPolicy"]

# Memory limit, disk limit and quota, in Milvus's `pkg/util/merr`: the server takes no more until somebody or something
# makes room, so a request is not repeated at once, and yet may succeed later.
FULL_SERVER_CODES = (3, 7, 9)
TRANSIENT = (MilvusImportFailedForNow, MilvusImportUnreachable, MilvusCollectionUnreachable)
# The wait is over or the result is not known: neither waiting longer nor stopping is certain to be right.
UNDECIDED = (MilvusImportTimeout, MilvusCollectionTimeout, MilvusImportOutcomeUnknown)
MAX_REASON_LENGTH = 400


class MilvusRetryPolicy(RetryPolicy):
    """Wait while Milvus cannot take an import; stop at once where another try would fail in the same way.

    ==============================================================  ===============================================
    error                                                           what the task does
    ==============================================================  ===============================================
    full queue, limit of jobs, disk quota, no slot, memory limit,   tries again after ``delay``
    rate limit, unreachable or starting server
    refused credentials, missing collection, refused request,       stops: no retry is used
    bad parameter (``ValueError``)
    anything else, such as a wait that timed out                    as Airflow does without a policy
    ==============================================================  ===============================================

    On Airflow 3.4 and later a task that tries again is rescheduled: it uses no retry, holds no worker slot meanwhile,
    and needs no ``retries``. On 3.3 each wait uses one of the task's ``retries``.

    A task repeats a refused submit by itself, up to ``max_poll_failures`` times in a row and with a back-off of up to a
    minute, before the policy gets to see the error: give a small number to free the worker slot sooner.

    :param delay: from an error to the next try, give or take a quarter, so that tasks do not come back all at once. A
        server that sends ``Retry-After`` gets at least so much time.
    :param timeout: Airflow 3.4: how long a try may go on being rescheduled; after that the task's ``retries`` apply.
    :raises ValueError: for a duration that is not positive.
    """

    def __init__(self, *, delay: timedelta = timedelta(minutes=1), timeout: timedelta = timedelta(hours=24)) -> None:
        for name, value in (("delay", delay), ("timeout", timeout)):
            if not isinstance(value, timedelta) or value <= timedelta(0):
                raise ValueError(f"{name} must be a positive timedelta, such as timedelta(minutes=1), got {value!r}")
        self.delay = delay
        self.timeout = timeout

    def evaluate(
        self, exception: BaseException, try_number: int, max_tries: int, context: Context | None = None
    ) -> RetryDecision:
        """Decide by the class of the error; texts are for people."""
        reason = bounded_text(f"{type(exception).__name__}: {exception}", MAX_REASON_LENGTH)
        if is_transient(exception):
            return self._try_again(exception, reason)
        if is_permanent(exception):
            return RetryDecision.fail(reason)
        return RetryDecision.default()

    def _try_again(self, exception: BaseException, reason: str) -> RetryDecision:
        requested = getattr(exception, "retry_after", None) or 0.0
        delay = max(self.delay * random.uniform(0.75, 1.25), timedelta(seconds=requested))
        if not hasattr(RetryAction, "RESCHEDULE"):  # Airflow 3.3
            return RetryDecision.retry(delay, reason)
        reschedule: Any = getattr(RetryDecision, "reschedule")  # noqa: B009 - unknown to the types of Airflow 3.3
        decision: RetryDecision = reschedule(delay, reschedule_timeout=self.timeout, reason=reason)
        return decision

    def serialize(self) -> dict[str, Any]:
        """The durations in seconds."""
        return {"delay": self.delay.total_seconds(), "timeout": self.timeout.total_seconds()}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> MilvusRetryPolicy:
        """The policy that :meth:`serialize` has written."""
        return cls(delay=timedelta(seconds=data["delay"]), timeout=timedelta(seconds=data["timeout"]))


def is_transient(error: BaseException) -> bool:
    """Whether waiting may help."""
    if isinstance(error, TRANSIENT):
        return True
    if isinstance(error, MilvusServerError) and error.code in FULL_SERVER_CODES:
        return True
    return isinstance(error, MilvusError) and error.retryable


def is_permanent(error: BaseException) -> bool:
    """Whether the next try would fail in the same way."""
    # A bad parameter; those below it are of a user's own function, such as a JSONDecodeError.
    if type(error) is ValueError:
        return True
    return isinstance(error, MilvusError) and not error.retryable and not isinstance(error, UNDECIDED)
