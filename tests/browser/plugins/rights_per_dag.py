"""Rights per DAG for the users of ``airflow standalone``, whose own auth manager has one role for all DAGs."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager

DAGS = {"reader": {"public"}}
by_role = SimpleAuthManager.is_authorized_dag


def is_authorized_dag(self: Any, *, user: Any, details: Any = None, **of_request: Any) -> bool:
    """Whether the role has the right, and the user the DAG."""
    dag_id = details.id if details is not None else None
    has_dag = dag_id is None or dag_id in DAGS.get(user.username, {dag_id})
    return has_dag and by_role(self, user=user, details=details, **of_request)


SimpleAuthManager.is_authorized_dag = is_authorized_dag
