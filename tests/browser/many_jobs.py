"""Ten thousand import jobs: what a task reports of them, and a Milvus that lists them and counts its requests."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

JOBS = 10_000
CONN_ID = "milvus_many"
COLLECTION = "archive"
COUNTER_BITS = 18
# Older than all other jobs, so that they come last.
CREATED_MS = 1_700_000_000_000
IDS = [str((CREATED_MS + number << COUNTER_BITS) + number) for number in range(JOBS)]


def reports() -> list[dict[str, Any]]:
    """The XCom of a task that waits for all of them."""
    return [
        {"job_id": job_id, "state": "Importing", "progress": 40, "milvus_conn_id": CONN_ID, "database": None}
        for job_id in IDS
    ]


class ManyJobs:
    """A Milvus that knows the two routes which the view reads.

    :ivar requests: how many came of each route.
    """

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        records = [
            {"jobId": job_id, "collectionName": COLLECTION, "state": "Importing", "progress": 50} for job_id in IDS
        ]
        listed = _envelope({"records": records})
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                route = self.path.rpartition("/")[2]
                requests[route] += 1
                response = listed if route == "list" else _envelope({**records[0], **body, "importedRows": 5})
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(response)))
                self.end_headers()
                self.wfile.write(response)

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._started = time.monotonic()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _envelope(data: Any) -> bytes:
    return json.dumps({"code": 0, "data": data}).encode()
