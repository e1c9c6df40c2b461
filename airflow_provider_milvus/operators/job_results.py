"""The jobs of a load, in order, with the final progress of those that have ended."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from airflow_provider_milvus.exceptions import MilvusImportUnreachable

COMPLETED, UNCOMMITTED = "Completed", "Uncommitted"
MAX_SHOWN = 300


class JobResults(dict[str, Mapping[str, Any]]):
    """The final progress by job id, empty for a job that goes on."""

    @classmethod
    def resumed(cls, jobs: Any, imports: Sequence[Mapping[str, Any]]) -> JobResults:
        """The jobs of a task that resumes.

        :param jobs: those that it deferred with, ``None`` where it waited for all of them.
        :param imports: those that the event reports.
        :raises MilvusImportUnreachable: for jobs that make no sense, which must never pass for a success.
        """
        deferred = {} if jobs is None else jobs
        if not isinstance(deferred, Mapping) or not all(map(_is_result, deferred.values())):
            raise MilvusImportUnreachable(
                f"the task resumed with jobs that this version does not understand: {repr(jobs)[:MAX_SHOWN]}. They may "
                f"be running or have ended; a retry of this task finds them again"
            )
        return cls({**deferred, **{result["job_id"]: result for result in imports}})

    @property
    def ids(self) -> str | list[str]:
        """What a task returns: the one id, or the list of several."""
        ids = list(self)
        return ids if len(ids) > 1 else ids[0]

    @property
    def running(self) -> list[str]:
        """The ids of the jobs that have not ended yet."""
        return [job_id for job_id, result in self.items() if not result]

    def committed(self) -> JobResults:
        """The same jobs after their commit, all of which go on but for those that had completed before."""
        return JobResults({job_id: one if one.get("state") == COMPLETED else {} for job_id, one in self.items()})

    def require(self, states: Collection[str]) -> None:
        """Refuse to succeed unless each job has come to one of these states.

        :raises MilvusImportUnreachable: naming the jobs whose end is not known.
        """
        unfinished = [job_id for job_id, result in self.items() if result.get("state") not in states]
        if unfinished or not self:
            raise MilvusImportUnreachable(
                f"the wait ended without the result of import job {', '.join(unfinished) or '(none)'}, which may still "
                f"be running"
            )


def _is_result(result: Any) -> bool:
    """Whether it is the progress of a job that has ended, or empty for one that goes on."""
    return isinstance(result, Mapping) and (not result or isinstance(result.get("state"), str))
