"""What operators and the sensor have in common: connection, parameters, limits of a wait, and what they push."""

from datetime import timedelta
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.operators.alias import MilvusSwapAliasOperator
from airflow_provider_milvus.operators.base import MilvusOperator, MilvusWaitOperator, push_xcom
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.checks import MilvusRowCountCheckOperator
from airflow_provider_milvus.operators.collection import (
    MilvusCreateCollectionOperator,
    MilvusDropCollectionOperator,
    MilvusLoadCollectionOperator,
)
from airflow_provider_milvus.operators.files import MilvusPlanImportsOperator
from airflow_provider_milvus.operators.index import MilvusCreateIndexOperator
from airflow_provider_milvus.sensors.import_job import MilvusImportSensor
from airflow_provider_milvus.task_groups.version_tasks import (
    CheckVersion,
    CreateVersion,
    DropOldVersions,
    ImportVersion,
)

ALL = {
    MilvusSwapAliasOperator: {"alias": "a", "collection_name": "c"},
    MilvusBulkImportOperator: {"collection_name": "c", "files": ["a.parquet"]},
    MilvusRowCountCheckOperator: {"collection_name": "c", "expected_rows": 5},
    MilvusCreateCollectionOperator: {"collection_name": "c", "schema": {"fields": []}},
    MilvusDropCollectionOperator: {"collection_name": "c"},
    MilvusLoadCollectionOperator: {"collection_name": "c"},
    MilvusCreateIndexOperator: {"collection_name": "c", "index_params": [{"fieldName": "v"}]},
    MilvusImportSensor: {"job_id": "7"},
    CreateVersion: {"alias": "a", "schema": {"fields": []}},
    ImportVersion: {"alias": "a", "collection_name": "c", "files": ["a.parquet"]},
    CheckVersion: {"collection_name": "c", "expected_rows": 5},
    DropOldVersions: {"alias": "a", "keep": 2},
}
# Optional parameters are left out where a wrong type of the given ones must be the only error.
NAMES = ("milvus_conn_id", "collection_name", "alias")
OPTIONAL_NAMES = ("database", "partition_name", "storage_conn_id", "volume_name")
FLAGS = (
    "deferrable",
    "wait_for_completion",
    "durable",
    "two_phase",
    "cancel_on_kill",
    "asset_outlet",
    "require_loaded",
    "by_statistics",
    "start_from_trigger",
)
SECONDS = ("poll_interval", "timeout", "defer_after", "max_poll_failures")
LISTS = ("files", "index_params")
DICTS = ("options", "collection_params")


@pytest.fixture(autouse=True)
def time(package_clock):
    return package_clock


def parameters_of(kind):
    """The names of the parameters that an operator takes, its own and those of its bases in this package."""
    found = set()
    for cls in kind.__mro__:
        if cls.__module__.startswith("airflow_provider_milvus"):
            found |= set(cls.__init__.__wrapped__.__code__.co_varnames if hasattr(cls.__init__, "__wrapped__") else ())
    return found


def wrong_values():
    """Each parameter of each operator with values of a wrong type."""
    cases = {
        NAMES: (None, "", " ", 7, 7.5, b"c", ["c"], {"c": 1}, True),
        OPTIONAL_NAMES: ("", 7, b"c", ["c"], True),
        FLAGS: ("false", 1, None, b"true", ["x"]),
        SECONDS: ("5", b"5", ["5"], True, float("nan"), -1),
        LISTS: (7, b"a.parquet", {"a": 1}, True, "['a.parquet', 'b.parquet']", '["a.parquet"]', ["['a.parquet']"]),
        DICTS: ("timeout", "{'timeout': '1h'}", ["timeout"], 7, b"x"),
    }
    for kind, given in ALL.items():
        for names, values in cases.items():
            for name in names:
                if name in parameters_of(kind) | given.keys():
                    yield from (
                        pytest.param(kind, name, value, id=f"{kind.__name__}-{name}-{value!r}") for value in values
                    )


@pytest.mark.parametrize(("kind", "name", "value"), wrong_values())
def test_wrong_type_is_one_error_that_names_the_parameter(context, milvus, kind, name, value):
    with pytest.raises(ValueError, match=name):
        kind(task_id="task", **{**ALL[kind], name: value}).execute(context)
    assert milvus.sent == []


def test_walk_covers_every_kind_of_operator():
    assert {name for kind in ALL for name in parameters_of(kind)} >= {*NAMES, *OPTIONAL_NAMES, *FLAGS, *SECONDS, *DICTS}


