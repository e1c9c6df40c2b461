"""Airflow's UI on this machine, with the example DAGs and a local Milvus connected; Ctrl-C ends both.

The system tests start their Airflow and their Milvus with what is defined here.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import httpx
import psutil
from airflow_database import Database

REPO = Path(__file__).resolve().parent.parent
EXAMPLES = REPO / "dags_examples"
HOST = "127.0.0.1"
SECONDS_TO_START = 400
SECONDS_TO_STOP = 20
EVERYTHING_OF_AIRFLOW = ("metadatabase", "scheduler", "triggerer", "dag_processor")


class Service:
    """A server in a session of its own, with its output in a file.

    :param command: what to run.
    :param port: where it serves HTTP.
    :param log: the file that its output is added to.
    :param env: its whole environment.
    :param ready: whether it serves.
    """

    def __init__(
        self, command: list[str], *, port: int, log: Path, env: Mapping[str, str], ready: Callable[[], bool]
    ) -> None:
        self.command = command
        self.port = port
        self.log = log
        self.env = env
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start it and return when it serves."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command, env=self.env, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        try:
            deadline = time.monotonic() + SECONDS_TO_START
            while not self._ready():
                if not self.is_running:
                    raise RuntimeError(f"{' '.join(self.command)} ended:\n{self.tail()}")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{' '.join(self.command)} does not serve:\n{self.tail()}")
                time.sleep(0.2)
        except BaseException:
            self.kill()
            raise
        return self

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """Of the process, whose session is named by it too."""
        if self._process is None:
            raise RuntimeError(f"{' '.join(self.command)} is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it and all that it started, by force after a while."""
        # `airflow standalone` does not pass a signal on to its components, so all of them get it.
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + SECONDS_TO_STOP
        while self._signal(0) and time.monotonic() < deadline:
            time.sleep(0.1)
        self.kill()

    def kill(self) -> None:
        """End it and all that it started, now."""
        while self._signal(signal.SIGKILL):
            time.sleep(0.01)
        if self._process:
            self._process.wait()
            self._process = None

    def tail(self, lines: int = 60, leave_out: str | None = None) -> str:
        """The last lines of its output, but for those with a certain text."""
        output = self.log.read_text(errors="replace").splitlines()
        return "\n".join([line for line in output if leave_out is None or leave_out not in line][-lines:])

    @property
    def processes(self) -> list[psutil.Process]:
        """Itself and everything that it started."""
        return [process for process in psutil.process_iter() if _is_in_session(process, self.pid)]

    def _signal(self, number: int) -> bool:
        if self._process is None:
            return False
        # Its session, not its process group: Airflow gives each task a group of its own.
        for process in (found := self.processes):
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)
        return bool(found)


def _is_in_session(process: psutil.Process, session: int) -> bool:
    with suppress(OSError, psutil.Error):
        return os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE
    return False


def local_milvus(folder: Path, *, bucket: Path, port: int, **more: object) -> Service:
    """A local Milvus that keeps its data in ``folder``.

    :param more: further options of ``serve``, by name; a list is an option given several times.
    """
    options = {"data_dir": folder, "bucket": bucket, "port": port, **more}
    arguments = [
        argument
        for name, value in options.items()
        for one in (value if isinstance(value, list) else [value])
        for argument in (f"--{name.replace('_', '-')}", str(one))
    ]
    return Service(
        [sys.executable, "-m", "airflow_provider_milvus.local", "serve", *arguments],
        port=port,
        log=folder / "milvus.log",
        env=os.environ,
        ready=lambda: _fetch(f"http://{HOST}:{port}/v2/vectordb/collections/list", {}) is not None,
    )


class StandaloneAirflow(Service):
    """``airflow standalone`` and its metadata database."""

    def __init__(self, home: Path, database: Path | None, **of_service: Any) -> None:
        super().__init__([sys.executable, "-m", "airflow", "standalone"], log=home / "airflow.log", **of_service)
        self._database = Database(database or home / "postgres")

    def start(self) -> Self:
        """Start both and return when Airflow serves."""
        self.env = {**self.env, **self._database.start()}
        return super().start()

    def kill(self) -> None:
        """End both, now."""
        super().kill()
        self._database.stop()


def standalone_airflow(
    home: Path,
    *,
    port: int,
    dag_folders: Mapping[str, Path],
    variables: Mapping[str, str],
    workers: int = 6,
    database: Path | None = None,
) -> StandaloneAirflow:
    """A whole Airflow that keeps its data in ``home`` and needs no login.

    :param dag_folders: by name.
    :param variables: more environment variables, such as ``AIRFLOW_CONN_MILVUS_DEFAULT``.
    :param workers: how many tasks run at a time.
    :param database: the folder of its metadata database, instead of one in ``home``. PostgreSQL does not run as root:
        started by root it has a user of its own, who must be able to enter the folder.
    """
    return StandaloneAirflow(
        home,
        database,
        port=port,
        env={**airflow_env(home, port, dag_folders, workers), **variables},
        ready=lambda: is_healthy(port),
    )


