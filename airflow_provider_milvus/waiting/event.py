"""What a wait ends with: a plain dict of JSON values that travels from the triggerer to the task.

``status`` of the event of an import's wait:

===============  ====================================================================================================
``success``      every job is ``Completed``, or ``Uncommitted`` where that is the target state
``failed``       a job is ``Failed``; ``transient`` is whether the same files may succeed later
``timeout``      the deadline has passed; the jobs go on
``unknown``      the server has no record of a job (any more): it may have succeeded or failed
``unreachable``  too many polls in a row failed, or the server refuses them; the jobs go on
===============  ====================================================================================================

Every event has ``job_id`` (in the form that it was given in), ``target_state``, ``status``, ``message`` for a person,
and ``imports``, the last known progress of each job; a ``failed`` one has ``failed_files`` as well.

The event of a load or of index builds has ``status`` (not ``unknown``), ``message`` and ``states``.

An event is read by other processes than the one that made it, possibly of another version of this package. So events
also have the keys ``goal`` and ``healable``, under which version 0.1.0 reads ``target_state`` and ``transient``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_milvus.waiting.job_ids import as_list, is_list, shortened

Event = dict[str, Any]

IMPORT_STATUSES = ("success", "failed", "timeout", "unknown", "unreachable")
READINESS_STATUSES = ("success", "failed", "timeout", "unreachable")
TARGET_STATES = ("Completed", "Uncommitted")
MAX_MESSAGE_LENGTH = 10_000
MAX_REASON_LENGTH = 1_000
MAX_TEXT_LENGTH = 1_000
MAX_FILES = 50
# Of all reasons of an event together; so many jobs share them.
MAX_REASONS_LENGTH = 100_000
MIN_REASON_LENGTH = 100
MAX_INT = 2**63 - 1

EMPTY_IMPORT: dict[str, str | int] = {
    "job_id": "",
    "state": "",
    "progress": 0,
    "imported_rows": 0,
    "total_rows": 0,
    "file_size": 0,
    "reason": "",
    "collection_name": "",
    "create_time": "",
    "complete_time": "",
}


class DamagedEvent(ValueError):
    """An event that does not report how a wait ended."""


# -- writing -----------------------------------------------------------------------------------------------------------


def import_event(
    job_ids: str | list[str],
    target_state: str,
    status: str,
    message: str,
    imports: Sequence[Mapping[str, Any]] = (),
    **more: Any,
) -> Event:
    """The event of an import's wait; its size is in proportion to the number of jobs, whatever a server sends."""
    reason_length = max(MIN_REASON_LENGTH, min(MAX_REASON_LENGTH, MAX_REASONS_LENGTH // max(1, len(imports))))
    event = {
        "job_id": job_ids,
        "target_state": target_state,
        "goal": target_state,
        "status": status,
        "message": bounded_text(message, MAX_MESSAGE_LENGTH),
        "imports": [
            {key: bounded(value, reason_length if key == "reason" else MAX_TEXT_LENGTH) for key, value in one.items()}
            for one in imports
        ],
        **more,
    }
    if "transient" in more:
        event["healable"] = more["transient"]
    return event


def failed_files(files: Sequence[Mapping[str, Any]]) -> Event:
    """The part of an event that names failed files: the first of them, and the number of all."""
    shown = [{key: bounded(value, MAX_REASON_LENGTH) for key, value in file.items()} for file in files[:MAX_FILES]]
    return {"failed_files": shown, "failed_file_count": len(files)}


def readiness_event(status: str, message: str, states: Sequence[Mapping[str, Any]] = ()) -> Event:
    """The event of the wait for a load or for index builds."""
    return {
        "status": status,
        "message": bounded_text(message, MAX_MESSAGE_LENGTH),
        "states": [{key: bounded(value) for key, value in state.items()} for state in states],
    }


def bounded(value: Any, length: int = MAX_TEXT_LENGTH) -> Any:
    """A text or a number that Airflow can send: it dies of an integer beyond 64 bits and of a lone surrogate."""
    if isinstance(value, str):
        return bounded_text(value, length)
    return max(-MAX_INT, min(MAX_INT, value)) if type(value) is int else value


def bounded_text(text: str, length: int = MAX_TEXT_LENGTH) -> str:
    """A text of at most ``length`` characters, with ``?`` for what UTF-8 cannot express."""
    if len(text) > length:
        text = f"{text[: length - 1]}…"
    return text.encode("utf-8", "replace").decode()


# -- reading -----------------------------------------------------------------------------------------------------------


def read_import_event(value: Any) -> Event:
    """The event of an import's wait, of this version or an earlier one.

    What is missing in it has an empty value, where it is no success. Of a success, nothing may be missing.

    :return: a new dict that has every key of today's events, with values of the right types; where ``status`` is
        ``success``, ``imports`` has the progress of every job, and each has come to the target state.
    :raises DamagedEvent: for everything else.
    """
    event = _read_event(value, IMPORT_STATUSES)
    try:
        return _read_import_event(value, event)
    except DamagedEvent as error:
        raise DamagedEvent(f"{error} (its message: {bounded_text(event['message'])})") from None


def _read_import_event(value: dict[str, Any], event: Event) -> Event:
    succeeded = event["status"] == "success"
    if succeeded or {"target_state", "goal"} & value.keys():
        event["target_state"] = _one_of(value, TARGET_STATES, "target_state", "goal")
    ids = _read_ids(value.get("job_id")) if succeeded or "job_id" in value else []
    imports = value.get("imports", None if succeeded else [])
    if type(imports) is not list:
        raise DamagedEvent(f"its imports are {shortened(imports)}")
    event["imports"] = list(map(_read_import, imports))
    found = [one["job_id"] for one in event["imports"]]
    if len(set(found)) < len(found) or not set(found) <= set(ids):
        raise DamagedEvent(f"its imports are not those of its job_id: {shortened(found)} instead of {shortened(ids)}")
    if succeeded:
        _check_success(event, ids)
    if event["status"] == "failed":
        event["transient"] = value.get("transient", value.get("healable")) is True
        event |= _read_failed_files(value)
    job_ids = ids if is_list(value.get("job_id")) else next(iter(ids), "")
    return {"job_id": job_ids, "target_state": "", **event}


def read_readiness_event(value: Any) -> Event:
    """The event of the wait for a load or for index builds, checked in the same way.

    :raises DamagedEvent: for everything that does not report how a wait ended.
    """
    event = _read_event(value, READINESS_STATUSES)
    states = value.get("states", [])
    if type(states) is not list or not all(isinstance(one, dict) and _is_text(one.get("state")) for one in states):
        raise DamagedEvent(f"its states are {shortened(states)}")
    if event["status"] == "success" and not states:
        raise DamagedEvent("it is a success without any states")
    return {**event, "states": states}


def failed_file_lines(event: Event) -> list[str]:
    """A line for each failed file of an event, with its reason, and one for the number of those that it leaves out."""
    files = event.get("failed_files", [])
    lines = [f"Import job {file['job_id']}: file {file['name']} failed: {file['reason']}" for file in files]
    left_out = event.get("failed_file_count", 0) - len(files)
    return [*lines, f"… and {left_out} more failed files"] if left_out > 0 else lines


def _read_event(value: Any, statuses: Sequence[str]) -> Event:
    if not isinstance(value, dict):
        raise DamagedEvent(f"it is {shortened(value)}")
    status = _one_of(value, statuses, "status")
    if not _is_text(value.get("message")):
        raise DamagedEvent(f"its message is {shortened(value.get('message'))}")
    return {"status": status, "message": value["message"]}


def _one_of(value: Mapping[str, Any], allowed: Sequence[str], *keys: str) -> str:
    found = next((value[key] for key in keys if key in value), None)
    if not isinstance(found, str) or found not in allowed:
        raise DamagedEvent(f"its {keys[0]} is {shortened(found)}, which is none of {', '.join(allowed)}")
    return found


def _read_ids(value: Any) -> list[str]:
    try:
        ids = as_list(value)
    except ValueError:
        ids = []
    if not ids:
        raise DamagedEvent(f"its job_id is {shortened(value)}")
    return ids


def _read_import(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DamagedEvent(f"one of its imports is {shortened(value)}")
    event = {**EMPTY_IMPORT, **value}
    for key, empty in EMPTY_IMPORT.items():
        found = event[key]
        if type(found) is not type(empty) or (isinstance(found, int) and found < 0):
            raise DamagedEvent(f"{key} of one of its imports is {shortened(found)}")
    return event


def _check_success(event: Event, ids: Sequence[str]) -> None:
    if missing := set(ids) - {one["job_id"] for one in event["imports"]}:
        raise DamagedEvent(f"it is a success without the progress of import job {min(missing)}")
    reached = {"Completed", event["target_state"]}
    for one in event["imports"]:
        if one["state"] not in reached:
            raise DamagedEvent(f"it is a success although import job {one['job_id']} is {shortened(one['state'])}")


def _read_failed_files(value: Mapping[str, Any]) -> Event:
    files, number = value.get("failed_files", []), value.get("failed_file_count", 0)
    if type(files) is not list or type(number) is not int:
        raise DamagedEvent(f"its failed files are {shortened(files)}, {shortened(number)} in all")
    for file in files:
        if not isinstance(file, dict) or not all(_is_text(file.get(key)) for key in ("job_id", "name", "reason")):
            raise DamagedEvent(f"one of its failed files is {shortened(file)}")
    return {"failed_files": files, "failed_file_count": max(number, len(files))}


def _is_text(value: object) -> bool:
    return isinstance(value, str)
