"""A running Airflow, by its REST API and its command line, for tests and campaigns."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from airflow_standalone import Service

# All runs share one Airflow: on a busy machine each may take as long as all of them.
SECONDS_FOR_A_RUN = 1500
SECONDS_BETWEEN_REQUESTS = 3


class Task:
    """A task instance, as it was when it was fetched."""

    def __init__(self, airflow: Airflow, path: str, data: dict[str, Any]) -> None:
        self._airflow = airflow
        self._path = f"{path}/{data['task_id']}"
        self._map_index = data["map_index"]
        self.id: str = data["task_id"]
        self.state: str | None = data["state"]
        self.tries: int = data["try_number"]
        self.pid: int | None = data["pid"]

    def xcom(self, key: str = "return_value") -> Any:
        """A value that it pushed."""
        response = self._airflow.get(
            f"{self._path}/xcomEntries/{key}", map_index=self._map_index, deserialize=False, stringify=False
        )
        return response["value"]

    def has_xcom(self, key: str) -> bool:
        """Whether it has pushed a value by this name."""
        entries = self._airflow.get(f"{self._path}/xcomEntries", map_index=self._map_index)["xcom_entries"]
        return any(entry["key"] == key for entry in entries)

    @property
    def warnings(self) -> int:
        """How many warnings are in the log of its last try."""
        return sum(line.startswith("warning") for line in self.log.splitlines())

    @property
    def log(self) -> str:
        """The log of its last try, a line for each message."""
        return self.log_of_try(self.tries) if self.tries else ""

    def log_of_try(self, number: int) -> str:
        response = self._airflow.get(f"{self._path}/logs/{number}", map_index=self._map_index, full_content=True)
        return "\n".join(_log_line(entry) for entry in response["content"])


class Run:
    """A DAG run."""

    def __init__(self, airflow: Airflow, dag_id: str, run_id: str) -> None:
        self._airflow = airflow
        self.id = run_id
        self._path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}"
        self._name = dag_id
        self._run_id = run_id

    @property
    def state(self) -> str:
        return str(self._airflow.get(self._path)["state"])

    @property
    def tasks(self) -> list[Task]:
        path = f"{self._path}/taskInstances"
        return [Task(self._airflow, path, data) for data in self._airflow.get(path)["task_instances"]]

    def mapped(self, task_id: str) -> list[Task]:
        return [task for task in self.tasks if task.id == task_id]

    def task(self, task_id: str) -> Task:
        (task,) = self.mapped(task_id)
        return task

    def mark_failed(self, task_id: str) -> None:
        """End a task as its user would who has given it up."""
        self._airflow.patch(f"{self._path}/taskInstances/{task_id}", {"new_state": "failed"})

    def question(self, task_id: str) -> dict[str, Any]:
        """What a task asks a person."""
        found: dict[str, Any] = self._airflow.get(f"{self._path}/taskInstances/{task_id}/-1/hitlDetails")
        return found

    def respond(self, task_id: str, option: str) -> None:
        """Answer a task as a person would."""
        path = f"{self._path}/taskInstances/{task_id}/-1/hitlDetails"
        self._airflow.patch(path, {"chosen_options": [option], "params_input": {}})

    def clear(self, *, only_failed: bool = False) -> None:
        """Let all its tasks run again, or those that failed and what comes after them."""
        self._airflow.post(f"{self._path}/clear", {"dry_run": False, "only_failed": only_failed})

    def wait(self) -> Run:
        """Return when it has succeeded or failed."""
        self.wait_until(lambda: self.state in ("success", "failed"), "end")
        return self

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        wait_until(condition, f"{self._name} did not {what}", self.report)

    def wait_for_executor(self, task_id: str, number: int = 1) -> None:
        """Return when the executor has noticed that the process of a task's try has ended."""
        key = f"dag_id='{self._name}', task_id='{task_id}', run_id='{self._run_id}', try_number={number},"
        # From Airflow 3.4 on, its id is logged before its key.
        line = f"Received executor event with state success for task instance .*TaskInstanceKey\\({re.escape(key)}"
        self._airflow.wait_for_line(line)

    def report(self) -> str:
        """What a person needs in order to see what went wrong."""
        tasks = self.tasks
        states = [f"{task.id}: {task.state}, try {task.tries}" for task in tasks]
        logs = [
            f"--- log of {task.id} ---\n" + "\n".join(task.log.splitlines()[-40:])
            for task in tasks
            if task.state not in ("success", "upstream_failed", None)
        ]
        return "\n".join([*states, *logs, "--- Airflow's own log ---", self._airflow.service.tail(leave_out="[info ")])


