"""The versions of the collection behind an alias."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from airflow_provider_milvus.versions import Version, outdated, version_name, versions

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_name_is_made_of_the_alias_and_the_run():
    assert version_name("books", NOON, "run", 0) == "books_20261124T120000_acba25"


def test_retry_finds_the_version_of_the_try_before_it():
    assert version_name("books", NOON, "run", 0) == version_name("books", NOON, "run", 0)


@pytest.mark.parametrize("other", [(NOON, "other run", 0), (NOON, "run", 1), (NOON + timedelta(seconds=1), "run", 0)])
def test_other_run_and_cleared_run_make_versions_of_their_own(other):
    assert version_name("books", *other) != version_name("books", NOON, "run", 0)


def test_names_are_in_the_order_of_time_wherever_the_clock_is():
    times = [NOON.astimezone(timezone(timedelta(hours=h))) + timedelta(hours=n) for n, h in enumerate((9, 0, -9))]
    names = [version_name("books", when, "run", 0) for when in times]
    assert names == sorted(names)


def test_versions_are_distinguished_from_other_collections():
    mine = [version_name("books", NOON, "a", 0), version_name("books", NOON + timedelta(1), "b", 2)]
    others = ["books", "books_old", version_name("books_new", NOON, "a", 0), version_name("my_books", NOON, "a", 0)]
    assert versions("books", [*others, *reversed(mine)]) == mine


def version(name, *aliases, loaded=True):
    return Version(name, loaded, aliases)


@pytest.mark.parametrize(
    ("older", "dropped"),
    [
        ([], []),
        ([version("a")], []),
        ([version("a"), version("b"), version("c")], ["a", "b"]),
        ([version("a"), version("b", loaded=False)], ["b"]),
        ([version("a", loaded=False), version("b", loaded=False)], ["a", "b"]),
        ([version("a", "stable"), version("b"), version("c")], ["b"]),
        ([version("a"), version("b", "books_previous"), version("c")], ["a", "c"]),
        ([version("a"), version("b", "books_previous", loaded=False)], ["a"]),
    ],
    ids=["none", "one", "many", "failed run", "only failed runs", "another alias", "rejected run", "released"],
)
def test_newest_complete_versions_are_kept(older, dropped):
    assert outdated("books", older, keep=1) == dropped


def test_as_many_versions_are_kept_as_configured():
    older = [version(name) for name in "abcde"]
    assert outdated("books", older, keep=3) == ["a", "b"]
