"""What a task raises: one class per decision that its user can take.

====================================  ======================================================  =================
exception                             what it means                                           retried by Airflow
====================================  ======================================================  =================
:class:`MilvusImportFailed`           Milvus failed the job; its rows are gone                no
:class:`MilvusImportFailedForNow`     the same, for a transient reason                        yes
:class:`MilvusFilesRefused`           files do not fit the collection; nothing was sent       no
:class:`MilvusImportTimeout`          the wait is over; the job goes on                       yes
:class:`MilvusImportOutcomeUnknown`   the job's record is gone; it may have loaded its rows   yes
:class:`MilvusImportUnreachable`      the server could not be polled; the job may go on       yes
:class:`MilvusImportRefused`          a check before the commit refused the rows              no
:class:`MilvusApprovalRejected`       a person has rejected it                                no
:class:`MilvusApprovalTimeout`        nobody has approved it in time                          no
:class:`MilvusCommitIncomplete`       some jobs are committed, another cannot be any more     no
:class:`MilvusTwoPhaseUnsupported`    the server has no two-phase imports                     no
====================================  ======================================================  =================

The first three are Airflow exceptions, so that ``soft_fail`` can turn a failed import into a skip. Timeout, unknown
outcome and unreachable are not: they are never a reason to skip. Errors of a single request are :class:`MilvusError`
and its subclasses.

The steps around an import raise

====================================  ======================================================  =================
exception                             what it means                                           retried by Airflow
====================================  ======================================================  =================
:class:`MilvusCollectionExists`       a collection of this name exists already                no
:class:`MilvusIndexFailed`            Milvus failed to build an index                         no
:class:`MilvusCollectionTimeout`      an index or a load was not ready in time; it goes on    yes
:class:`MilvusCollectionUnreachable`  the server could not be polled for an index or a load   yes
:class:`MilvusCollectionNotLoaded`    readers would find nothing in the collection            yes
:class:`MilvusNoVersionBefore`        there is no version to go back to                       no
:class:`MilvusRecallTooLow`           golden queries do not find what they should             no
:class:`MilvusRowCountWrong`          the collection does not have the expected rows          yes
:class:`MilvusVersionServes`          readers use the collection to import into               no
====================================  ======================================================  =================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_milvus.rest.errors import *  # noqa: F403 - users import them from this module
from airflow_provider_milvus.rest.errors import MilvusError
from airflow_provider_milvus.rest.errors import __all__ as _request_errors

if TYPE_CHECKING:
    from airflow_provider_milvus.waiting.event import Event

__all__ = [
    *_request_errors,
    "MilvusApprovalRejected",
    "MilvusApprovalTimeout",
    "MilvusCollectionExists",
    "MilvusCollectionNotLoaded",
    "MilvusCollectionTimeout",
    "MilvusCollectionUnreachable",
    "MilvusCommitIncomplete",
    "MilvusFilesRefused",
    "MilvusImportFailed",
    "MilvusImportFailedForNow",
    "MilvusImportOutcomeUnknown",
    "MilvusImportRefused",
    "MilvusImportTimeout",
    "MilvusImportUnreachable",
    "MilvusIndexFailed",
    "MilvusNoVersionBefore",
    "MilvusRecallTooLow",
    "MilvusRowCountWrong",
    "MilvusTwoPhaseUnsupported",
    "MilvusVersionServes",
]


class MilvusImportFailed(AirflowFailException):
    """Milvus failed the import job, and would fail it again: fix the files or the collection."""


class MilvusFilesRefused(AirflowFailException):
    """Files or rows that Milvus would not take, found before anything was submitted; the message has all reasons."""


class MilvusImportRefused(AirflowFailException):
    """A two-phase import did not pass the checks before its commit, and was aborted: nothing of it was ever visible."""


class MilvusCommitIncomplete(AirflowFailException):
    """Of jobs that were committed together, one failed after the first commit: its rows are missing."""


class MilvusApprovalRejected(AirflowFailException):
    """A person has rejected what the task was about to do."""


class MilvusApprovalTimeout(AirflowFailException):
    """Nobody has approved in time what the task was about to do."""


class MilvusTwoPhaseUnsupported(AirflowFailException):
    """The server knows no two-phase imports (Milvus before 3); the message states what became of the rows."""


class MilvusImportFailedForNow(AirflowException):
    """Milvus failed the import job for lack of time, disk or a slot: a later retry may succeed."""


class MilvusImportTimeout(MilvusError):
    """The deadline of the wait passed; the import job goes on."""


class MilvusImportOutcomeUnknown(MilvusError):
    """The server has no record of the import job: it may have completed or failed."""


class MilvusImportUnreachable(MilvusError):
    """The server could not be polled for the import job, which may still be running."""


class MilvusCollectionExists(AirflowFailException):
    """A collection of this name exists already, and must not be changed or has another schema."""


class MilvusIndexFailed(AirflowFailException):
    """Milvus failed to build an index, and would fail it again: drop the index, or fix its parameters."""


class MilvusCollectionTimeout(MilvusError):
    """The deadline of the wait passed; Milvus goes on with the index or the load."""


class MilvusCollectionUnreachable(MilvusError):
    """The server could not be polled for the progress of the index or the load."""


class MilvusCollectionNotLoaded(AirflowException):
    """The collection is not loaded: whoever searches in it finds nothing."""


class MilvusVersionServes(AirflowFailException):
    """Readers use the version of the collection that the files were to be imported into."""


class MilvusNoVersionBefore(AirflowFailException):
    """Readers cannot go back: there is no version of the collection before the one that serves."""


class MilvusRecallTooLow(AirflowFailException):
    """Golden queries do not find in a collection what they should; the worst of them are in the log."""


class MilvusRowCountWrong(AirflowException):
    """The collection does not have the expected rows."""


_BY_STATUS: dict[str, type[Exception]] = {
    "failed": MilvusImportFailed,
    "timeout": MilvusImportTimeout,
    "unknown": MilvusImportOutcomeUnknown,
    "unreachable": MilvusImportUnreachable,
}
_BY_READINESS: dict[str, type[Exception]] = {
    "failed": MilvusIndexFailed,
    "timeout": MilvusCollectionTimeout,
    "unreachable": MilvusCollectionUnreachable,
}


_DAMAGED_IMPORT_EVENT = (
    "the event from the triggerer does not report how the import ended: {}. The job may be running or have ended; a "
    "retry of this task finds it again"
)
_DAMAGED_READINESS_EVENT = (
    "the event from the triggerer does not report how the wait for the collection ended: {}. Milvus goes on with the "
    "index or the load; a retry of this task waits for it again"
)


def read_event(value: Any) -> Event:
    """The event with which the wait for an import has ended, as ``execute_complete`` gets it from the triggerer.

    :return: with all keys that :mod:`airflow_provider_milvus.waiting.event` describes.
    :raises MilvusImportUnreachable: where it does not report how the wait ended. It must never pass for a success.
    """
    from airflow_provider_milvus.waiting.event import read_import_event

    return _read(read_import_event, value, MilvusImportUnreachable, _DAMAGED_IMPORT_EVENT)


def read_readiness_event(value: Any) -> Event:
    """The event with which the wait for a load or for index builds has ended.

    :raises MilvusCollectionUnreachable: where it does not report how the wait ended. It must never pass for a success.
    """
    from airflow_provider_milvus.waiting import event

    return _read(event.read_readiness_event, value, MilvusCollectionUnreachable, _DAMAGED_READINESS_EVENT)


def _read(read: Callable[[Any], Event], value: Any, damaged: type[MilvusError], message: str) -> Event:
    from airflow_provider_milvus.waiting.event import DamagedEvent

    try:
        return read(value)
    except DamagedEvent as error:
        raise damaged(message.format(error)) from None


def error_of(value: Any) -> Exception | None:
    """The exception that the event of an import's wait stands for, or ``None`` for ``success``."""
    try:
        event = read_event(value)
    except MilvusImportUnreachable as error:
        return error
    if event["status"] == "failed" and event["transient"]:
        return MilvusImportFailedForNow(event["message"] or "failed")
    return _error(event, _BY_STATUS)


def readiness_error_of(value: Any) -> Exception | None:
    """The exception that the event of the wait for a load or for index builds stands for, or ``None``."""
    try:
        return _error(read_readiness_event(value), _BY_READINESS)
    except MilvusCollectionUnreachable as error:
        return error


def _error(event: Event, by_status: Mapping[str, type[Exception]]) -> Exception | None:
    status = event["status"]
    return None if status == "success" else by_status[status](event["message"] or status)
