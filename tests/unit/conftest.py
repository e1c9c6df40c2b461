"""Unit tests open no socket and sleep nowhere."""

import json
import socket

import pytest


@pytest.fixture(autouse=True)
def no_connection(monkeypatch):
    """Refuse every connection; an event loop's own socket pair is none."""

    def refuse(self, address):
        raise AssertionError(f"a unit test connects to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


@pytest.fixture
def connection(monkeypatch):
    """Define the connection ``milvus_default``."""

    def define(**fields):
        fields = {"conn_type": "milvus", "host": "milvus.example.org", **fields}
        monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", json.dumps(fields))

    define()
    return define
