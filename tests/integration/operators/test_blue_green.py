"""What the tasks of the task group leave on a real server, run one after the other as Airflow would."""

import itertools
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus import exceptions, rest
from airflow_provider_milvus.operators.rollback import MilvusRollbackOperator
from airflow_provider_milvus.task_groups.blue_green import milvus_blue_green_import

NUMBERS = itertools.count()
SCHEMA = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": "2"}},
    ]
}
INDEX = [{"fieldName": "vector", "indexType": "AUTOINDEX", "metricType": "L2"}]
TASKS = ["create_version", "import_files", "check_rows", "build_index", "load", "swap_alias", "drop_old_versions"]
WITH_RECALL = [*TASKS[:5], "check_recall", *TASKS[5:]]
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


class Pipeline:
    """The task group for an alias of its own, and its runs."""

    def __init__(self, hook, bucket):
        self.hook = hook
        self.bucket = bucket
        self.alias = f"alias_{next(NUMBERS)}"

    def write(self, rows, name="rows.parquet"):
        vectors = pa.array([[0.0, 1.0]] * rows, pa.list_(pa.float32()))
        table = pa.table({"id": pa.array(range(rows), pa.int64()), "vector": vectors})
        pq.write_table(table, self.bucket / name)

    def run(self, number, rows, *, only=TASKS, cleared=0, expected=None, file="rows.parquet", **parameters):
        """Run tasks of a run, whose file has so many rows; the name of its version."""
        if rows:
            self.write(rows)
        with DAG("dag", schedule=None, start_date=datetime(2026, 1, 1)):
            group = milvus_blue_green_import(
                alias=self.alias,
                schema=SCHEMA,
                index_params=INDEX,
                files=[file],
                expected_rows=rows if expected is None else expected,
                poll_interval=1,
                **parameters,
            )
        context = self.context(number, cleared)
        version = group.children["blue_green_import.create_version"].execute(context)
        for name in only[1:]:
            task = group.children[f"blue_green_import.{name}"]
            if hasattr(task, "collection_name"):
                task.collection_name = version
            if hasattr(task, "timeout"):
                # Rows that are wrong are waited for as long as that.
                task.timeout = 1 if name == "check_rows" else 60
            if name == "swap_alias":
                task.recall = None
            task.execute(context)
        return version

    def context(self, number, cleared):
        ti = SimpleNamespace(
            dag_id="dag",
            task_id="task",
            run_id=f"run{number}",
            map_index=-1,
            try_number=1 + cleared,
            max_tries=cleared,
            xcom_push=lambda **_: None,
            # Airflow 3 reports the XComs of the try before: one that succeeded has returned something.
            _ti_context_from_server=SimpleNamespace(xcom_keys_to_clear=["return_value"] if cleared else []),
        )
        when = NOON + timedelta(minutes=number)
        return {"ti": ti, "dag_run": SimpleNamespace(run_after=when, logical_date=when, start_date=NOON)}

    @property
    def served(self):
        return self.hook.describe_alias(self.alias)

    @property
    def versions(self):
        return [name for name in self.hook.list_collections() if name.startswith(f"{self.alias}_")]


@pytest.fixture
def pipeline(hook, milvus):
    return Pipeline(hook, milvus.bucket)


def test_first_run_makes_the_alias(pipeline, hook):
    version = pipeline.run(1, rows=5)
    assert (pipeline.served, hook.count(pipeline.alias)) == (version, 5)


def test_next_run_moves_the_alias_and_keeps_the_version_before(pipeline, hook):
    names = [pipeline.run(number, rows=5 + number) for number in range(4)]
    assert (pipeline.served, hook.count(pipeline.alias)) == (names[3], 8)
    assert sorted(pipeline.versions) == names[2:]


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"file": "nowhere.parquet"}, exceptions.MilvusImportFailed),
        ({"expected": 7}, exceptions.MilvusRowCountWrong),
    ],
    ids=["import", "rows"],
)
def test_run_that_fails_leaves_the_alias_where_it_was(pipeline, hook, parameters, error):
    version = pipeline.run(1, rows=5)
    with pytest.raises(error):
        pipeline.run(2, rows=6, **parameters)
    assert (pipeline.served, hook.count(pipeline.alias)) == (version, 5)


def test_version_of_a_failed_run_is_dropped_in_favour_of_a_good_one(pipeline):
    good = pipeline.run(1, rows=5)
    with pytest.raises(exceptions.MilvusImportFailed):
        pipeline.run(2, rows=6, file="nowhere.parquet")
    assert len(pipeline.versions) == 2
    newest = pipeline.run(3, rows=6)
    assert sorted(pipeline.versions) == [good, newest]


