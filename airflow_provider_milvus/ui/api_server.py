"""What the view uses of Airflow's api-server. All of it is private or undocumented, and nothing else here touches it.

Read in 3.1.8 to 3.4.0b2: ``airflow/api_fastapi/core_api/security.py``, ``airflow/models/xcom.py``, ``dag.py`` and
``log.py``, as the api-server's own routes use them. Watch for XCom queries in the Task SDK. Without a part, the routes
of the view respond with an error and nothing else of Airflow is affected.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple


class XComRow(NamedTuple):
    """An XCom: whose it is, its value, and when it was pushed, in epoch seconds."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    value: Any
    pushed: float


def newest_xcoms(key: str, *, days: float, limit: int) -> list[XComRow]:
    """The XComs of one key that were pushed in the last days, the newest first. It blocks."""
    from airflow.utils.session import create_session

    with create_session() as session:
        rows = session.execute(_query(key, datetime.now(UTC) - timedelta(days=days), limit)).all()
    return list(_read(rows))


def _query(key: str, since: datetime, limit: int) -> Any:
    from airflow.models import xcom
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import select

    model = getattr(xcom, "XComModelV2", None)
    if model is None:
        model = xcom.XComModel
        query = select(model.dag_id, model.run_id, model.task_id, model.map_index, model.value, model.timestamp)
    else:  # Airflow 3.4: a table of its own, by the id of a try
        ti = TaskInstance
        query = select(ti.dag_id, ti.run_id, ti.task_id, ti.map_index, model.value, model.timestamp)
        query = query.join(ti, ti.id == model.task_instance_id)
    return query.where(model.key == key, model.timestamp >= since).order_by(model.timestamp.desc()).limit(limit)


def _read(rows: Any) -> Iterator[XComRow]:
    for dag_id, run_id, task_id, map_index, value, timestamp in rows:
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                continue
        yield XComRow(dag_id, run_id, task_id, map_index, value, timestamp.timestamp())


def all_dag_ids() -> set[str]:
    """The ids of all DAGs. It blocks."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return set(session.scalars(select(DagModel.dag_id)))


def readable_dag_ids(user: Any) -> set[str]:
    """The ids of the DAGs that a user may read. It blocks."""
    from airflow.api_fastapi.app import get_auth_manager

    return set(get_auth_manager().get_authorized_dag_ids(user=user, method="GET"))


def may_trigger(request: Any, user: Any, dag_id: str) -> bool:
    """Whether a user may trigger a DAG. It blocks."""
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.core_api.security import requires_access_dag

    return _passes(requires_access_dag("POST", DagAccessEntity.RUN, dag_id), request, user)


def may_read_connection(user: Any, conn_id: str) -> bool:
    """Whether a user may read a connection. It blocks."""
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.models.resource_details import ConnectionDetails

    return bool(
        get_auth_manager().is_authorized_connection(method="GET", details=ConnectionDetails(conn_id=conn_id), user=user)
    )


def _passes(requirement: Any, request: Any, user: Any) -> bool:
    from fastapi import HTTPException

    try:
        requirement(request, user)
    except HTTPException:
        return False
    return True


def user_dependency() -> Any:
    """What FastAPI resolves to the user of a request, or responds with 401."""
    from airflow.api_fastapi.core_api.security import get_user

    return get_user


def xcom_access() -> Any:
    """The dependency of Airflow's own routes that list XComs: it responds with 403 to who may not read them.

    Where a request names a ``dag_id``, it is about that DAG.
    """
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.core_api.security import requires_access_dag

    return requires_access_dag("GET", DagAccessEntity.XCOM)


def log_action(event: str, user: Any, task: dict[str, Any], extra: dict[str, Any]) -> None:
    """Write an entry of Airflow's audit log. It blocks."""
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    name = user.get_name()
    with create_session() as session:
        session.add(Log(event=event, owner=name, owner_display_name=name, extra=json.dumps(extra), **task))
