"""`serve` in a process of its own, which can be killed.

It is forked from a process that has imported what a server needs: that takes most of the time of a start otherwise.
"""

import multiprocessing
import os
import re
import sys
import time
from pathlib import Path

READY = re.compile(r"Milvus is ready: REST (?P<uri>\S+), gRPC (?P<grpc_uri>\S+), bucket (?P<bucket>.+)\n")
SECONDS_TO_START = 60
# As the command has it set before gRPC is imported.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["airflow_provider_milvus.local.server"])


def run(arguments, environment, output, errors):
    """What `python -m airflow_provider_milvus.local` does, its output in files."""
    os.environ.clear()
    os.environ.update(environment)
    for number, path in ((1, output), (2, errors)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    from airflow_provider_milvus.local.__main__ import main

    sys.exit(main(arguments))


class Served:
    """The process of a server on free ports, once it is ready."""

    def __init__(self, data_dir, *options):
        output, self._errors = (data_dir.with_suffix(f".{time.monotonic_ns()}.{name}") for name in ("out", "err"))
        arguments = ["serve", "--data-dir", str(data_dir), "--port", "0", "--grpc-port", "0", *options]
        parameters = (arguments, dict(os.environ), output, self._errors)
        self.process = FORKS.Process(target=run, args=parameters, daemon=True)
        self.process.start()
        deadline = time.monotonic() + SECONDS_TO_START
        while not (ready := READY.fullmatch(output.read_text() if output.exists() else "")):
            assert self.process.is_alive(), self.end()
            assert time.monotonic() < deadline, self.end()
            time.sleep(0.005)
        self.uri, self.grpc_uri, self.bucket = ready["uri"], ready["grpc_uri"], Path(ready["bucket"])

    def end(self, signal=None):
        """Exit code and what stderr had, after this signal."""
        if signal is not None:
            os.kill(self.process.pid, signal)
        self.process.join(30)
        return self.process.exitcode, self._errors.read_text()

    def kill(self):
        self.process.kill()
        self.process.join(30)