def test_run_goes_on_after_any_task(pipeline, hook):
    for stop in range(1, len(TASKS)):
        # What the import did is recorded in Airflow, which these runs do without.
        again = [task for task in TASKS if task != "import_files" or stop < 2]
        pipeline.run(stop, rows=5, only=TASKS[:stop])
        version = pipeline.run(stop, rows=5, only=again)
        assert (pipeline.served, hook.count(pipeline.alias)) == (version, 5)


def test_cleared_run_makes_a_version_of_its_own(pipeline, hook):
    first = pipeline.run(1, rows=5)
    again = pipeline.run(1, rows=5, cleared=1)
    assert (again, pipeline.served, hook.count(pipeline.alias)) == (f"{first}_1", again, 5)


def test_nothing_is_imported_into_the_version_that_serves(pipeline, hook):
    pipeline.run(1, rows=5)
    with pytest.raises(exceptions.MilvusVersionServes, match="Clear create_version as well"):
        pipeline.run(1, rows=5)
    assert hook.count(pipeline.alias) == 5


def test_alias_with_the_name_of_a_collection_is_refused_at_once(pipeline, hook):
    hook.create_collection(pipeline.alias, schema=SCHEMA)
    with pytest.raises(exceptions.MilvusCollectionExists, match="is the name of a collection"):
        pipeline.run(1, rows=5)
    assert pipeline.versions == []


def test_version_that_another_alias_leads_to_is_kept(pipeline, hook):
    first = pipeline.run(1, rows=5)
    hook.create_alias(first, f"stable_{pipeline.alias}")
    names = [pipeline.run(number, rows=5) for number in (2, 3, 4)]
    assert sorted(pipeline.versions) == [first, *names[1:]]


RECALL = {"queries": [[0.0, 1.0]], "min_recall": 0.9, "min_overlap": 0.9, "limit": 3}


def test_recall_is_measured_before_the_swap(pipeline, hook):
    pipeline.run(1, rows=5, only=WITH_RECALL, recall=RECALL)
    version = pipeline.run(2, rows=5, only=WITH_RECALL, recall=RECALL)
    assert pipeline.served == version


def test_recall_that_is_too_low_leaves_the_alias_where_it_was(pipeline):
    version = pipeline.run(1, rows=5, only=WITH_RECALL, recall=RECALL)
    with pytest.raises(exceptions.MilvusRecallTooLow):
        # With fewer rows there are fewer hits.
        pipeline.run(2, rows=1, only=WITH_RECALL, recall=RECALL)
    assert pipeline.served == version


def rollback(pipeline, **parameters):
    task = MilvusRollbackOperator(task_id="t", alias=pipeline.alias, timeout=30, **parameters)
    return task.execute(pipeline.context(9, 0))["collection_name"]


def test_rollback_goes_back_one_version_and_not_further(pipeline):
    names = [pipeline.run(number, rows=5, keep=3) for number in range(3)]
    assert [rollback(pipeline), rollback(pipeline), pipeline.served] == [names[1]] * 3


def test_rollback_without_its_alias_goes_back_one_version_too(pipeline, hook):
    names = [pipeline.run(number, rows=5, keep=3) for number in range(3)]
    drop = {"aliasName": f"{pipeline.alias}_previous"}
    hook.call(rest.envelope.Request("/aliases/drop", drop, lambda data: None))
    assert [rollback(pipeline), rollback(pipeline), pipeline.served] == [names[1]] * 3


def test_rollback_loads_a_version_that_was_released(pipeline, hook):
    first, _ = (pipeline.run(number, rows=5 + number) for number in range(2))
    hook.call(rest.envelope.Request("/collections/release", {"collectionName": first}, lambda data: None))
    rollback(pipeline)
    assert (pipeline.served, hook.count(pipeline.alias)) == (first, 5)


def test_rollback_skips_the_version_of_a_run_that_was_rejected(pipeline):
    good = pipeline.run(1, rows=5)
    pipeline.run(2, rows=5, only=TASKS[:5])
    pipeline.run(3, rows=5)
    assert rollback(pipeline) == good


def test_run_after_a_rollback_drops_what_was_rolled_back(pipeline):
    first, second = (pipeline.run(number, rows=5) for number in range(2))
    rollback(pipeline)
    third = pipeline.run(2, rows=5)
    assert (pipeline.served, sorted(pipeline.versions)) == (third, [first, third]), second


def test_rollback_of_the_first_version_is_refused(pipeline):
    pipeline.run(1, rows=5)
    with pytest.raises(exceptions.MilvusNoVersionBefore, match="give collection_name"):
        rollback(pipeline)


def test_rollback_to_a_given_version(pipeline):
    names = [pipeline.run(number, rows=5, keep=3) for number in range(3)]
    assert rollback(pipeline, collection_name=names[0]) == pipeline.served == names[0]
