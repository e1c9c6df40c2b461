"""Starting, stopping and entering the local Milvus, from Python and from the command line."""

import base64
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request

import pytest

from airflow_provider_milvus.local import LocalMilvus
from airflow_provider_milvus.local.errors import LocalMilvusError

SERVE = [sys.executable, "-m", "airflow_provider_milvus.local", "serve"]
TOKEN = "root:Mil:vus"


def basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("header", [f"Bearer {TOKEN}", basic(TOKEN), f"bearer {TOKEN}"])
def test_right_token_comes_in(serve, header):
    client = serve(token=TOKEN)
    assert client.send("/collections/list", {}, Authorization=header)[0] == 200


@pytest.mark.parametrize(
    "header", ["", TOKEN, "Bearer", "Bearer root:x", basic("root:x"), "Basic ?", "Digest " + TOKEN]
)
def test_any_other_token_is_401_with_1800(serve, header):
    status, _, body = serve(token=TOKEN).send("/collections/list", {}, Authorization=header)
    assert (status, body) == (401, b'{"code":1800,"message":"user hasn\'t authenticated"}')


def test_without_token_everyone_comes_in(serve):
    assert serve().send("/collections/list", {}, Authorization="Bearer any:one")[0] == 200


@pytest.mark.parametrize("path", ["/v2/vectordb/nope", "/"])
def test_unknown_route_is_plain_404(client, path):
    request = urllib.request.Request(client.milvus.uri + path, b"{}")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request)
    assert (caught.value.code, caught.value.read()) == (404, b"404 page not found")


def test_get_is_plain_404(client):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            client.milvus.uri + "/v2/vectordb/collections/list"
        )
    assert (caught.value.code, caught.value.read()) == (404, b"404 page not found")


def test_second_server_on_a_data_directory_is_refused(client):
    with pytest.raises(LocalMilvusError, match="in use by another server"):
        LocalMilvus(client.milvus.data_dir).start()
    assert client.rows() == 0


@pytest.mark.parametrize("which", ["port", "grpc_port"])
def test_taken_port_is_refused_and_the_data_directory_freed(tmp_path, which):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(LocalMilvusError, match=f":{port}"):
            LocalMilvus(tmp_path, **{which: port}).start()
    with LocalMilvus(tmp_path):
        pass


def test_data_directory_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(LocalMilvusError, match="cannot be used"):
        LocalMilvus(tmp_path / "file").start()


