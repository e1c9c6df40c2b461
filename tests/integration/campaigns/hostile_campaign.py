"""Send requests to a hostile server as a user's tasks do, and measure what its responses do to the client.

For each of the generated responses the hook, the sensor and the triggers send requests from a process of their own.
What comes of it must be a value that Airflow can send and store, or an error of the package, in time; the process must
grow by no more than 300 MB (resident memory, at its peak, above what it was before the first response), and its event
loop must not stand still for more than 0.2 s.

``make crash-test`` uses all responses, the integration tests some.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from hostile_responses import all_responses, some_responses
from hostile_server import HostileServer

MAX_MEMORY_BYTES = 300_000_000
MAX_LAG_SECONDS = 0.2
SECONDS = 120


class Process:
    """A client process; another one is started where it dies."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._process: subprocess.Popen[str] | None = None

    def fetch(self, number: int) -> dict[str, Any]:
        """What came of a response."""
        process = self._process or self._start()
        assert process.stdin
        assert process.stdout
        process.stdin.write(f"{number}\n")
        process.stdin.flush()
        with ThreadPoolExecutor(1) as pool:
            line = pool.submit(process.stdout.readline)
            try:
                found = line.result(SECONDS)
            except TimeoutError:
                self.end()
                found = ""
                death = f"did not end in {SECONDS} s"
            else:
                death = f"ended with {process.wait(SECONDS) if not line.result() else 0}"
        if not found:
            self.end()
            return {"surfaces": {"process": (death, 0.0)}, "lag": 0.0, "memory": 0}
        outcome = dict(json.loads(found))
        if outcome["memory"] > MAX_MEMORY_BYTES:
            self.end()  # or what it still holds would count against the next response
        return outcome

    def _start(self) -> subprocess.Popen[str]:
        # A hostile server is reached without any proxy of this machine.
        env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("hostile_client.py"), str(self._port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=env,
        )
        return self._process

    def end(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None


def run(
    numbers: list[int], at_once: int, report: Callable[[str, dict[str, Any]], None] = lambda name, found: None
) -> dict[int, dict[str, Any]]:
    """What came of the responses with these numbers."""
    with HostileServer() as server:
        responses = server.responses

        def work(share: list[int]) -> dict[int, dict[str, Any]]:
            process = Process(server.port)
            try:
                found = {}
                for number in share:
                    responses[number].prepare()
                    found[number] = process.fetch(number)
                    report(responses[number].name, found[number])
                    responses[number].forget()
                return found
            finally:
                process.end()

        # Large ones in one process, or one's memory would keep the other waiting.
        heavy = [number for number in numbers if responses[number].heavy]
        light = [number for number in numbers if not responses[number].heavy]
        shares = [heavy, *(light[one::at_once] for one in range(at_once))]
        with ThreadPoolExecutor(len(shares)) as pool:
            return {number: one for found in pool.map(work, shares) for number, one in found.items()}


def wrongs(found: dict[str, Any]) -> list[str]:
    """What a response did that none may do."""
    wrong = [f"{surface}: {what} ({took} s)" for surface, (what, took) in found["surfaces"].items() if what]
    if found["lag"] > MAX_LAG_SECONDS:
        wrong.append(f"event loop stood still for {found['lag']:.2f} s")
    if found["memory"] > MAX_MEMORY_BYTES:
        wrong.append(f"{found['memory'] / 1e6:.0f} MB of memory")
    return wrong


def show(name: str, found: dict[str, Any]) -> None:
    """What came of one response, as soon as it is known."""
    seconds = sum(took for _, took in found["surfaces"].values())
    print(f"{name}: {seconds:.1f} s, lag {found['lag']} s, {found['memory'] / 1e6:.0f} MB; {wrongs(found)}", flush=True)


def table(outcomes: dict[int, dict[str, Any]]) -> str:
    """By group of responses: how many, the worst lag, memory and time, and what went wrong."""
    responses = all_responses()
    groups: dict[str, list[int]] = defaultdict(list)
    for number in outcomes:
        groups[responses[number].group].append(number)
    lines = [f"{'group':10} {'responses':>8} {'harmless':>9} {'lag':>7} {'memory':>9} {'longest':>8}"]
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for group, numbers in groups.items():
        found = [outcomes[number] for number in numbers]
        longest = max(took for one in found for _, took in one["surfaces"].values())
        lag, highest = (max(one[name] for one in found) for name in ("lag", "memory"))
        harmless = sum(not wrongs(one) for one in found)
        lines.append(
            f"{group:10} {len(numbers):8} {harmless:9} {lag:5.2f} s {highest / 1e6:6.0f} MB {longest:6.1f} s",
        )
    for number, found in outcomes.items():
        for wrong in wrongs(found):
            kinds[responses[number].name][wrong] += 1
    for name, counted in kinds.items():
        first, *rest = counted
        lines.append(f"WRONG {name}: {first}" + (f", and {len(rest)} more" if rest else ""))
    return "\n".join([*lines, f"{len(outcomes)} responses, {len(kinds)} did harm"])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--short", action="store_true", help="some responses of each group")
    parser.add_argument("--only", default="", help="responses whose name contains this text")
    parser.add_argument("--verbose", action="store_true", help="print what came of each response at once")
    parser.add_argument("--at-once", type=int, default=4, help="client processes, beside one for large responses")
    options = parser.parse_args()
    began = time.monotonic()
    responses = all_responses()
    numbers = some_responses() if options.short else list(range(len(responses)))
    numbers = [number for number in numbers if options.only in responses[number].name]
    outcomes = run(numbers, options.at_once, show if options.verbose else lambda name, found: None)
    with suppress(BrokenPipeError):
        print(table(outcomes))
        print(f"{time.monotonic() - began:.0f} s")
    return 1 if any(wrongs(found) for found in outcomes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