def airflow_env(home: Path, port: int, dag_folders: Mapping[str, Path], workers: int) -> dict[str, str]:
    """The whole environment of an Airflow without login that keeps its data in ``home``."""
    bundles = [
        {
            "name": name,
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(folder)},
        }
        for name, folder in dag_folders.items()
    ]
    settings = {
        ("core", "load_examples"): False,
        ("core", "dags_are_paused_at_creation"): False,
        ("core", "simple_auth_manager_all_admins"): True,
        ("core", "parallelism"): workers,
        ("core", "execution_api_server_url"): f"http://{HOST}:{port}/execution/",
        ("dag_processor", "dag_bundle_config_list"): json.dumps(bundles),
        ("api", "host"): HOST,
        ("api", "port"): port,
        # The keys that Airflow makes up are so short that every use of them warns.
        ("api_auth", "jwt_secret"): secrets.token_hex(64),
        ("api", "secret_key"): secrets.token_hex(64),
        ("api", "base_url"): f"http://{HOST}:{port}",
        # Two Airflows on one machine must not fight for the default ports.
        ("logging", "worker_log_server_port"): free_port(),
        ("logging", "trigger_log_server_port"): free_port(),
        # The end of a task is noticed at the next beat of its worker's heart.
        ("workers", "min_heartbeat_interval"): 1,
        # On a busy machine a response may take longer than the default of 5 s, and a task without one fails.
        ("workers", "execution_api_timeout"): 60,
        ("usage_data_collection", "enabled"): False,
    }
    # What is set for another Airflow must not hold in this one.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    return {
        **outside,
        **{f"AIRFLOW__{section}__{option}".upper(): str(value) for (section, option), value in settings.items()},
        "AIRFLOW_HOME": str(home),
        # `airflow standalone` starts its components by the name `airflow`.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_PROXY": "*",
    }


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


def is_healthy(port: int) -> bool:
    """Whether an Airflow serves, with a scheduler, a triggerer and a DAG processor."""
    response = _fetch(f"http://{HOST}:{port}/api/v2/monitor/health")
    return (response is not None and response.is_success) and all(
        response.json().get(part, {}).get("status") == "healthy" for part in EVERYTHING_OF_AIRFLOW
    )


def _fetch(url: str, body: dict[str, str] | None = None) -> httpx.Response | None:
    # No proxy is on the way to this machine, and no certificate.
    with suppress(httpx.HTTPError), httpx.Client(trust_env=False, verify=False) as client:
        return client.get(url) if body is None else client.post(url, json=body)
    return None


def main() -> int:
    """Run both until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, default=8080, help="of Airflow's UI (%(default)s)")
    parser.add_argument("--milvus-port", type=int, default=19530, help="of Milvus (%(default)s)")
    parser.add_argument("--data-dir", type=Path, default=REPO / ".airflow", help="where everything is kept (.airflow)")
    options = parser.parse_args()
    for port in (options.port, options.milvus_port):
        if _is_taken(port):
            parser.error(f"port {port} is taken; choose others with --port and --milvus-port")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = options.data_dir.resolve()
    bucket = folder / "milvus" / "bucket"
    milvus = local_milvus(folder / "milvus", bucket=bucket, port=options.milvus_port)
    airflow = standalone_airflow(
        folder / "home",
        port=options.port,
        dag_folders={"examples": EXAMPLES},
        variables={
            "AIRFLOW_CONN_MILVUS_DEFAULT": f"milvus://{HOST}:{options.milvus_port}",
            "MILVUS_BUCKET": str(bucket),
        },
    )
    print("Starting a local Milvus and Airflow, which takes half a minute …", flush=True)
    try:
        milvus.start()
        airflow.start()
        print(_welcome(options, bucket, airflow, milvus), flush=True)
        while airflow.is_running and milvus.is_running:
            time.sleep(0.5)
        for service in (airflow, milvus):
            if not service.is_running:
                print(f"{' '.join(service.command)} ended:\n{service.tail()}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        # A second Ctrl-C must not leave half of it running.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("\nStopping …", flush=True)
        airflow.stop()
        milvus.stop()


def _is_taken(port: int) -> bool:
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return True
    return False


def _welcome(options: argparse.Namespace, bucket: Path, airflow: Service, milvus: Service) -> str:
    ui = f"http://{HOST}:{options.port}"
    return f"""
Airflow      {ui}/dags
             no login; begin with {ui}/dags/milvus_digits and its Trigger button
Milvus       http://{HOST}:{options.milvus_port}
             in Airflow it is the connection milvus_default; files to import lie in
             {bucket}
Logs         {airflow.log}
             {milvus.log}

Ctrl-C ends both."""


if __name__ == "__main__":
    sys.exit(main())
