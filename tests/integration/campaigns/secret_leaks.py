"""Search for secrets of a connection in everything that a task leaves behind, whatever goes wrong.

Each case is a field of a connection that holds a secret, well-formed or not, and a way for a request to fail, mostly
one in which the server sends back what it was sent. Hook, operator, sensor and triggers are run; logs (at DEBUG),
what is printed, exceptions with their chain and traceback, XCom, the task state store, triggers, events and the message
of the connection test are searched for each half of each secret. What other libraries log is searched as Airflow's
secrets masker leaves it, everything else as it is.

``make crash-test`` runs all cases, the integration tests some.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import os
import re
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2])]

import fast_clock  # noqa: E402
from echo_server import BEHAVIOURS, CREATE, DESCRIBE, EVERYWHERE, PROXY_BEHAVIOURS, EchoServer  # noqa: E402
from masked_secrets import forget_masked_secrets  # noqa: E402
from secret_connections import FIELDS, MALFORMED, Connection  # noqa: E402

SPEED = 200.0
TIMEOUT = 3600.0  # of a request, in that time
SLOW = 10.0  # seconds of a surface, after which something waits for what does not come
SURFACES = ("test_connection", "hook", "async hook", "operator", "deferrable operator", "sensor", "deferrable sensor")
# Those that are given the other connection's id; the others cannot know its secrets.
KNOW_STORAGE = ("hook", "operator", "deferrable operator")
OWN_LOGGERS = ("airflow_provider_milvus", "airflow.task")


@dataclass(frozen=True)
class Case:
    """A field and what goes wrong."""

    field: str
    behaviour: str
    where: str = EVERYWHERE

    def __str__(self) -> str:
        return f"{self.field} | {self.behaviour} | {self.where}"


# Connections that are good, so that their requests must have been sent; others may be refused.
MUST_ARRIVE = ("password", "user and password", "token", "token of a user", "URI", "storage keys", "proxy")


def full() -> list[Case]:
    """All cases."""
    cases = [Case(name, "nothing") for name in (*MALFORMED, *FIELDS)]
    for name in FIELDS:
        behaviours = PROXY_BEHAVIOURS if name.startswith("proxy") else BEHAVIOURS
        cases += [Case(name, failure) for failure in ("refused", "TLS") if not name.startswith(("proxy", "URI"))]
        cases += [Case(name, behaviour) for behaviour in behaviours]
        later = CREATE, DESCRIBE
        if name in ("token", "token of a user", "short token", "token with '\"'") or name.startswith("storage"):
            cases += [Case(name, behaviour, where) for behaviour, where in itertools.product(behaviours, later)]
    return cases


def short() -> list[Case]:
    """Every field once, every behaviour with a few of them."""
    cases = full()
    few = [case for case in cases if case.behaviour == "nothing" and case.field in MALFORMED]
    return few + [case for case in cases if case not in few][::25]


class Campaign:
    """The server, and what is caught while a case runs."""

    def __init__(self, server: EchoServer) -> None:
        from campaign_tasks import fire_at_once

        fire_at_once()
        self.server = server

    def run(self, case: Case) -> list[str]:
        """Where secrets of this case were found."""
        url = f"http://127.0.0.1:{self.server.port}"
        if case.behaviour == "refused":
            url = "http://127.0.0.1:1"
        elif case.behaviour == "TLS":
            url = f"https://127.0.0.1:{self.server.port}"
        made = (FIELDS | MALFORMED)[case.field](url)
        behaviours = PROXY_BEHAVIOURS if made.proxied else BEHAVIOURS
        self.server.behave(case.behaviour, case.where, behaviours.get(case.behaviour))
        define("milvus_default", made.fields)
        define("my_bucket", made.storage or {"conn_type": "aws"})
        found = []
        for surface in SURFACES:
            known = made.secrets + (made.storage_secrets if surface in KNOW_STORAGE else [])
            needles = [needle for secret in known for needle in secret.needles()]
            began = fast_clock.now()
            for sink, text in self._surface(surface, made).items():
                if leaked := next((needle for needle in needles if needle in text), None):
                    start = text.index(leaked)
                    excerpt = text[max(0, start - 70) : start + 30].replace("\n", " ")
                    found.append(f"{surface}, {sink}: …{excerpt!r}…")
            if fast_clock.now() - began >= SLOW:
                found.append(f"{surface}: slow")
        if case.field in MUST_ARRIVE and self.server.behaviour and not self.server.received:
            found.append("nothing, no request has reached the server")
        return found

    def _surface(self, surface: str, made: Connection) -> dict[str, str]:
        """What is left behind, by sink."""
        from campaign_tasks import context_of

        context, kept = context_of("t", fast_clock.epoch(), store=True), []
        sinks: dict[str, str] = {}
        with caught_logs() as logs:
            try:
                with time_limit():
                    kept.append(act(surface, made, context, kept))
            except Exception as error:
                sinks["exception"] = unescaped("".join(traceback.format_exception(error)) + chain(error))
        sinks["log"] = unescaped(logs())
        sinks["kept"] = unescaped(repr(kept))
        sinks["XCom"] = unescaped(json.dumps(context["ti"].xcoms, ensure_ascii=False))
        sinks["store"] = unescaped(json.dumps(context["task_state_store"], ensure_ascii=False))
        return sinks


def define(conn_id: str, fields: dict[str, Any] | str) -> None:
    if isinstance(fields, dict):
        extra = fields.get("extra", {})
        if isinstance(extra, dict):
            extra = {"timeout": TIMEOUT, "retries": 0, **extra}
        fields = json.dumps({"conn_type": "milvus", **fields, "extra": extra})
    os.environ[f"AIRFLOW_CONN_{conn_id.upper()}"] = fields


def act(surface: str, made: Connection, context: dict[str, Any], kept: list[Any]) -> Any:
    """Do what a user's task does."""
    from campaign_tasks import run_try

    from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook, MilvusHook
    from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
    from airflow_provider_milvus.sensors.import_job import MilvusImportSensor

    waits: dict[str, Any] = {"max_poll_failures": 1, "timeout": 30}
    if surface == "test_connection":
        return MilvusHook().test_connection()
    if surface == "hook":
        hook = MilvusHook()
        kept += [repr(hook), repr(hook.settings), repr(hook.get_conn)]
        kept.append(quietly(lambda: hook.get_import_progress("1")))
        kept.append(quietly(lambda: hook.list_import_jobs("c")))
        return hook.bulk_import("c", **made.source)
    if surface == "async hook":

        async def use_async_hook() -> None:
            async with MilvusAsyncHook("milvus_default") as hook:
                await hook.list_import_records("c")
                await hook.get_import_progress("1")

        return fast_clock.run(use_async_hook())
    deferrable: dict[str, Any] = {"deferrable": surface.startswith("deferrable"), **waits}
    if "operator" in surface:
        make = lambda: MilvusBulkImportOperator(  # noqa: E731
            task_id="t", collection_name="c", defer_after=0, poll_interval=5, **deferrable, **made.source
        )
    else:
        make = lambda: MilvusImportSensor(task_id="t", job_id="1", poke_interval=5, **deferrable)  # noqa: E731
        if not deferrable["deferrable"]:
            return make().poke(context)
    return run_try(make, context, fast_clock.run, kept)