def test_broken_job_table_is_refused(tmp_path):
    (tmp_path / "jobs.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(LocalMilvusError, match="cannot be read"):
        LocalMilvus(tmp_path).start()


def test_broken_aliases_are_refused(serve, client):
    client.post("/aliases/create", collectionName="c", aliasName="a")
    client.milvus.stop()
    (client.milvus.data_dir / "aliases.json").write_text("{")
    with pytest.raises(LocalMilvusError, match="cannot be read: aliases or properties of the database 'default'"):
        LocalMilvus(client.milvus.data_dir).start()


def test_broken_collection_harms_only_itself(serve, client):
    client.create("other")
    milvus = client.milvus
    milvus.stop()
    (milvus.data_dir / "collections" / "c" / "schema.json").write_text("{")
    client = serve()
    assert "schema.json" in client.call("/collections/describe", collectionName="c")["message"]
    write = [{"vector": [1.0] * 4}]
    assert client.post("/entities/insert", collectionName="other", data=write)["insertCount"] == 1


def test_collection_folder_without_schema_is_swept_at_start(serve, client):
    folder = client.milvus.data_dir / "collections" / "half"
    (folder / "wal").mkdir(parents=True)
    client = serve()
    assert not folder.exists()
    client.create("half")
    assert client.post("/collections/list") == ["c", "half"]


def test_collection_folder_without_schema_gives_way_to_a_new_collection(client):
    (client.milvus.data_dir / "collections" / "half" / "wal").mkdir(parents=True)
    client.create("half")
    assert client.post("/collections/has", collectionName="half") == {"has": True}


def test_broken_collection_with_an_unfinished_job_is_refused(serve, client):
    job_id = client.start("rows.parquet", options={"auto_commit": "false"})
    client.wait(job_id, "Uncommitted")
    milvus = client.milvus
    milvus.stop()
    # What a server leaves behind that was killed while it committed.
    with sqlite3.connect(milvus.data_dir / "jobs.sqlite") as jobs:
        jobs.execute("UPDATE jobs SET job = replace(job, '\"Uncommitted\"', '\"Committing\"')")
    for manifest in (milvus.data_dir / "collections" / "c").glob("manifest.json*"):
        manifest.write_text("{")
    with pytest.raises(LocalMilvusError, match=r"cannot be read: both manifest\.json"):
        LocalMilvus(milvus.data_dir).start()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": 70000}, "port must be from 0"),
        ({"port": -1}, "port must be from 0"),
        ({"grpc_port": 70000}, "grpc_port must be from 0"),
        ({"token": ""}, "token must be user:password or an API key"),
        ({"users": ["loader:secret"]}, "users need a token"),
        ({"users": ["loader=c"], "token": TOKEN}, "users must be NAME:PASSWORD"),
        ({"users": ["loader:p=.c"], "token": TOKEN}, "users must be NAME:PASSWORD"),
        ({"users": ["a:p", "a:q"], "token": TOKEN}, "'a' is there twice"),
        ({"users": ["root:p"], "token": TOKEN}, "'root' is there twice"),
        ({"users": ["a:p"], "token": "key", "zilliz_cluster": "in03-a"}, "users cannot be given with zilliz_cluster"),
        ({"retention_seconds": float("nan")}, "retention_seconds must be 0 seconds or more, got nan"),
        ({"min_job_seconds": -5}, "min_job_seconds must be 0 seconds or more, got -5"),
        ({"idempotency_seconds": -1}, "idempotency_seconds must be 0 seconds or more"),
        ({"max_jobs": 0}, "max_jobs must be 1 jobs or more"),
        ({"parallel_jobs": 0}, "parallel_jobs must be 1 jobs or more"),
    ],
)
def test_option_that_cannot_be_is_refused(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        LocalMilvus(tmp_path, **options)


def test_stop_and_start_again_with_the_same_object(tmp_path):
    milvus = LocalMilvus(tmp_path)
    for _ in range(2):
        with milvus:
            pass


def test_bucket_may_be_elsewhere(serve, tmp_path):
    client = serve(bucket=tmp_path / "elsewhere")
    client.create()
    (tmp_path / "elsewhere" / "rows.json").write_text('[{"vector": [1, 2, 3, 4]}]')
    assert client.load("rows.json")["importedRows"] == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command_says_where_it_serves_and_stops_on_a_signal(tmp_path, number):
    command = [*SERVE, "--data-dir", str(tmp_path), "--port", "0", "--grpc-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        process.send_signal(number)
        rest, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert line.startswith("Milvus is ready: REST http://127.0.0.1:")
    assert f"bucket {tmp_path / 'bucket'}" in line
    assert (process.returncode, rest, errors) == (0, "", "")


def test_command_does_not_wait_for_an_index_that_is_being_built(tmp_path):
    code = (
        "import sys, time; from milvus_lite.db import MilvusLite; from airflow_provider_milvus.local import __main__\n"
        "MilvusLite.close = lambda self: time.sleep(600)\n"
        "__main__.STOP_SECONDS = 1\n"
        "sys.exit(__main__.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "serve", "--data-dir", str(tmp_path), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline().startswith("Milvus is ready")
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=60) == ("", "")
    finally:
        process.kill()
    assert process.returncode == 0


@pytest.mark.parametrize("what", ["port", "grpc-port", "no port", "locked", "file", "bucket", "jobs"])
def test_command_that_cannot_serve_says_why_in_one_line(serve, tmp_path, what):
    milvus = serve(grpc_port=0).milvus
    data_dir = milvus.data_dir if what == "locked" else tmp_path / "other"
    if what == "file":
        data_dir.touch()
    if what == "jobs":
        data_dir.mkdir()
        (data_dir / "jobs.sqlite").write_bytes(b"no database" * 100)
    port = {"port": milvus.port, "no port": 70000}.get(what, 0)
    grpc_port = milvus.grpc_port if what == "grpc-port" else 0
    command = [*SERVE, "--data-dir", str(data_dir), "--port", str(port), "--grpc-port", str(grpc_port)]
    command += ["--bucket", "s3://key:secret@bucket"] if what == "bucket" else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert done.stderr.startswith("error: ")


def test_importing_the_package_loads_nothing_heavy():
    heavy = "{'milvus_lite', 'pymilvus', 'pyarrow', 'grpc', 'numpy', 'starlette', 'uvicorn', 'airflow'}"
    code = f"import sys, airflow_provider_milvus.local as local; sys.exit(str({heavy} & set(sys.modules) or ''))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.stderr.strip() == ""


def test_missing_extra_is_named_clearly():
    code = "import sys; sys.modules['milvus_lite'] = None; from airflow_provider_milvus.local import LocalMilvus"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert "pip install 'airflow-provider-milvus[local]'" in done.stderr
