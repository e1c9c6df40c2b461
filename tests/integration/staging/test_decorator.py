"""``@task.milvus_import``: what a function returns or yields is imported once, or nothing of it."""

from importlib.util import find_spec

import pandas as pd
import pyarrow as pa
import pytest
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_milvus.decorators.milvus_import import milvus_import_task
from airflow_provider_milvus.exceptions import MilvusFilesRefused

ROWS = [{"id": n, "vector": [float(n), 0.5], "text": None if n % 2 else f"text {n}"} for n in range(10)]


class Stream:
    """What is known of a DataFrame by its Arrow stream alone, with the types that Polars writes."""

    def __init__(self, rows):
        self._table = pa.table(
            {
                "id": pa.array([row["id"] for row in rows]),
                "vector": pa.array([row["vector"] for row in rows], pa.large_list(pa.float64())),
                "text": pa.array([row["text"] for row in rows], pa.string_view()),
            }
        )

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


KINDS = {
    "pandas": lambda: pd.DataFrame(ROWS),
    "pandas with an index and categories": lambda: (
        pd.DataFrame(ROWS).astype({"text": "category"}).set_index(pd.Index(range(5, 15)))
    ),
    "several of pandas": lambda: [pd.DataFrame(ROWS[n : n + 5]) for n in (0, 5)],
    "a stream of Arrow": lambda: Stream(ROWS),
    "several streams of Arrow": lambda: [Stream(ROWS[n : n + 5]) for n in (0, 5)],
    "a list of dicts": lambda: ROWS,
}
if find_spec("polars"):  # too large for the tests' environment, whose Stream stands for it
    import polars as pl

    KINDS |= {
        "Polars": lambda: pl.DataFrame(ROWS),
        "Polars with categories": lambda: pl.DataFrame(ROWS).cast({"text": pl.Categorical}),
        "Polars with arrays": lambda: pl.DataFrame(ROWS).cast({"vector": pl.Array(pl.Float32, 2), "id": pl.UInt16}),
        "a LazyFrame": lambda: pl.DataFrame(ROWS).lazy(),
        "several of Polars": lambda: [pl.DataFrame(ROWS[n : n + 5]) for n in (0, 5)],
    }


@pytest.fixture
def task_of(collection, staging):
    """The task of a decorated function."""

    def decorate(function, *arguments, **options):
        with DAG("dag", schedule=None):
            decorated = milvus_import_task(task_id="task", collection_name=collection, retries=2, **staging, **options)(
                function
            )
            return decorated(*arguments).operator

    return decorate


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_function_returns_is_imported(kind, task_of, context, found, staged):
    task_of(lambda: KINDS[kind]()).execute(context)
    assert [(row["vector"], row["text"]) for _, row in sorted(found().items())] == [
        (row["vector"], row["text"]) for row in ROWS
    ]
    assert staged() == []


def test_what_a_generator_yields_is_imported(task_of, context, found, staged):
    def rows():
        yield pd.DataFrame(ROWS[:4])
        yield Stream(ROWS[4:6])
        yield from ROWS[6:]

    task_of(rows).execute(context)
    assert (sorted(found()), staged()) == ([row["id"] for row in ROWS], [])


def test_id_of_the_job_is_returned_and_pushed(task_of, context, hook, collection):
    job_id = task_of(lambda: ROWS).execute(context)
    assert [job.job_id for job in hook.list_import_jobs(collection)] == [job_id] == [context["ti"].xcoms["job_id"]]


def test_function_gets_its_arguments_and_the_context(task_of, context, found):
    def rows(count, run_id):
        assert run_id == "manual"
        return ROWS[:count]

    task_of(rows, 3).execute({**context, "run_id": "manual"})
    assert sorted(found()) == [0, 1, 2]


@pytest.mark.parametrize("kind", ["pandas", "a stream of Arrow", "a list of dicts"])
def test_generator_that_fails_half_way_leaves_nothing(kind, task_of, context, staged, hook, collection):
    def rows():
        # Some files are complete by then.
        for _ in range(3):
            yield KINDS[kind]()
        raise RuntimeError("the source is gone")

    with pytest.raises(RuntimeError, match="the source is gone"):
        task_of(rows, file_size=1).execute(context)
    assert (staged(), hook.list_import_jobs(collection), context["ti"].xcoms) == ([], [], {})


def test_retry_of_a_generator_that_failed_imports_each_row_once(task_of, context, found, hook, collection):
    calls = []

    def rows():
        yield ROWS[:5]
        if not calls:
            calls.append(1)
            raise RuntimeError("the source is gone")
        yield ROWS[5:]

    task = task_of(rows)
    with pytest.raises(RuntimeError, match="the source is gone"):
        task.execute(context)
    context["ti"].try_number = 2
    task.execute(context)
    assert (len(found()), hook.get_collection_stats(collection)) == (10, 10)


def test_retry_of_finished_staging_does_not_call_the_function_again(
    task_of, context, found, hook, collection, monkeypatch
):
    calls = []

    def rows():
        calls.append(1)
        yield from ROWS

    def killed(self, *arguments):
        raise RuntimeError("killed")

    task = task_of(rows)
    with monkeypatch.context() as patch:
        patch.setattr("airflow_provider_milvus.operators.task_load.TaskLoad.submit", killed)
        with pytest.raises(RuntimeError, match="killed"):
            task.execute(context)
    context["ti"].try_number = 2
    task.execute(context)
    assert (len(calls), hook.get_collection_stats(collection)) == (1, 10)


def test_row_of_a_later_frame_that_does_not_fit_is_counted_from_the_first(task_of, context, staged):
    bad = pd.DataFrame([{"id": 99, "vector": [1.0], "text": "x"}])
    with pytest.raises(MilvusFilesRefused, match="column 'vector', row 10 "):
        task_of(lambda: [pd.DataFrame(ROWS), bad]).execute(context)
    assert staged() == []


def test_function_without_rows_imports_nothing(task_of, context, hook, collection):
    assert task_of(lambda: None).execute(context) == []
    assert hook.list_import_jobs(collection) == []