def quietly(call: Callable[[], Any]) -> str:
    """What a call returns, or its error as a task's log shows it."""
    try:
        return repr(call())
    except Exception as error:
        return "".join(traceback.format_exception(error)) + chain(error)


def chain(error: BaseException | None) -> str:
    """Texts and arguments of an error and of all that it came from, shown or not."""
    parts, visited = [], set[int]()
    todo = [error]
    while todo:
        one = todo.pop()
        if one is None or id(one) in visited:
            continue
        visited.add(id(one))
        parts += [str(one), repr(one), repr(getattr(one, "args", ()))]
        todo += [one.__cause__, one.__context__]
    return "\n".join(parts)


def unescaped(text: str) -> str:
    """The text and the same with its escapes undone: an escaped secret is one, too."""
    return text + re.sub(r"\\+u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text)


class Handler(logging.Handler):
    """Keeps what is logged: own messages as they are, those of others as Airflow's masker leaves them."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        from airflow.providers.common.compat.sdk import redact

        text = record.getMessage()
        if record.exc_info and record.exc_info[1]:
            text += "".join(traceback.format_exception(record.exc_info[1]))
        self.texts.append(text if record.name.startswith(OWN_LOGGERS) else str(redact(text)))


@contextmanager
def time_limit() -> Iterator[None]:
    """Interrupt what does not end."""

    def interrupt(number: int, frame: Any) -> None:
        raise InterruptedError(f"it did not end in {SLOW} s")

    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, SLOW)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@contextmanager
def caught_logs() -> Iterator[Callable[[], str]]:
    """All that is logged at DEBUG, warned of and printed."""
    root, handler, printed = logging.getLogger(), Handler(), StringIO()
    level, disabled = root.level, logging.root.manager.disable
    root.setLevel(logging.DEBUG)
    logging.disable(logging.NOTSET)
    root.addHandler(handler)
    for name in ("httpx", "httpcore", "urllib3", "airflow_provider_milvus", "airflow.task"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    try:
        with redirect_stdout(printed), redirect_stderr(printed), warnings.catch_warnings(record=True) as warned:
            yield lambda: "\n".join([*handler.texts, printed.getvalue(), *(str(one.message) for one in warned)])
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        logging.disable(disabled)


def run(cases: list[Case], report: Callable[[str], Any] = str) -> dict[Case, list[str]]:
    """Where secrets were found, by case."""
    fast_clock.hurry(SPEED)
    with EchoServer() as server:
        campaign = Campaign(server)
        found = {}
        for case in cases:
            began = fast_clock.now()
            forget_masked_secrets()
            found[case] = campaign.run(case)
            report(f"{fast_clock.now() - began:.1f} s  {case}: {found[case]}")
        return found


def table(outcomes: dict[Case, list[str]]) -> str:
    """By field, how many cases keep their secrets, and where others were found."""
    counts: dict[str, Counter[bool]] = defaultdict(Counter)
    sinks: Counter[str] = Counter()
    for case, found in outcomes.items():
        counts[case.field][not found] += 1
        sinks.update(place.partition(":")[0] for place in found)
    lines = [f"{name:32} {count[True]:4} of {count.total():4}" for name, count in counts.items()]
    lines += [f"found in {sink}: {number}" for sink, number in sinks.most_common()]
    lines += [f"LEAK {case}: {found[0]} and {len(found) - 1} more" for case, found in outcomes.items() if found]
    leaking = sum(bool(found) for found in outcomes.values())
    return "\n".join([*lines, f"{len(outcomes)} cases, {leaking} leak"])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="every field, some of the failures")
    parser.add_argument("--only", default="", help="cases whose name contains this text")
    parser.add_argument("--verbose", action="store_true", help="print what came of each case at once")
    parser.add_argument("--json", type=Path, help="write the findings to this file, too")
    options = parser.parse_args()
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name.endswith("_CA_BUNDLE")]:
        del os.environ[name]
    os.environ.setdefault("AIRFLOW_HOME", tempfile.mkdtemp(prefix="airflow-home-"))
    began = fast_clock.now()
    out = os.fdopen(os.dup(1), "w", buffering=1)
    with Path(os.environ["AIRFLOW_HOME"], "campaign.log").open("wb") as log:  # of libraries that log by themselves
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    report = (lambda line: print(line, file=out)) if options.verbose else str
    outcomes = run([case for case in (short() if options.short else full()) if options.only in str(case)], report)
    print(table(outcomes), f"{fast_clock.now() - began:.0f} s", sep="\n", file=out)
    if options.json:
        options.json.write_text(json.dumps({str(case): found for case, found in outcomes.items()}))
    return 1 if any(outcomes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