RENDERED = "[{'a': 1}]"


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (MilvusBulkImportOperator, "files"),
        (MilvusBulkImportOperator, "options"),
        (MilvusCreateCollectionOperator, "schema"),
        (MilvusCreateCollectionOperator, "index_params"),
        (MilvusCreateCollectionOperator, "collection_params"),
        (MilvusCreateIndexOperator, "index_params"),
        (MilvusRowCountCheckOperator, "expected_rows"),
        (MilvusImportSensor, "job_id"),
        (CreateVersion, "schema"),
        (ImportVersion, "files"),
        (ImportVersion, "options"),
        (CheckVersion, "expected_rows"),
    ],
)
def test_list_or_dict_that_became_text_names_the_native_rendering(context, milvus, kind, name):
    task = kind(task_id="task", **{**ALL[kind], name: "{{ value }}"})
    task.render_template_fields({"value": [{"a": 1}]})
    assert getattr(task, name) == RENDERED
    with pytest.raises(ValueError, match=rf"{name}.*render_template_as_native_obj=True"):
        task.execute(context)
    assert milvus.sent == []


@pytest.mark.parametrize("name", ["object_urls", "data_paths"])
def test_sources_of_zilliz_cloud_that_became_text_name_it_too(context, milvus, name):
    task = MilvusBulkImportOperator(task_id="task", collection_name="c", **{name: "['s3://b/?key=s3cret']"})
    with pytest.raises(ValueError, match=rf"{name}.*render_template_as_native_obj=True") as caught:
        task.execute(context)
    assert ("s3cret" in str(caught.value)) is (name == "data_paths")
    assert milvus.sent == []


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind is not MilvusImportSensor])
def test_default_args_reach_the_shared_parameters(kind):
    with DAG("dag", schedule=None, default_args={"milvus_conn_id": "m", "database": "d"}):
        task = kind(task_id="task", **ALL[kind])
    assert (task.milvus_conn_id, task.database) == ("m", "d")


def test_default_args_reach_the_sensor():
    with DAG("dag", schedule=None, default_args={"milvus_conn_id": "m", "database": "d", "deferrable": True}):
        task = MilvusImportSensor(task_id="task", job_id="7", timeout=60)
    assert (task.milvus_conn_id, task.database, task.deferrable, task.timeout) == ("m", "d", True, 60)


@pytest.mark.parametrize("kind", ALL)
def test_every_operator_and_the_sensor_share_one_base(kind):
    assert issubclass(kind, MilvusOperator)
    assert set(kind.template_fields) >= {"milvus_conn_id", "database"}


@pytest.mark.parametrize(
    ("deferrable", "timeout", "execution_timeout", "limit"),
    [
        (True, None, None, None),
        (True, 60, None, 60),
        (True, None, 30, 30),
        (True, 60, 30, 30),
        (True, 20, 30, 20),
        (False, None, 30, None),
        (False, 60, 30, 60),
    ],
)
def test_deferred_wait_is_limited_by_both_timeouts(time, deferrable, timeout, execution_timeout, limit):
    task = MilvusWaitOperator(
        task_id="task",
        deferrable=deferrable,
        timeout=timeout,
        execution_timeout=None if execution_timeout is None else timedelta(seconds=execution_timeout),
    )
    assert task.time_limit == limit
    assert task.deadline() == (None if limit is None else time.now + limit)


@pytest.mark.parametrize(("deferrable", "moment"), [(True, 1_007.0), (False, None)])
def test_only_a_deferrable_task_moves_to_the_triggerer(deferrable, moment):
    assert MilvusWaitOperator(task_id="task", deferrable=deferrable, defer_after=7).defer_at() == moment


@pytest.mark.parametrize(("pushes", "pushed"), [(True, {"rows": 5}), (False, {})])
def test_do_xcom_push_decides_over_every_xcom(ti, pushes, pushed):
    push_xcom(SimpleNamespace(do_xcom_push=pushes), {"ti": ti}, "rows", 5)
    assert ti.xcoms == pushed


def test_plan_without_xcoms_pushes_no_rows(context, ti, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"id": [1, 2]}), tmp_path / "a.parquet")
    where = {"files_from": f"file://{tmp_path}/*.parquet", "files_root": f"file://{tmp_path}"}
    for pushes in (False, True):
        MilvusPlanImportsOperator(task_id="task", count_rows=True, do_xcom_push=pushes, **where).execute(context)
        assert ti.xcoms == ({"rows": 2} if pushes else {})
