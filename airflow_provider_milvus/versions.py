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


def previous_alias(alias: str) -> str:
    """The alias that points to the version that served before."""
    return f"{alias}_previous"


def versions(alias: str, names: Iterable[str]) -> list[str]:
    """Those of the names that :func:`version_name` made for the alias, oldest first."""
    pattern = re.compile(rf"{re.escape(alias)}_\d{{8}}T\d{{6}}_[0-9a-f]{{6}}(_\d+)?")
    return sorted(name for name in names if pattern.fullmatch(name))


@dataclass(frozen=True)
class Version:
    """A version, whether it is loaded, and the aliases that point to it."""

    name: str
    loaded: bool
    aliases: tuple[str, ...] = ()


def outdated(alias: str, older: Sequence[Version], keep: int) -> list[str]:
    """The names of the versions that can be dropped.

    The one that served before is kept first of all. One that is not loaded was left by a run that failed, and does not
    count as one to go back to. One that another alias points to is never dropped.

    :param older: the versions before the one that serves, oldest first.
    :param keep: how many to keep of them.
    """
    served = [one.name for one in older if previous_alias(alias) in one.aliases]
    complete = [one.name for one in reversed(older) if one.loaded and one.name not in served]
    kept = [*served, *complete][: max(0, keep)]
    return [one.name for one in older if one.name not in kept and not one.aliases]
