"""The plan of many imports."""

import pytest

from airflow_provider_milvus.operators.files import MilvusPlanImportsOperator, plan_imports


@pytest.fixture
def bucket(tmp_path):
    for number in range(2500):
        (tmp_path / f"{number:04}.parquet").touch()
    return f"file://{tmp_path}"


def test_more_files_than_one_import_takes_become_the_fewest_imports(bucket, context):
    plan = MilvusPlanImportsOperator(task_id="plan", files_from=f"{bucket}/*.parquet", files_root=bucket)
    found = plan.execute(context)
    assert [len(files) for files in found] == [834, 833, 833]
    assert found == plan_imports(f"{bucket}/*.parquet", bucket)


def test_where_the_files_lie_is_templated():
    plan = MilvusPlanImportsOperator(task_id="plan", files_from="s3://b/{{ x }}/*", files_root="s3://{{ x }}")
    plan.render_template_fields({"x": "7"})
    assert (plan.files_from, plan.files_root) == ("s3://b/7/*", "s3://7")
