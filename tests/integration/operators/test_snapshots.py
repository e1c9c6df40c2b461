"""Snapshots of collections on a real server, and what is restored of them."""

import itertools

import pytest
from airflow.exceptions import TaskDeferred

from airflow_provider_milvus import exceptions, rest
from airflow_provider_milvus.local import LocalMilvus
from airflow_provider_milvus.operators.snapshot import MilvusRestoreSnapshotOperator, MilvusSnapshotOperator

NUMBERS = itertools.count()


@pytest.fixture
def name(hook):
    """A collection of this test alone, with three rows."""
    name = f"snapshots_{next(NUMBERS)}"
    hook.create_collection(name, dimension=2, metric_type="L2")
    insert(hook, name, 3)
    return name


def insert(hook, name, rows):
    data = [{"id": 10 * rows + number, "vector": [float(number)] * 2} for number in range(rows)]
    hook.call(rest.envelope.Request("/entities/insert", {"collectionName": name, "data": data}, lambda data: data))


def snapshot(name, **parameters):
    return MilvusSnapshotOperator(task_id="t", collection_name=name, **{"snapshot_name": "first", **parameters})


def restore(name, **parameters):
    given = {"snapshot_name": "first", "target_collection_name": f"{name}_restored", **parameters}
    return MilvusRestoreSnapshotOperator(task_id="t", collection_name=name, poll_interval=1, timeout=30, **given)


def test_restored_collection_is_as_the_snapshot_was(hook, name, context):
    snapshot(name).execute(context)
    insert(hook, name, 4)
    restored = restore(name).execute(context)
    hook.load_collection(restored)
    assert (hook.count(restored), hook.count(name)) == (3, 7)
    before, after = hook.describe_collection(name), hook.describe_collection(restored)
    assert (after["fields"], after["indexes"]) == (before["fields"], before["indexes"])


def test_restored_collection_is_one_of_its_own(hook, name, context):
    snapshot(name).execute(context)
    restored = restore(name).execute(context)
    hook.load_collection(restored)
    insert(hook, restored, 5)
    assert (hook.count(restored), hook.count(name)) == (8, 3)
    assert hook.describe_collection(restored)["collectionID"] != hook.describe_collection(name)["collectionID"]


def test_second_snapshot_of_a_name_keeps_the_first(hook, name, context):
    assert [snapshot(name).execute(context) for _ in range(2)] == ["first", "first"]
    assert hook.call(rest.snapshots.list_snapshots(name)) == ["first"]


def test_retry_goes_on_with_the_restore_of_the_try_before(hook, name, context):
    snapshot(name).execute(context)
    restored = restore(name).execute(context)
    job_id = context["ti"].xcoms["job_id"]
    assert (restore(name).execute(context), context["ti"].xcoms["job_id"]) == (restored, job_id)


def test_collection_that_is_there_is_not_restored_over(hook, name, context):
    snapshot(name).execute(context)
    with pytest.raises(exceptions.MilvusCollectionExists, match="a restore makes a new one"):
        restore(name, target_collection_name=name).execute(context)


def test_collection_that_was_dropped_is_restored_again(hook, name, context):
    snapshot(name).execute(context)
    hook.drop_collection(restore(name).execute(context))
    assert hook.has_collection(restore(name).execute(context))


def test_missing_snapshot_is_refused(hook, name, context):
    with pytest.raises(exceptions.MilvusServerError, match="code 2600"):
        restore(name).execute(context)


def test_restore_is_waited_for_in_the_triggerer(hook, name, context, monkeypatch):
    snapshot(name).execute(context)
    monkeypatch.setattr(type(hook), "run_wait", lambda *_, **__: None)
    with pytest.raises(TaskDeferred) as caught:
        restore(name, deferrable=True).execute(context)
    assert caught.value.trigger.serialize()[1]["job_kind"] == "restore"


async def test_trigger_waits_for_a_restore_as_for_an_import(hook, name, context, monkeypatch):
    from airflow_provider_milvus.triggers import wait_trigger
    from airflow_provider_milvus.triggers.import_job import MilvusImportTrigger

    monkeypatch.setattr(wait_trigger, "MIN_AGE_SECONDS", 0)
    snapshot(name).execute(context)
    job_id = hook.call(rest.snapshots.restore_snapshot(name, "first", f"{name}_restored"))
    trigger = MilvusImportTrigger(job_id, "milvus_default", poll_interval=1, job_kind="restore")
    event = await anext(trigger.run())
    assert (event.payload["status"], event.payload["message"][:12]) == ("success", "Restore job ")


def test_job_that_is_unknown_is_not_there(hook):
    with pytest.raises(exceptions.MilvusImportJobNotFound):
        hook.call(rest.snapshots.describe_restore("7"))


def test_pinned_snapshot_cannot_be_dropped(hook, name, context):
    snapshot(name).execute(context)
    body = {"collectionName": name, "snapshotName": "first"}
    pin = hook.call(rest.envelope.Request("/snapshots/pin", {**body, "ttlSeconds": 60}, lambda data: data["pinId"]))
    with pytest.raises(exceptions.MilvusServerError, match="code 2601"):
        hook.call(rest.snapshots.drop_snapshot(name, "first"))
    hook.call(rest.envelope.Request("/snapshots/unpin", {"pinId": pin}, lambda data: data))
    hook.call(rest.snapshots.drop_snapshot(name, "first"))
    assert hook.call(rest.snapshots.list_snapshots(name)) == []


def test_snapshots_outlive_the_server(tmp_path, monkeypatch, context):
    from airflow_provider_milvus.hooks.milvus import MilvusHook

    def hook_of(server):
        monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", f"milvus://127.0.0.1:{server.port}")
        return MilvusHook()

    with LocalMilvus(tmp_path) as server:
        hook = hook_of(server)
        hook.create_collection("c", dimension=2)
        insert(hook, "c", 3)
        snapshot("c").execute(context)
    with LocalMilvus(tmp_path) as server:
        hook = hook_of(server)
        hook.load_collection(restore("c").execute(context))
        assert (hook.count("c_restored"), hook.list_collections()) == (3, ["c", "c_restored"])
