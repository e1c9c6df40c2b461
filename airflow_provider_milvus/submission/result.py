"""The outcome of a submit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class SubmitOutcome(StrEnum):
    """The outcome of a submit."""

    NEW = "submitted"
    REATTACHED = "re-attached to the running job"
    COMPLETED = "already completed"
    RESUBMITTED = "submitted again under a new key"
    ADOPTED = "adopted the job of a try that could not record it"
    UNKNOWN = "outcome unknown"


NEW_JOB = (SubmitOutcome.NEW, SubmitOutcome.RESUBMITTED)


@dataclass(frozen=True)
class Submission:
    """The job of the load, and how it was found.

    ``job_id`` is empty where no job could be recognised as ours; ``result`` is the final progress of a job whose
    completion an earlier try recorded, and of which Milvus may have no record any more.
    """

    job_id: str
    outcome: SubmitOutcome
    message: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)
