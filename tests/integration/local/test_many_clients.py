"""Many clients at once: everyone gets a response, and nothing is lost or there twice."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pymilvus
from milvus_lite.engine.collection import Collection

CLIENTS = 64


def together(work):
    """Let every client do its work at the same time; what each returned."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        return [future.result(timeout=120) for future in [pool.submit(work, number) for number in range(CLIENTS)]]


def test_clients_that_do_everything_at_once_all_get_responses(serve, client):
    client = serve(parallel_jobs=4)
    client.post("/collections/load", collectionName="c")

    def work(number):
        job_id = client.start("rows.parquet")
        name = f"own_{number}"
        client.create(name)
        client.post("/entities/insert", collectionName="c", data=[{"vector": [float(number)] * 4}])
        assert client.post("/collections/has", collectionName=name) == {"has": True}
        listed = client.post("/jobs/import/list", collectionName="c")["records"]
        assert job_id in {job["jobId"] for job in listed}
        client.post("/entities/query", collectionName="c", filter="id >= 0", limit=5)
        client.post("/entities/search", collectionName="c", data=[[1.0] * 4], limit=3)
        client.post("/collections/drop", collectionName=name)
        return client.wait(job_id)

    jobs = together(work)
    assert {(job["state"], job["importedRows"]) for job in jobs} == {("Completed", 10)}
    assert len({job["jobId"] for job in jobs}) == CLIENTS
    assert client.rows() == CLIENTS * 11
    assert client.post("/collections/list") == ["c"]


def test_clients_of_both_protocols_share_the_port(client):
    client.post("/collections/load", collectionName="c")

    def work(number):
        if number % 2:
            milvus = pymilvus.MilvusClient(uri=client.milvus.uri)
            milvus.insert("c", [{"vector": [float(number)] * 4}])
            return milvus.query("c", "id >= 0", output_fields=["count(*)"])[0]["count(*)"]
        client.load("rows.parquet")
        client.refresh()
        return client.seen()

    assert all(together(work))
    assert client.rows() == CLIENTS // 2 * 11


def test_limit_of_jobs_holds_when_all_come_at_once(serve, client):
    client = serve(max_jobs=5)
    request = {"collectionName": "c", "files": [["rows.parquet"]], "options": {"auto_commit": "false"}}
    codes = [response["code"] for response in together(lambda _: client.call("/jobs/import/create", **request))]
    assert (codes.count(0), codes.count(2100)) == (5, CLIENTS - 5)


def test_describe_does_not_wait_while_a_collection_loads(monkeypatch, client):
    for name in ("other", "gone"):
        client.create(name)
    job_id = client.start("rows.parquet", options={"auto_commit": "false"})
    client.wait(job_id, "Uncommitted")
    # Now the collections of all jobs are resolved again.
    client.post("/collections/drop", collectionName="gone")
    begun, end = threading.Event(), threading.Event()

    def load(_collection):
        begun.set()
        end.wait(10)

    monkeypatch.setattr(Collection, "load", load)
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(client.post, "/collections/load", collectionName="c")
        assert begun.wait(10)
        client.post("/jobs/import/describe", jobId=job_id)
        client.post("/jobs/import/list")
        client.post("/collections/describe", collectionName="other")
        client.start("rows.parquet", collection="other")
        assert not loading.done()
        end.set()
