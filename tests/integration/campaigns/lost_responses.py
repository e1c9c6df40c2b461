"""Lose the response to a submit on every kind of way to Milvus, and count the rows afterwards.

Each cell is a way (direct, HTTP proxy, CONNECT proxy, TLS, TLS through CONNECT), a loss (reset, EOF, TLS alert, bad
record, 408, truncated body …), a server, a client and one or more tries of a task. The request is always carried out by
a local Milvus before its response is lost. In the counter-cases (refused connection, refused tunnel, failed
handshake) nothing arrives, and a later try or request must load the files. The rows must be there exactly once.

``make crash-test`` prints the whole table, the integration tests a short one.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[3] / "scripts")]

import fast_clock  # noqa: E402

# How much faster time passes for the clients: Milvus's job list is watched for 10 minutes where it names no files.
SPEED = 200.0
TIMEOUT = 3600.0  # of a request, in that time
ROWS = 7
WAYS = ("direct", "http proxy", "connect", "tls", "tls+connect")
LOSSES = ("reset", "eof", "notify", "alert", "bad record", "plaintext", "408", "408 word", "504 page")
LOSSES += ("truncated", "truncated chunk", "truncated head")
BASIC_LOSSES = ("reset", "eof", "alert", "bad record", "408", "truncated")
SERVERS = ("key", "no key", "zilliz")
CLIENTS = {"sync": "sync", "deferrable": "defer", "hook": "hook"}
TASKS = ("sync", "deferrable")
TRIES = ("one try", "retry", "lost again")
HANDSHAKES = ("handshake_eof", "handshake_alert", "handshake_plain")
TUNNELS = ("tunnel_403", "tunnel_502", "tunnel_closed")
# Outcomes, by whether the rows are there once.
RIGHT = ("once", "once, unknown", "not sent")
CLUSTER, API_KEY = "in03-local", "campaign-key"
SCHEMA = {
    "autoId": True,
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": "4"}},
    ],
}


@dataclass(frozen=True)
class Cell:
    """One combination."""

    way: str
    fault: str
    server: str
    client: str
    tries: str = "one try"
    store: bool = True
    commit: bool = False

    @property
    def column(self) -> str:
        return f"{'commit' if self.commit else self.server} {CLIENTS[self.client]}"

    def __str__(self) -> str:
        store = "store" if self.store else "no store"
        return f"{self.way}, {self.fault}, {self.column}, {store}, {self.tries}"


def full() -> list[Cell]:
    """Every combination that has a meaning."""
    cells = [
        Cell(way, loss, server, client, tries, store)
        for way, loss, server, client, tries, store in itertools.product(
            WAYS, LOSSES, SERVERS, CLIENTS, TRIES, (True, False)
        )
        # The hook alone has neither tries nor a store; a store makes no difference to how a task waits.
        if has_meaning(way, loss) and not (client == "hook" and (tries != "one try" or not store))
        if store or client != "deferrable"
    ]
    commits = [
        Cell(way, loss, "key", client, tries, commit=True)
        for way, loss, client, tries in itertools.product(WAYS, LOSSES, TASKS, TRIES[:2])
        if has_meaning(way, loss)
    ]
    return cells + commits + counter_cases(TRIES[:2], (True, False))


def has_meaning(way: str, loss: str) -> bool:
    """Whether a loss is another one on this way: without TLS there is no close_notify and no record."""
    return way not in ("direct", "http proxy") or loss not in ("notify", "plaintext")


def counter_cases(tries: tuple[str, ...], stores: tuple[bool, ...]) -> list[Cell]:
    """What fails before anything is sent."""
    faults = {
        "direct": ("refused",),
        "http proxy": ("refused",),
        "connect": ("refused", *TUNNELS),
        "tls": ("refused", *HANDSHAKES),
        "tls+connect": HANDSHAKES,
    }
    pairs = [(way, fault) for way, several in faults.items() for fault in several]
    return [
        Cell(way, fault, server, client, number, store)
        for (way, fault), server, client, number, store in itertools.product(pairs, SERVERS, TASKS, tries, stores)
    ]


def short() -> list[Cell]:
    """Each way with each loss and each server once; clients, tries and store in turn."""
    rest = itertools.cycle(itertools.product(TASKS, (True, False), TRIES[:2]))
    cells = []
    for way, loss, server in itertools.product(WAYS, BASIC_LOSSES, SERVERS):
        client, store, tries = next(rest)
        cells.append(Cell(way, loss, server, client, tries, store))
    cells += [Cell(way, "reset", "no key", "hook") for way in WAYS]
    cells += [Cell(way, "reset", "key", "sync", commit=True) for way in WAYS]
    return cells + counter_cases(("retry",), (True,))[::4]


class Campaign:
    """Local Milvus servers, and the cells that are run against them."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        from airflow_standalone import free_port, local_milvus
        from campaign_certificates import certificates

        self.folder = folder
        self.ca, self.tls = certificates(folder)
        bucket = folder / "bucket"
        bucket.mkdir()
        self._write_rows(bucket / "rows.parquet")
        options: dict[str, dict[str, Any]] = {
            "key": {"milvus_version": "3.0"},
            "no key": {"milvus_version": "2.6"},
            "zilliz": {"zilliz": CLUSTER, "token": API_KEY},
        }
        self.ports = {}
        for name, more in options.items():
            service = local_milvus(folder / name.replace(" ", "_"), bucket=bucket, port=free_port(), **more)
            stack.callback(service.kill)
            self.ports[name] = service.start().port

    def _write_rows(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        # Without primary keys, so that a second load of it would show.
        vectors = pa.array([[float(row)] * 4 for row in range(ROWS)], pa.list_(pa.float32()))
        pq.write_table(pa.table({"vector": vectors}), path)

    def post(self, server: str, route: str, **body: Any) -> Any:
        """The data of a response of Milvus, on a way without faults."""
        import httpx

        headers = {"Authorization": f"Bearer {API_KEY}"} if server == "zilliz" else {}
        more = {"clusterId": CLUSTER, "pageSize": 100} if server == "zilliz" and "/jobs/" in route else {}
        url = f"http://127.0.0.1:{self.ports[server]}/v2/vectordb{route}"
        # Certificates, which take 20 ms to load, are for nothing here.
        with httpx.Client(trust_env=False, verify=False, timeout=None) as client:
            response = client.post(url, json={**body, **more}, headers=headers).json()
        assert response["code"] == 0, response
        return response["data"]

    def run(self, number: int, cell: Cell) -> str:
        """The outcome of a cell."""
        collection = f"c{number}"
        self.post(cell.server, "/collections/create", collectionName=collection, schema=SCHEMA)
        try:
            with ExitStack() as stack:
                way = self._way(cell, stack)
                error = _Client(self, cell, collection, way).load()
                return self._judge(cell, collection, error)
        finally:
            self.post(cell.server, "/collections/drop", collectionName=collection)

    def _way(self, cell: Cell, stack: ExitStack) -> Any:
        from misbehaving_servers import ConnectProxy, Gateway, Script

        script = Script(down=cell.tries != "one try")
        if cell.fault in LOSSES:
            script.loss, script.losses = cell.fault, {"lost again": 2}.get(cell.tries, 1)
            script.losses = 99 if cell.client == "hook" else script.losses
        else:
            script.before, script.refusals = cell.fault, 2 if cell.tries == "one try" else 10**6
        if cell.commit:
            script.route = "/jobs/import/commit"
        tunnels = ConnectProxy(script, cuts=cell.way == "connect") if "connect" in cell.way else None
        if tunnels:
            stack.enter_context(tunnels)
        tls = self.tls if cell.way in ("connect", "tls", "tls+connect") else None
        gateway = stack.enter_context(Gateway(self.ports[cell.server], script, tls, tunnels))
        if tunnels:
            tunnels.upstream = gateway.port
        return gateway

    def _judge(self, cell: Cell, collection: str, error: BaseException | None) -> str:
        jobs = self._ended_jobs(cell.server, collection)
        rows = self.post(cell.server, "/collections/get_stats", collectionName=collection)["rowCount"]
        completed = sum(job["state"] == "Completed" for job in jobs)
        if (rows, completed) == (ROWS, 1):
            if error is None or cell.client == "hook":
                return "once"
            unknown = "OutcomeUnknown" in type(error).__name__ and cell.server == "zilliz"
            return "once, unknown" if unknown and cell.fault in LOSSES else f"once, {describe(error)}"
        if rows == 0 and error is not None and cell.fault not in LOSSES and cell.tries == "one try":
            return "not sent"
        return f"{rows} of {ROWS} rows, {completed} jobs, {describe(error)}"

    def _ended_jobs(self, server: str, collection: str) -> list[dict[str, Any]]:
        for _ in range(600):
            jobs: list[dict[str, Any]] = self.post(server, "/jobs/import/list", collectionName=collection)["records"]
            if all(job["state"] in ("Completed", "Failed", "Uncommitted") for job in jobs):
                return jobs
            fast_clock.sleep(0.05)
        raise AssertionError(f"jobs of {collection} do not end: {jobs}")


class _Client:
    """What loads the file of a cell: a task of one or several tries, or a hook."""

    def __init__(self, campaign: Campaign, cell: Cell, collection: str, gateway: Any) -> None:
        from campaign_certificates import HOST, NAME
        from campaign_tasks import connect

        self.cell, self.collection, self.gateway = cell, collection, gateway
        self.conn_id = f"milvus_{collection}"
        scheme = "http" if cell.way in ("direct", "http proxy") else "https"
        host = HOST if cell.way in ("direct", "tls") else NAME
        url = f"{scheme}://{host}:{gateway.port}"
        if cell.way == "http proxy" and cell.server == "zilliz":
            # Its key is sent in the clear to this machine alone; nobody but the proxy serves this address.
            url = f"http://{HOST}:1"
        extra: dict[str, Any] = {"timeout": TIMEOUT, "retries": 2, "ca_bundle": str(campaign.ca)}
        if cell.way not in ("direct", "tls"):
            extra["proxies"] = f"http://{HOST}:{gateway.entrance.port}"
        cloud = cell.server == "zilliz"
        if cloud:
            extra |= {"cluster_id": CLUSTER, "import_endpoint": url}
        connect(self.conn_id, host=url, password=API_KEY if cloud else None, extra=extra)
        self.source: dict[str, Any] = (
            {"object_urls": ["s3://bucket/rows.parquet"]} if cloud else {"files": ["rows.parquet"]}
        )

    def load(self) -> BaseException | None:
        """Run it to its end; the error that it ended with."""
        from campaign_tasks import context_of, run_try

        if self.cell.client == "hook":
            return self._load_by_hook()
        # In Milvus's time, which it is compared with.
        context = context_of(f"load_{self.collection}", fast_clock.epoch(), store=self.cell.store)
        error = None
        for number in range(1, {"one try": 1, "retry": 2, "lost again": 3}[self.cell.tries] + 1):
            context["ti"].try_number = number
            try:
                run_try(self._operator, context, fast_clock.run)
                return None
            except Exception as caught:
                error = caught
            self.gateway.recover()
        return error

    def _operator(self) -> Any:
        from campaign_tasks import RETRIES

        from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator

        return MilvusBulkImportOperator(
            task_id=f"load_{self.collection}",
            collection_name=self.collection,
            milvus_conn_id=self.conn_id,
            deferrable=self.cell.client == "deferrable",
            defer_after=0,
            poll_interval=5,
            # A retry's first try gives up soon.
            max_poll_failures=20 if self.cell.tries == "one try" else 2,
            two_phase=self.cell.commit,
            retries=RETRIES,
            **self.source,
        )

    def _load_by_hook(self) -> BaseException | None:
        from airflow_provider_milvus.hooks.milvus import MilvusHook

        try:
            MilvusHook(self.conn_id).bulk_import(self.collection, **self.source)
        except Exception as error:
            return error
        return None


def describe(error: BaseException | None) -> str:
    """An error in one line of a table."""
    return "no error" if error is None else f"{type(error).__name__}: {' '.join(str(error).split())[:110]}"


def run(cells: list[Cell], at_once: int, report: Callable[[str], Any] = str) -> dict[Cell, str]:
    """The outcomes of these cells."""
    with tempfile.TemporaryDirectory(prefix="lost-responses-") as folder, ExitStack() as stack:
        campaign = Campaign(Path(folder), stack)
        fast_clock.hurry(SPEED)
        # Airflow 2 imports it, and the models of its database, when the first task runs. Threads that do so at the same
        # time wait for each other, for good.
        from airflow.providers.common.compat.sdk import DecoratedOperator  # noqa: F401

        def outcome(numbered: tuple[int, Cell]) -> str:
            try:
                found = campaign.run(*numbered)
            except Exception as error:
                found = f"not judged, {describe(error)}"
            report(f"{numbered[1]}: {found}")
            return found

        with ThreadPoolExecutor(at_once) as pool:
            return dict(zip(cells, pool.map(outcome, enumerate(cells)), strict=True))


def table(outcomes: dict[Cell, str]) -> str:
    """Cells that went right of all cells, by way and fault in lines, by server and client in columns."""
    counts: dict[tuple[str, str], dict[str, Counter[bool]]] = defaultdict(lambda: defaultdict(Counter))
    for cell, outcome in outcomes.items():
        counts[cell.way, cell.fault][cell.column][outcome in RIGHT] += 1
    columns = sorted({cell.column for cell in outcomes})
    width = max(map(len, columns)) + 1
    lines = [" " * 30 + "".join(f"{column:>{width}}" for column in columns)]
    for (way, fault), line in counts.items():
        shown = [f"{line[one][True]}/{line[one].total()}" if one in line else "" for one in columns]
        lines.append(f"{way:12} {fault:17}" + "".join(f"{one:>{width}}" for one in shown))
    wrong = [f"WRONG {cell}: {outcome}" for cell, outcome in outcomes.items() if outcome not in RIGHT]
    kinds = Counter(outcome for outcome in outcomes.values() if outcome in RIGHT)
    summary = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    return "\n".join([*lines, *wrong, f"{len(outcomes)} cells: {summary}, {len(wrong)} wrong"])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="each way, loss and server once")
    parser.add_argument("--at-once", type=int, default=8, help="cells that run at a time (%(default)s)")
    parser.add_argument("--every", type=int, default=1, help="of the cells, each so many (%(default)s)")
    parser.add_argument("--only", default="", help="cells whose name contains this text")
    parser.add_argument("--verbose", action="store_true", help="print the outcome of each cell at once")
    parser.add_argument("--json", type=Path, help="write the outcomes to this file, too")
    options = parser.parse_args()
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name.endswith("_CA_BUNDLE")]:
        del os.environ[name]
    os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))
    os.environ["AIRFLOW__LOGGING__LOGGING_LEVEL"] = "ERROR"
    cells = [cell for cell in (short() if options.short else full()) if options.only in str(cell)]
    cells = cells[:: options.every]
    began = fast_clock.now()
    outcomes = run(cells, options.at_once, partial(print, flush=True) if options.verbose else str)
    print(table(outcomes))
    print(f"{fast_clock.now() - began:.0f} s")
    if options.json:
        options.json.write_text(json.dumps({str(cell): outcome for cell, outcome in outcomes.items()}))
    return 0 if all(outcome in RIGHT for outcome in outcomes.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
