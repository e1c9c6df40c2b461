"""What a task raises: one class per decision that its user can take.

====================================  ======================================================  =================
exception                             what it says                                            retried by Airflow
====================================  ======================================================  =================
:class:`MilvusImportFailed`           Milvus failed the job; its rows are gone                no
:class:`MilvusImportFailedForNow`     the same, for a reason that time can heal               yes
:class:`MilvusImportTimeout`          the wait is over; the job goes on                       yes
:class:`MilvusImportOutcomeUnknown`   the job's record is gone; it may have loaded its rows   yes
:class:`MilvusImportUnreachable`      the server could not be asked; the job may go on        yes
====================================  ======================================================  =================

The first two are Airflow exceptions, so that ``soft_fail`` can turn a failed import into a skip. The other three are
not: not to know is never a reason to skip. Errors of a single request are :class:`MilvusError` and its kinds.

The steps around an import raise

====================================  ======================================================  =================
exception                             what it says                                            retried by Airflow
====================================  ======================================================  =================
:class:`MilvusCollectionExists`       a collection of this name is there                      no
:class:`MilvusIndexFailed`            Milvus failed to build an index                         no
:class:`MilvusCollectionTimeout`      an index or a load was not ready in time; it goes on    yes
:class:`MilvusCollectionUnreachable`  the server could not be asked for an index or a load    yes
:class:`MilvusCollectionNotLoaded`    readers would find nothing in the collection            yes
:class:`MilvusRowCountWrong`          the collection has not the rows that it should have     yes
:class:`MilvusVersionServes`          readers use the collection to import into               no
====================================  ======================================================  =================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from airflow_provider_milvus.rest.errors import *  # noqa: F403 - this module is where users look for them
from airflow_provider_milvus.rest.errors import MilvusError
from airflow_provider_milvus.rest.errors import __all__ as _request_errors

if TYPE_CHECKING:
    from airflow_provider_milvus.waiting.import_wait import Event

__all__ = [
    *_request_errors,
    "MilvusCollectionExists",
    "MilvusCollectionNotLoaded",
    "MilvusCollectionTimeout",
    "MilvusCollectionUnreachable",
    "MilvusImportFailed",
    "MilvusImportFailedForNow",
    "MilvusImportOutcomeUnknown",
    "MilvusImportRefused",
    "MilvusImportTimeout",
    "MilvusImportUnreachable",
    "MilvusIndexFailed",
    "MilvusRowCountWrong",
    "MilvusTwoPhaseUnsupported",
    "MilvusVersionServes",
]


class MilvusImportFailed(AirflowFailException):
    """Milvus failed the import job, and would fail it again: mend the files or the collection."""


class MilvusImportRefused(AirflowFailException):
    """A two-phase import did not pass the checks before its commit, and was aborted: nothing of it was ever visible."""


class MilvusTwoPhaseUnsupported(AirflowFailException):
    """The server knows no two-phase imports (Milvus before 3); the message says what became of the rows."""


class MilvusImportFailedForNow(AirflowException):
    """Milvus failed the import job for want of time, disk or a slot: a later try may succeed."""


class MilvusImportTimeout(MilvusError):
    """The deadline of the wait passed; the import job goes on."""


class MilvusImportOutcomeUnknown(MilvusError):
    """The server has no record of the import job: it may have completed or failed."""


class MilvusImportUnreachable(MilvusError):
    """The server could not be asked for the import job, which may still be running."""


class MilvusCollectionExists(AirflowFailException):
    """A collection of this name is there already, and not to be touched or with another schema."""


class MilvusIndexFailed(AirflowFailException):
    """Milvus failed to build an index, and would answer the same again: drop the index, or mend its parameters."""


class MilvusCollectionTimeout(MilvusError):
    """The deadline of the wait passed; Milvus goes on with the index or the load."""


class MilvusCollectionUnreachable(MilvusError):
    """The server could not be asked how far the index or the load is."""


class MilvusCollectionNotLoaded(AirflowException):
    """The collection is not loaded: whoever searches in it finds nothing."""


class MilvusVersionServes(AirflowFailException):
    """Readers use the version of the collection that the files were to be imported into."""


class MilvusRowCountWrong(AirflowException):
    """The collection has not the rows that it should have."""


_BY_STATUS: dict[str, type[Exception]] = {
    "failed": MilvusImportFailed,
    "timeout": MilvusImportTimeout,
    "unknown": MilvusImportOutcomeUnknown,
    "unreachable": MilvusImportUnreachable,
}


def error_of(event: Event | None) -> Exception | None:
    """The exception that an event stands for, or ``None`` for ``success``.

    An event of no known status is an error too: it must never pass for a success.
    """
    status: Any = event.get("status") if isinstance(event, dict) else None
    if event is None or status not in (*_BY_STATUS, "success"):
        return MilvusImportUnreachable(f"the wait ended without a result that this version understands: {event!r}")
    if status == "success":
        return None
    kind = MilvusImportFailedForNow if status == "failed" and event.get("healable") else _BY_STATUS[status]
    return kind(f"{event.get('message') or status}")


_BY_READINESS: dict[str, type[Exception]] = {
    "failed": MilvusIndexFailed,
    "timeout": MilvusCollectionTimeout,
    "unreachable": MilvusCollectionUnreachable,
}


def readiness_error_of(event: Event | None) -> Exception | None:
    """The exception that the event of a :mod:`~airflow_provider_milvus.waiting.readiness_wait` wait stands for."""
    status: Any = event.get("status") if isinstance(event, dict) else None
    if event is None or status not in (*_BY_READINESS, "success"):
        return MilvusCollectionUnreachable(f"the wait ended without a result that this version understands: {event!r}")
    return None if status == "success" else _BY_READINESS[status](f"{event.get('message') or status}")
