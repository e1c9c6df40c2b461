"""Task instances as a worker leaves them when it defers, for a triggerer on the metadata database of ``os.environ``.

A triggerer wakes them; no scheduler and no worker is needed for that.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def define(dag_id: str, instances: int) -> None:
    """Write a DAG with a task, and a run of it with so many instances.

    The triggerer deserializes the DAG for each of them: one with as many tasks would keep it busy for long.
    """
    try:
        from airflow.dag_processing import dagbag
    except ImportError:  # before Airflow 3.2
        from airflow.models import dagbag
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.models.taskinstance import TaskInstance
    from airflow.sdk import DAG, BaseOperator
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    dag = DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC))
    BaseOperator(task_id="wait", dag=dag)
    with create_session() as session:
        session.add(DagBundleModel(name="inline"))
    bag = dagbag.DagBag(os.devnull)
    dag.relative_fileloc = "inline.py"
    bag.bag_dag(dag)
    if hasattr(bag, "sync_to_db"):  # before Airflow 3.1
        bag.sync_to_db("inline", None)
    else:
        dagbag.sync_bag_to_db(bag, "inline", None)
    with create_session() as session:
        stored = SerializedDagModel.get(dag_id, session=session)
        assert stored
        now = datetime.now(UTC)
        run = stored.dag.create_dagrun(
            run_id=f"manual__{uuid.uuid4()}",
            logical_date=now,
            data_interval=(now, now),
            run_after=now,
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState.RUNNING,
            session=session,
        )
        task, version = stored.dag.get_task("wait"), stored.dag_version_id
        for number in range(instances):
            session.add(TaskInstance(task, run_id=run.run_id, dag_version_id=version, map_index=number))


def defer(triggers: Mapping[int, Any], triggerer: int | None = None) -> None:
    """Let instances be deferred, each to its trigger, which a certain triggerer has, or whichever takes it."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.models.trigger import Trigger
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select

    with create_session() as session:
        for number, trigger in triggers.items():
            row = Trigger.from_object(trigger)
            row.triggerer_id = triggerer
            session.add(row)
            session.flush()
            task = session.scalars(select(TaskInstance).where(TaskInstance.map_index == number)).one()
            task.trigger_id, task.state, task.try_number = row.id, TaskInstanceState.DEFERRED, 1
            task.next_method, task.next_kwargs = "execute_complete", {}


def woken() -> list[tuple[int, Any]]:
    """The number of each instance that a triggerer has woken, and what it woke it with."""
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from airflow.utils.state import TaskInstanceState
    from sqlalchemy import select

    # Columns by their attributes: Airflow 3.4 has renamed one.
    columns = select(TaskInstance.map_index, TaskInstance.next_kwargs)
    with create_session() as session:
        rows = session.execute(columns.where(TaskInstance.state == TaskInstanceState.SCHEDULED))
        return [(number, event) for number, event in rows]
