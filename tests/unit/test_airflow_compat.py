"""The private parts of Airflow, and what happens on a version that lacks them."""

from collections.abc import Sequence
from types import SimpleNamespace
from uuid import UUID

import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator, task_group
from airflow.triggers.base import BaseTrigger

from airflow_provider_milvus import airflow_compat
from airflow_provider_milvus.operators.collection import MilvusDropCollectionOperator
from airflow_provider_milvus.triggers.import_job import MilvusImportTrigger


class NoSlices(Sequence):
    """What Airflow's ``concat`` makes of the outputs of two mapped operators."""

    def __init__(self, *values):
        self._values = values

    def __len__(self):
        return len(self._values)

    def __getitem__(self, index):
        if isinstance(index, slice):
            raise TypeError("'>=' not supported between instances of 'slice' and 'int'")
        return self._values[index]


class LazyXComOutput(NoSlices):
    """What Airflow makes of the output of a mapped operator, whose every item is a request of its own."""

    def __getitem__(self, index):
        assert isinstance(index, slice)
        return list(self._values[index])


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (NoSlices("1", "2"), ["1", "2"]),
        (LazyXComOutput("1", "2"), ["1", "2"]),
        ([LazyXComOutput("1"), NoSlices("2")], [["1"], ["2"]]),
        (NoSlices(["1"], ["2"]), [["1"], ["2"]]),
        (LazyXComOutput(), []),
    ],
    ids=["concat", "mapped", "two mapped", "concat of several jobs each", "mapped over nothing"],
)
def test_output_of_a_mapped_operator_becomes_a_plain_list(value, plain):
    assert airflow_compat.evaluated(value) == plain


@pytest.mark.parametrize("value", ["12", b"12", 7, None, {"a": 1}])
def test_value_that_is_no_list_is_returned_as_it_is(value):
    assert airflow_compat.evaluated(value) is value


@pytest.mark.parametrize(("max_tries", "retries", "count"), [(0, 0, 0), (2, 2, 0), (5, 2, 3), (1, None, 1), (0, 2, 0)])
def test_clears_are_counted_by_what_max_tries_has_grown(max_tries, retries, count):
    assert airflow_compat.clear_count(SimpleNamespace(max_tries=max_tries), retries) == count


def test_task_instance_without_max_tries_was_never_cleared():
    assert airflow_compat.clear_count(SimpleNamespace(), 2) == 0


# -- which load a try is of --------------------------------------------------------------------------------------------

TASK = SimpleNamespace(retries=2, do_xcom_push=True)
UNKNOWN = object()


def load_of(try_number, max_tries=2, *, keys=UNKNOWN, clear_number=UNKNOWN, task=TASK, store=False):
    """What is decided for a try, and what it pushes for the next one."""
    pushed = {}
    ti = SimpleNamespace(
        try_number=try_number, max_tries=max_tries, xcom_push=lambda key, value: pushed.update({key: value})
    )
    if keys is not UNKNOWN:
        ti._ti_context_from_server = SimpleNamespace(xcom_keys_to_clear=keys)
    run = SimpleNamespace() if clear_number is UNKNOWN else SimpleNamespace(clear_number=clear_number)
    context = {"ti": ti, "dag_run": run, **({"task_state_store": {}} if store else {})}
    return tuple(airflow_compat.load_of_try(context, task)), list(pushed)


def test_first_try_is_of_the_first_load():
    assert load_of(1) == ((0, "none"), [])


@pytest.mark.parametrize("keys", [[], ["job_id"], UNKNOWN])
def test_retry_is_of_the_same_load(keys):
    assert load_of(2, keys=keys) == ((0, "some"), [])


@pytest.mark.parametrize("retries", [0, 1, 2, 5])
@pytest.mark.parametrize("try_number", [2, 3])
def test_retry_is_of_the_same_load_whatever_retries_was_edited_to(retries, try_number):
    edited = SimpleNamespace(retries=retries, do_xcom_push=True)
    assert load_of(try_number, keys=["job_id"], task=edited) == ((0, "some"), [])
    assert load_of(try_number, keys=[], task=edited) == ((0, "some"), [])
    assert load_of(try_number, clear_number=0, task=edited) == ((0, "some"), [])


def test_clear_of_a_success_is_another_load():
    assert load_of(2, 3, keys=["job_id", "return_value"]) == ((1, "none"), ["milvus_load_1"])


def test_retry_after_a_clear_of_a_success_is_of_the_other_load():
    for retries in (0, 1, 2, 5):
        edited = SimpleNamespace(retries=retries, do_xcom_push=True)
        found, _ = load_of(3, 3, keys=["job_id", "milvus_load_1"], task=edited)
        assert found == (1, "some")