def wait_until(condition: Callable[[], bool], failure: str, report: Callable[[], str]) -> None:
    deadline = time.monotonic() + SECONDS_FOR_A_RUN
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{failure} within {SECONDS_FOR_A_RUN} s\n{report()}", pytrace=False)
        time.sleep(SECONDS_BETWEEN_REQUESTS)


class Airflow:
    """The running Airflow, by its REST API and its command line."""

    # How often a request is sent again to which there is no response.
    retries = 30

    def __init__(self, service: Service, url: str) -> None:
        self.service = service
        self._client = httpx.Client(base_url=url, trust_env=False, timeout=60, headers={"Accept": "application/json"})
        self._client.headers["Authorization"] = f"Bearer {self.get('/auth/token')['access_token']}"

    def get(self, path: str, **params: Any) -> Any:
        return self._request("GET", path, params=params)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._request("POST", path, json=body)

    def patch(self, path: str, body: dict[str, Any]) -> Any:
        return self._request("PATCH", path, json=body)

    def processes(self, component: str) -> list[psutil.Process]:
        """The running processes of one of its components, such as ``triggerer``."""
        found = []
        for process in psutil.process_iter(["cmdline", "environ"]):
            home = (process.info["environ"] or {}).get("AIRFLOW_HOME")
            if home == self.service.env["AIRFLOW_HOME"] and component in " ".join(process.info["cmdline"] or ()):
                found.append(process)
        return found

    def second_triggerer(self) -> Service:
        """One more triggerer, not started yet."""
        return Service(
            [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"],
            port=0,
            log=self.service.log.with_name("second_triggerer.log"),
            env=self.service.env,
            ready=lambda: True,
        )

    def _request(self, method: str, path: str, **more: Any) -> Any:
        response = self._send(method, path, **more)
        assert response.is_success, f"{path}: {response.status_code} {response.text}"
        return response.json()

    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A response, requested again where a busy Airflow is late or fails."""
        for _ in range(self.retries):
            with suppress(httpx.TransportError):
                response = self._client.request(method, path, **more)
                if response.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
                    return response
            time.sleep(2)
        return self._client.request(method, path, **more)

    def trigger(self, dag_id: str, conf: dict[str, Any] | None = None) -> Run:
        """Start a run, as soon as the DAG's file was read."""
        # A name of its own, or a request that is sent again would start a second run.
        run_id = f"test_{uuid.uuid4()}"
        deadline = time.monotonic() + SECONDS_FOR_A_RUN
        while True:
            body = {"dag_run_id": run_id, "logical_date": None, "conf": conf or {}}
            response = self._send("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)
            if response.is_success or response.status_code == httpx.codes.CONFLICT:
                return Run(self, dag_id, run_id)
            if response.status_code != httpx.codes.NOT_FOUND or time.monotonic() > deadline:
                errors = self.get("/api/v2/importErrors")
                pytest.fail(f"{dag_id} cannot be started: {response.text}\n{errors}\n{self.service.tail()}")
            time.sleep(1)

    def wait_for_runs(self, dag_id: str, number: int) -> list[Run]:
        """The runs of a DAG, once there are so many."""
        wait_until(lambda: len(self.runs(dag_id)) >= number, f"{dag_id} has not run {number} times", self.service.tail)
        return self.runs(dag_id)

    def wait_for_line(self, pattern: str) -> None:
        """Return when this regular expression is found in a line of Airflow's own log, of any of its components."""
        log, line = self.service.log, re.compile(pattern)
        wait_until(
            lambda: line.search(log.read_text(errors="replace")) is not None,
            f"Airflow has not logged {pattern!r}",
            self.service.tail,
        )

    def runs(self, dag_id: str) -> list[Run]:
        """All runs of a DAG, the oldest first."""
        found = self.get(f"/api/v2/dags/{dag_id}/dagRuns", order_by="id")["dag_runs"]
        return [Run(self, dag_id, run["dag_run_id"]) for run in found]

    def cli(self, *arguments: str) -> str:
        """The output of an ``airflow`` command."""
        command = [sys.executable, "-m", "airflow", *arguments]
        return subprocess.run(
            command, env=dict(self.service.env), capture_output=True, text=True, check=True, timeout=120
        ).stdout


def _log_line(entry: dict[str, Any]) -> str:
    errors = [f"{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or []]
    return " | ".join([f"{entry.get('level') or '':7} {entry['event']}", *errors])
