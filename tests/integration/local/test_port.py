"""One port for REST and gRPC, as Milvus has it."""

import http.client
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pymilvus
import pytest
from milvus_lite.adapter.grpc.servicer import MilvusServicer
from pymilvus.bulk_writer import bulk_import

HTTP1 = b"POST /v2/vectordb/collections/list HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
# The preface of HTTP/2 and an empty SETTINGS frame, which a server responds to with one of its own.
HTTP2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


def connect(client):
    return socket.create_connection((client.milvus.host, client.milvus.port), timeout=10)


def test_one_uri_serves_bulk_import_and_the_client_of_pymilvus(client):
    uri = client.milvus.uri
    job_id = bulk_import(uri, "c", files=[["rows.parquet"]]).json()["data"]["jobId"]
    assert client.wait(job_id)["state"] == "Completed"
    milvus = pymilvus.MilvusClient(uri=uri)
    milvus.refresh_load("c")
    assert milvus.query("c", output_fields=["count(*)"])[0]["count(*)"] == 10


def test_grpc_has_a_port_of_its_own_where_one_is_requested(serve):
    milvus = serve(grpc_port=0).milvus
    assert milvus.grpc_uri != milvus.uri
    for uri in (milvus.uri, milvus.grpc_uri):
        assert pymilvus.MilvusClient(uri=uri).list_collections() == []


@pytest.mark.parametrize(("sent", "expected"), [(HTTP1, b"HTTP/1.1 200"), (HTTP2, bytes([4, 0, 0, 0, 0, 0]))])
def test_first_bytes_may_come_one_by_one(client, sent, expected):
    with connect(client) as connection:
        for byte in sent:
            connection.sendall(bytes([byte]))
        received = b""
        while expected not in received:
            more = connection.recv(4096)
            assert more, received
            received += more


@pytest.mark.parametrize(
    "sent", [b"", b"P", b"PRI", b"PRI * HTTP/2.0\r\n", HTTP2, b"PRI * HTTP/3.0\r\n\r\n", b"\x16\x03\x01"]
)
def test_client_that_says_no_more_than_this_does_not_disturb_others(client, sent):
    with connect(client) as connection:
        connection.sendall(sent)
        assert client.post("/collections/list") == ["c"]
    assert client.post("/collections/list") == ["c"]


def test_large_messages_pass_both_ways(client):
    milvus = pymilvus.MilvusClient(uri=client.milvus.uri)
    milvus.create_collection("wide", dimension=8192, auto_id=True)
    rows = [{"vector": [float(number)] * 8192} for number in range(256)]
    milvus.insert("wide", rows)
    found = milvus.query("wide", "id >= 0", output_fields=["vector"], limit=256)
    assert sorted(row["vector"][-1] for row in found) == [float(number) for number in range(256)]


def test_client_that_leaves_in_the_middle_of_a_message_takes_only_itself_out(client):
    with connect(client) as connection:
        # A DATA frame that announces 16 KB, of which some come.
        connection.sendall(HTTP2 + bytes([0, 64, 0, 0, 0, 0, 0, 0, 1]) + b"x" * 1000)
    assert pymilvus.MilvusClient(uri=client.milvus.uri).list_collections() == ["c"]


def test_reset_cuts_only_the_connection_of_the_request(serve):
    client = serve(faults=["reset:create:count=1"])
    milvus = pymilvus.MilvusClient(uri=client.milvus.uri)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        client.send("/jobs/import/create", {"collectionName": "c", "files": [["rows.parquet"]]})
    assert milvus.list_collections() == []


def test_idle_connection_stays_open_until_the_server_stops(client):
    with connect(client) as rest, connect(client) as grpc_connection, connect(client) as silent:
        rest.sendall(HTTP1)
        assert rest.recv(4096).startswith(b"HTTP/1.1 200")
        grpc_connection.sendall(HTTP2)
        assert grpc_connection.recv(4096)
        client.milvus.stop()
        for connection in (rest, grpc_connection, silent):
            while connection.recv(4096):
                pass
    with socket.create_server((client.milvus.host, client.milvus.port)):
        pass


def test_call_in_flight_gets_its_response_while_the_server_stops(serve, monkeypatch):
    running, list_databases = threading.Event(), MilvusServicer.ListDatabases

    def dawdle(*arguments):
        running.set()
        time.sleep(0.3)
        return list_databases(*arguments)

    monkeypatch.setattr(MilvusServicer, "ListDatabases", dawdle)
    client = serve()
    milvus = pymilvus.MilvusClient(uri=client.milvus.uri)
    with ThreadPoolExecutor(1) as pool:
        response = pool.submit(milvus.list_databases)
        assert running.wait(10)
        client.milvus.stop()
        assert response.result(10) == ["default"]
