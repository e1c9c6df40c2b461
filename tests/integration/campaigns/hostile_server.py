"""A server that sends hostile responses to some requests and good ones to others."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

from hostile_body import data, job, whole
from hostile_responses import all_responses
from misbehaving_servers import Listener
from wire import Plain, Reader


class HostileServer(Listener):
    """Sends the responses; to everybody else it is a server whose jobs run until the moment `ends` and complete."""

    def __init__(self) -> None:
        self.responses = all_responses()
        self.ends = time.monotonic()
        super().__init__()

    def serve(self, connection: socket.socket) -> None:
        client = Plain(connection)
        reader = Reader(client.receive)
        while request := reader.request():
            route = request[1]
            fields_of = json.loads(request[3] or b"{}")
            number = self._number(fields_of)
            if number is None:
                client.send(whole(self._good(route, fields_of)))
                continue
            self.responses[number].send(client, route)
            if self.responses[number].slow:
                return

    def _number(self, fields_of: dict[str, Any]) -> int | None:
        for name in ("dbName", "jobId"):
            value = str(fields_of.get(name))
            if value.startswith("h") and value[1:].isdigit():
                return int(value[1:])
        return None

    def _good(self, route: str, fields_of: dict[str, Any]) -> bytes:
        state = job("importedRows", "7", "Completed" if time.monotonic() > self.ends else "Importing")
        return data(state.replace('"jobId":"1"', f'"jobId":"{fields_of.get("jobId", 1)}"'), route)
