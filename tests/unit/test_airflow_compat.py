"""The private parts of Airflow, and what happens on a version that lacks them."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from airflow.providers.common.compat.sdk import DAG, BaseOperator, task_group
from airflow.triggers.base import BaseTrigger

from airflow_provider_milvus import airflow_compat
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


class LazyOutput(NoSlices):
    """What Airflow makes of the output of a mapped operator, whose every item is a request of its own."""

    def __getitem__(self, index):
        assert isinstance(index, slice)
        return list(self._values[index])


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (NoSlices("1", "2"), ["1", "2"]),
        (LazyOutput("1", "2"), ["1", "2"]),
        ([LazyOutput("1"), NoSlices("2")], [["1"], ["2"]]),
        (NoSlices(["1"], ["2"]), [["1"], ["2"]]),
        (LazyOutput(), []),
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


def test_output_of_a_task_is_named_by_its_task_and_key():
    with DAG("dag", schedule=None):
        output = BaseOperator(task_id="submit").output["job_id"]
    assert airflow_compat.single_output(output) == ("submit", "job_id")


def test_outputs_that_are_several_values_are_not_single():
    with DAG("dag", schedule=None):
        mapped = BaseOperator.partial(task_id="mapped").expand(doc=["a", "b"])
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


def test_operator_that_does_not_tell_its_groups_counts_as_mapped():
    assert airflow_compat.in_mapped_group(SimpleNamespace())


def test_triggers_of_a_class_share_a_logger():
    triggers = [MilvusImportTrigger(job_id, "milvus_default") for job_id in ("1", "2")]
    assert airflow_compat.shared_logger(triggers[0]) is airflow_compat.shared_logger(triggers[1])


def test_trigger_without_a_shared_logger_gets_its_own():
    assert airflow_compat.shared_logger(SimpleNamespace(log="own")) == "own"


def test_triggerer_renders_templates_where_a_trigger_can():
    assert airflow_compat.triggerer_renders_templates() is hasattr(BaseTrigger, "render_template_fields")
