"""Scenarios: what happens to the shared Airflow before tests examine it.

A scenario is a function of a test module. It starts runs, does something to them, waits for their end and returns what
the tests of the module examine. The scenarios of all selected tests run at the same time, because each mostly waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import httpx
import pytest
from airflow_client import Airflow
from airflow_standalone import Service
from crash_campaign import Campaign

Scenario = TypeVar("Scenario", bound=Callable[..., Any])


@dataclass
class Environment:
    """What a scenario can use.

    :param milvus: servers by connection id.
    :param campaign: the campaign of crashes; ``None`` on Celery, which has another one.
    :param killed_tasks_run_again: ``False`` on Airflow 3.0, which gives up a task whose process was killed, and one
        that was cleared while it ran.
    """

    airflow: Airflow
    milvus: dict[str, Service]
    bucket: Path
    campaign: Campaign | None
    killed_tasks_run_again: bool

    def skip_if_killed_tasks_are_given_up(self) -> None:
        """End the scenario, and skip its tests, on Airflow 3.0."""
        if not self.killed_tasks_run_again:
            pytest.skip("Airflow 3.0 gives up a task whose process was killed")

    def call_milvus(self, conn_id: str, route: str, **body: Any) -> Any:
        """The data that the server of a connection responds with, past Airflow."""
        url = f"{self.milvus[conn_id].url}/v2/vectordb/{route}"
        response = httpx.post(url, json=body, trust_env=False, verify=False).json()
        assert response["code"] == 0, response
        return response["data"]

    def finish_jobs(self, conn_id: str) -> None:
        """Restart a server that keeps its jobs running: they end at once."""
        server = self.milvus[conn_id]
        server.kill()
        server.command = [*server.command, "--min-job-seconds", "0"]
        server.start()


def scenario(function: Scenario) -> Scenario:
    """Let this function run when the tests begin."""
    vars(function)["is_scenario"] = True
    return function


def scenarios_of(modules: Iterable[ModuleType]) -> list[Callable[[Environment], Any]]:
    """The scenarios that these modules define."""
    found = [value for module in modules for value in vars(module).values() if hasattr(value, "is_scenario")]
    return list(dict.fromkeys(found))
