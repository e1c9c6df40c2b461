"""A local Milvus and a task for the folders below, and who runs which tests when they run in several processes."""

from types import SimpleNamespace

import pytest
from xdist.scheduler import LoadScopeScheduling

# They take the longest, most of it asleep: started first, the others fill the time.
LONGEST = (
    "test_hostile_responses.py",
    "test_cli.py",
    "test_crashes.py",
    "test_lost_responses.py",
    "test_bounds.py",
    "test_secret_leaks.py",
    "test_commit_kills.py",
    "test_blue_green.py",
)
# Their tests share nothing, not even a server.
INDEPENDENT = ("test_bounds.py", "test_crashes.py", "test_bombs.py")


def pytest_collection_modifyitems(items):
    order = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(LONGEST)))


class LongestFirst(LoadScopeScheduling):
    """Gives each process one file after the other, in the order above, or one test where tests share nothing."""

    def __init__(self, config, log):
        super().__init__(config, log)
        # Or it would begin with the files that have most tests.
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid):
        path = nodeid.partition("::")[0]
        return nodeid if path.rpartition("/")[2] in INDEPENDENT else path


def pytest_xdist_make_scheduler(config, log):
    return LongestFirst(config, log)


@pytest.fixture(scope="module")
def milvus(tmp_path_factory):
    """A local Milvus for all tests of a module."""
    from airflow_provider_milvus.local import LocalMilvus

    with LocalMilvus(tmp_path_factory.mktemp("milvus")) as server:
        yield server


@pytest.fixture
def hook(milvus, monkeypatch):
    """The hook of ``milvus_default``, which is that server."""
    from airflow_provider_milvus.hooks.milvus import MilvusHook

    monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", f"milvus://127.0.0.1:{milvus.port}")
    return MilvusHook()


@pytest.fixture
def ti():
    """What a task knows of its try; ``xcoms`` has what it pushed."""
    xcoms = {}
    return SimpleNamespace(
        dag_id="dag",
        task_id="task",
        run_id="run",
        map_index=-1,
        try_number=1,
        max_tries=0,
        xcom_push=lambda key, value: xcoms.update({key: value}),
        xcoms=xcoms,
    )
