"""A real local Milvus, over real HTTP."""

import json
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from airflow_provider_milvus.local import LocalMilvus

# For modules of this folder that are no tests.
sys.path.insert(0, str(Path(__file__).parent))

from served import Served

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Client:
    """What a user's client does, with nothing of this package in it."""

    def __init__(self, milvus):
        self.milvus = milvus

    def send(self, route, body, **headers):
        """HTTP status, headers and body of a response."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.milvus.uri}/v2/vectordb{route}", data, {"Content-Type": "application/json", **headers}
        )
        try:
            with DIRECT.open(request, timeout=120) as response:
                return response.status, response.headers, response.read()
        except urllib.error.HTTPError as response:
            return response.code, response.headers, response.read()

    def call(self, route, headers=None, **body):
        """The envelope of a response."""
        return json.loads(self.send(route, body, **(headers or {}))[2])

    def post(self, route, headers=None, **body):
        """The data of a success."""
        response = self.call(route, headers, **body)
        assert response["code"] == 0, response
        return response["data"]

    def start(self, *files, collection="c", headers=None, **more):
        """Start an import; its job id."""
        groups = [[file] if isinstance(file, str) else file for file in files]
        return self.post("/jobs/import/create", headers, collectionName=collection, files=groups, **more)["jobId"]

    def wait(self, job_id, *states):
        """The progress of a job once it is in one of these states."""
        deadline = time.monotonic() + 120
        while True:
            job = self.post("/jobs/import/describe", jobId=job_id)
            if job["state"] in (states or ("Completed", "Failed")):
                return job
            assert time.monotonic() < deadline, job
            time.sleep(0.02)

    def load(self, *files, **more):
        """Import files and wait for the end."""
        return self.wait(self.start(*files, **more))

    def rows(self, collection="c"):
        return self.post("/collections/get_stats", collectionName=collection)["rowCount"]

    def refresh(self, collection="c"):
        """Let readers of a loaded collection see what was imported."""
        self.post("/collections/refresh_load", collectionName=collection)

    def seen(self, collection="c"):
        """How many rows a reader finds."""
        response = self.post("/entities/query", collectionName=collection, outputFields=["count(*)"])
        return response[0]["count(*)"]

    def create(self, collection="c", auto_id=True, dim=4, fields=(), indexes=(), **schema):
        """A collection of vectors, loaded, with `indexes` for its other fields."""
        all_fields = [
            {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
            {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": dim}},
            *fields,
        ]
        self.post(
            "/collections/create",
            collectionName=collection,
            schema={"autoId": auto_id, "fields": all_fields, **schema},
            indexParams=[{"fieldName": "vector", "metricType": "L2"}, *indexes],
        )


@pytest.fixture(scope="session")
def stopping():
    """Stops servers in the background: each takes a fifth of a second, most of it asleep."""
    with ThreadPoolExecutor() as pool:
        stops = []
        yield lambda milvus: stops.append(pool.submit(milvus.stop))
        for stop in stops:
            stop.result(timeout=30)


@pytest.fixture
def serve(tmp_path, stopping):
    """Start a local Milvus on this test's folder; several times in turn, if need be."""
    running = []

    def start(**options):
        while running:
            running.pop().stop()
        milvus = LocalMilvus(tmp_path / "data", **options)
        milvus.start()
        running.append(milvus)
        return Client(milvus)

    yield start
    for milvus in running:
        stopping(milvus)


@pytest.fixture
def command(tmp_path):
    """Start `serve` as a process on this test's folder; a client of it."""
    started = []

    def start(*options):
        started.append(Served(tmp_path / "data", *options))
        return Client(started[-1])

    yield start
    for one in started:
        one.kill()


@pytest.fixture(scope="module")
def shared_command(tmp_path_factory):
    """A client of such a process for all tests of a module, with a collection ``c``."""
    served = Served(tmp_path_factory.mktemp("process"))
    found = Client(served)
    found.create()
    yield found
    served.kill()


@pytest.fixture
def client(serve):
    """A client of a local Milvus that has a collection ``c`` and a file ``rows.parquet`` of ten rows for it."""
    found = serve()
    found.create()
    write_rows(found.milvus.bucket / "rows.parquet")
    return found


@pytest.fixture(scope="module")
def shared_client(tmp_path_factory):
    """Such a client for all tests of a module, for those that send many requests and do not care what is there."""
    with LocalMilvus(tmp_path_factory.mktemp("shared")) as milvus:
        found = Client(milvus)
        found.create()
        write_rows(milvus.bucket / "rows.parquet")
        yield found


@pytest.fixture(scope="module")
def shared_versions(tmp_path_factory):
    """A client of a local Milvus of a version, one server of each for all tests of a module."""
    running = {}

    def client_of(version):
        if version not in running:
            running[version] = LocalMilvus(tmp_path_factory.mktemp("version"), milvus_version=version)
            running[version].start()
        return Client(running[version])

    yield client_of
    for milvus in running.values():
        milvus.stop()


def write_rows(path, rows=10, dim=4):
    vectors = pa.array([[float(row)] * dim for row in range(rows)], pa.list_(pa.float32()))
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"vector": vectors}), path)