def test_second_clear_of_a_success_is_a_third_load():
    assert load_of(4, 5, keys=["milvus_load_1", "return_value"]) == ((3, "none"), ["milvus_load_3"])


@pytest.mark.parametrize("keys", [[], ["job_id"]])
def test_clear_of_a_failure_is_of_the_same_load(keys):
    assert load_of(4, 5, keys=keys, clear_number=1) == ((0, "some"), [])


def test_retry_of_a_try_that_died_after_its_last_xcom_is_of_the_same_load():
    assert load_of(2, 2, keys=["job_id", "return_value"]) == ((0, "some"), [])


def test_clear_of_a_task_without_xcoms_in_a_cleared_run_is_another_load():
    silent = SimpleNamespace(retries=2, do_xcom_push=False)
    assert load_of(2, 3, keys=[], clear_number=1, task=silent) == ((1, "cleared"), [])
    assert load_of(2, 3, keys=[], clear_number=0, task=silent) == ((0, "some"), [])
    assert load_of(3, 3, keys=[], clear_number=1, task=silent) == ((1, "some"), [])


def test_retry_without_a_record_after_an_emptying_clear_is_as_its_first_try():
    assert load_of(2, 3, clear_number=1, store=True) == ((1, "cleared"), [])
    assert load_of(3, 3, clear_number=1, store=True) == ((1, "cleared"), [])


def test_task_instance_outside_of_loops_has_the_identity_of_older_versions():
    plain = {"dag_id": "d", "task_id": "t", "run_id": "r", "map_index": -1}
    assert airflow_compat.identity(SimpleNamespace(**plain)) == ("d", "t", "r", "-1")
    nowhere = {"region_id": UUID(int=0), "region_index": -1}
    assert airflow_compat.identity(SimpleNamespace(**plain, **nowhere)) == ("d", "t", "r", "-1")
    assert airflow_compat.identity(SimpleNamespace(**plain, region_id=None, region_index=None)) == ("d", "t", "r", "-1")


def test_iterations_of_a_loop_have_an_identity_each():
    plain = {"dag_id": "d", "task_id": "t", "run_id": "r", "map_index": -1}
    regions = [(UUID(int=1), 0), (UUID(int=1), 1), (UUID(int=2), 0)]
    found = [
        airflow_compat.identity(SimpleNamespace(**plain, region_id=id, region_index=index)) for id, index in regions
    ]
    assert len(set(found)) == 3
    assert found[1] == ("d", "t", "r", "-1", str(UUID(int=1)), "1")


# -- outputs and triggers ----------------------------------------------------------------------------------------------


def test_output_of_a_task_is_named_by_its_task_and_key():
    with DAG("dag", schedule=None):
        output = BaseOperator(task_id="submit").output["job_id"]
    # Airflow 2 does not say whether an operator is mapped.
    assert airflow_compat.single_output(output) == (
        ("submit", "job_id") if hasattr(BaseOperator, "is_mapped") else None
    )


def test_outputs_that_are_several_values_are_not_single():
    with DAG("dag", schedule=None):
        mapped = MilvusDropCollectionOperator.partial(task_id="mapped").expand(collection_name=["a", "b"])
        plain = BaseOperator(task_id="plain")
        made = [mapped.output, plain.output.map(str), plain.output.zip(plain.output), "7", ["7"], None]
    assert [airflow_compat.single_output(output) for output in made] == [None] * len(made)


def test_task_of_a_mapped_group_is_recognised():
    @task_group
    def group(value):
        return BaseOperator(task_id="inside")

    with DAG("dag", schedule=None) as dag:
        group.expand(value=[1, 2])
        BaseOperator(task_id="outside")
    assert airflow_compat.in_mapped_group(dag.get_task("group.inside"))
    assert not airflow_compat.in_mapped_group(dag.get_task("outside"))
    assert airflow_compat.single_output(dag.get_task("group.inside").output) is None


def test_operator_that_does_not_report_its_groups_counts_as_mapped():
    assert airflow_compat.in_mapped_group(SimpleNamespace())


def test_triggers_of_a_class_share_a_logger():
    triggers = [MilvusImportTrigger(job_id, "milvus_default") for job_id in ("1", "2")]
    assert airflow_compat.shared_logger(triggers[0]) is airflow_compat.shared_logger(triggers[1])


def test_trigger_without_a_shared_logger_gets_its_own():
    assert airflow_compat.shared_logger(SimpleNamespace(log="own")) == "own"


def test_triggerer_renders_templates_where_a_trigger_can():
    assert airflow_compat.triggerer_renders_templates() is hasattr(BaseTrigger, "render_template_fields")
