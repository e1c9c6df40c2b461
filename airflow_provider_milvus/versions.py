"""The versions of the collection behind an alias: a name for each run, in the order of time, and which are kept."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime


def version_name(alias: str, when: datetime, run_id: str, load_number: int) -> str:
    """The name of a run's version; names are in the order of time.

    :param when: the time that the run is for.
    :param run_id: distinguishes runs of the same second.
    :param load_number: which load of the run it is for; clearing the run begins another, with a version of its own.
    """
    digest = hashlib.sha256(run_id.encode()).hexdigest()[:6]
    return f"{alias}_{when.astimezone(UTC):%Y%m%dT%H%M%S}_{digest}" + (f"_{load_number}" if load_number else "")


def versions(alias: str, names: Iterable[str]) -> list[str]:
    """Those of the names that :func:`version_name` made for the alias, oldest first."""
    pattern = re.compile(rf"{re.escape(alias)}_\d{{8}}T\d{{6}}_[0-9a-f]{{6}}(_\d+)?")
    return sorted(name for name in names if pattern.fullmatch(name))


@dataclass(frozen=True)
class Version:
    """A version, whether it is loaded, and whether any alias leads to it."""

    name: str
    loaded: bool
    has_alias: bool


def outdated(older: Sequence[Version], keep: int) -> list[str]:
    """The names of the versions that can be dropped.

    One that is not loaded was left by a run that failed, and does not count as one to go back to.

    :param older: the versions before the one that serves, oldest first.
    :param keep: how many to keep of them.
    """
    complete = [version.name for version in older if version.loaded]
    kept = complete[max(0, len(complete) - keep) :]
    return [version.name for version in older if version.name not in kept and not version.has_alias]
