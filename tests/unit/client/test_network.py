"""Proxies and certificates: the same for workers and triggerers, and found to be bad before anything is sent."""

import ssl

import httpx
import pytest

from airflow_provider_milvus.client.network import CA_VARIABLES, Network
from airflow_provider_milvus.client.proxies import bypasses, parse_proxy, proxy_for
from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook, MilvusHook
from airflow_provider_milvus.triggers.import_job import MilvusImportTrigger

DESCRIBE = "/jobs/import/describe"
RUNNING = {"jobId": "1", "state": "Importing"}
TLS_HOST = "https://milvus.example.org"


@pytest.fixture
def network(connection):
    def make(**fields):
        connection(**fields)
        return Network(MilvusHook().settings)

    return make


async def test_both_transports_use_the_connections_proxy(milvus, connection, mocker):
    connection(extra={"proxies": {"http": "http://proxy:3128"}})
    milvus.responds(DESCRIBE, RUNNING)
    MilvusHook().get_import_progress("1")
    assert milvus.sent[0].options["proxies"] == {"http": "http://proxy:3128"}
    transport = mocker.spy(httpx, "AsyncHTTPTransport")
    client = mocker.spy(httpx, "AsyncClient")
    async with MilvusAsyncHook("milvus_default"):
        pass
    assert list(client.call_args.kwargs["mounts"]) == ["http://milvus.example.org:19530"]
    assert str(transport.call_args_list[0].kwargs["proxy"].url) == "http://proxy:3128"


async def test_neither_transport_reads_the_environment_by_itself(milvus, connection, mocker):
    client = mocker.spy(httpx, "AsyncClient")
    assert MilvusHook().get_conn().trust_env is False
    async with MilvusAsyncHook("milvus_default"):
        pass
    assert client.call_args.kwargs["trust_env"] is False


def test_session_has_the_connections_ca_and_client_certificate(milvus, connection, certificates):
    extra = {"ca_bundle": str(certificates.ca), "client_cert": str(certificates.client)}
    connection(extra=extra)
    milvus.responds(DESCRIBE, RUNNING)
    MilvusHook().get_import_progress("1")
    options = milvus.sent[0].options
    assert (options["verify"], options["cert"]) == (str(certificates.ca), str(certificates.client))


def test_worker_takes_the_environments_proxy(milvus, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "")
    milvus.responds(DESCRIBE, RUNNING)
    MilvusHook().get_import_progress("1")
    assert milvus.sent[0].options["proxies"]["http"] == "http://proxy:3128"


def test_worker_passes_the_environments_proxy_by_for_the_cluster_alone(milvus, connection, monkeypatch):
    connection(host="http://cluster.example.org", extra={"import_endpoint": "http://api.example.org"})
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "cluster.example.org")
    milvus.responds(DESCRIBE, RUNNING)
    milvus.responds("/collections/list", [])
    hook = MilvusHook()
    hook.get_import_progress("1")
    hook.list_collections()
    assert [sent.options["proxies"].get("http") for sent in milvus.sent] == ["http://proxy:3128", None]


async def test_triggerer_passes_the_environments_proxy_by_for_the_cluster_alone(connection, monkeypatch, mocker):
    connection(host="http://cluster.example.org", extra={"import_endpoint": "http://api.example.org"})
    monkeypatch.setenv("HTTP_PROXY", "http://proxy:3128")
    monkeypatch.setenv("NO_PROXY", "cluster.example.org")
    client = mocker.spy(httpx, "AsyncClient")
    async with MilvusAsyncHook("milvus_default"):
        pass
    assert list(client.call_args.kwargs["mounts"]) == ["http://api.example.org"]


@pytest.mark.parametrize(
    ("environment", "own", "url", "proxy"),
    [
        ({}, {}, "http://h:1", None),
        ({"HTTP_PROXY": "http://p:1"}, {}, "http://h", "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, {}, "https://h", None),
        ({"https_proxy": "p"}, {}, "https://h", "http://p:80"),
        ({"HTTPS_PROXY": "https://p"}, {}, "https://h", "https://p:443"),
        ({"ALL_PROXY": "http://p:1"}, {}, "https://h", "http://p:1"),
        ({"ALL_PROXY": "http://p:1", "HTTP_PROXY": "http://q:1"}, {}, "http://h", "http://q:1"),
        ({"HTTP_PROXY": "http://p:1", "http_proxy": "http://q:1"}, {}, "http://h", "http://q:1"),
        ({"HTTP_PROXY": "http://p:1", "http_proxy": ""}, {}, "http://h", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "h"}, {}, "http://h", None),
        ({"HTTP_PROXY": "http://p:1", "no_proxy": "h", "NO_PROXY": "x"}, {}, "http://h", None),
        ({"HTTP_PROXY": "http://p:1"}, {"http": "http://own:1"}, "http://h", "http://own:1"),
        ({"HTTP_PROXY": "http://p:1"}, {"all": "http://own:1"}, "http://h", "http://own:1"),
        ({"HTTP_PROXY": "http://p:1"}, {"https": "http://own:1"}, "http://h", "http://p:1"),
        ({"NO_PROXY": "h"}, {"http": "http://own:1"}, "http://h", "http://own:1"),
        ({"NO_PROXY": "*"}, {"http": "http://own:1"}, "http://h", "http://own:1"),
        ({"HTTP_PROXY": "not a url", "NO_PROXY": "h"}, {}, "http://h", None),
        ({"HTTP_PROXY": "http://[2001:db8::9]:3128"}, {}, "http://h", "http://[2001:db8::9]:3128"),
    ],
)
def test_proxy_of_a_url(monkeypatch, environment, own, url, proxy):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = proxy_for(url, own)
    assert (found and found.url) == proxy


@pytest.mark.parametrize(
    ("no_proxy", "host", "passed_by"),
    [
        ("*", "milvus.example.org", True),
        ("a.example.org, *", "milvus.example.org", True),
        ("", "milvus.example.org", False),
        (" , ,", "milvus.example.org", False),
        ("milvus.example.org", "milvus.example.org", True),
        ("MILVUS.example.ORG", "milvus.example.org", True),
        ("milvus.example.org.", "milvus.example.org", True),
        ("example.org", "milvus.example.org", True),
        (".example.org", "milvus.example.org", True),
        ("*.example.org", "milvus.example.org", True),
        (".example.org", "example.org", True),
        ("example.org", "notexample.org", False),
        ("milvus", "milvus.example.org", False),
        ("a.example.org,milvus.example.org", "milvus.example.org", True),
        ("a.example.org milvus.example.org", "milvus.example.org", True),
        ("milvus.example.org:19530", "milvus.example.org:19530", True),
        ("milvus.example.org:19531", "milvus.example.org:19530", False),
        (".example.org:19530", "milvus.example.org:19530", True),
        ("example.org:80", "example.org", True),
        ("localhost", "localhost:19530", True),
        ("10.0.0.7", "10.0.0.7:19530", True),
        ("10.0.0.7", "10.0.0.70:19530", False),
        ("10.0.0.7:19530", "10.0.0.7:19530", True),
        ("10.0.0.7:80", "10.0.0.7:19530", False),
        ("0.0.7", "10.0.0.7", False),
        ("10.0.0.0/8", "10.1.2.3:19530", True),
        ("10.1.2.3/8", "10.9.9.9", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/255.0.0.0", "10.1.2.3", True),
        ("10.0.0.0/8", "10.example.org", False),
        ("0.0.0.0/0", "10.1.2.3", True),
        ("0.0.0.0/0", "milvus.example.org", False),
        ("10.0.0.0/99,milvus", "milvus", True),
        ("10.0.0.0/99", "10.0.0.1", False),
        ("::1", "[::1]:19530", True),
        ("[::1]", "[::1]:19530", True),
        ("[::1]:19530", "[::1]:19530", True),
        ("[::1]:19531", "[::1]:19530", False),
        ("0:0:0:0:0:0:0:1", "[::1]:19530", True),
        ("2001:DB8::/32", "[2001:db8::7]:19530", True),
        ("[2001:db8::]/32", "[2001:db8::7]:19530", True),
        ("2001:db9::/32", "[2001:db8::7]:19530", False),
        ("2001:db8::/32", "10.0.0.1", False),
        ("10.0.0.0/8", "[::ffff:10.0.0.1]", True),
        ("fe80::1%eth0,[,],:,/,[::1", "milvus.example.org", False),
    ],
)
@pytest.mark.parametrize("scheme", ["http"])
def test_no_proxy_names_hosts(no_proxy, host, passed_by, scheme):
    assert bypasses(no_proxy, f"{scheme}://{host}") is passed_by


def test_port_of_a_scheme_counts_in_no_proxy():
    assert bypasses("h:443", "https://h")
    assert not bypasses("h:443", "http://h")


def test_credentials_of_a_proxy_are_a_header_and_no_part_of_its_url():
    proxy = parse_proxy("http://user:p%C3%A4ss%2Fword@proxy:3128", "p")
    assert proxy.url == "http://proxy:3128"
    assert httpx.BasicAuth("user", "päss/word")._auth_header == proxy.authorization
    assert proxy.authorization not in repr(proxy)


BAD_PROXIES = [
    "ftp://proxy:3128",
    "socks5://proxy:1080",
    "http://",
    "http://user:s3cret@",
    "http://user:s3cret@proxy:port",
    "http://user:s3cret@proxy:99999",
    "http://user:s3cret@proxy:0",
    "http://user:s3/cret@proxy:3128",
    "http://user:s3#cret@proxy:3128",
    "http://user:s3?cret@proxy:3128",
    "http://user:s3@cret@proxy:3128",
    "http://user:s3cret@proxy:3128/path",
    "http://user:s3cret@pro xy:3128",
    "http://user:s3cret@a..b:3128",
    "http://user:s3cret@[::1:3128",
    "http://user:s3cret@::1:3128",
    "http://user:s3cret@[fe80::1%eth0]:3128",
    "http://user:s3cret@10.0.0.256:3128",
]


@pytest.mark.parametrize("url", BAD_PROXIES, ids=range(len(BAD_PROXIES)))
@pytest.mark.parametrize("variable", ["HTTP_PROXY", "all_proxy"])
def test_bad_proxy_of_the_environment_is_one_error_that_names_it(monkeypatch, network, variable, url):
    monkeypatch.setenv(variable, url)
    with pytest.raises(ValueError, match=f"the environment variable {variable} .+") as caught:
        network()
    assert "s3" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("url", BAD_PROXIES, ids=range(len(BAD_PROXIES)))
def test_bad_proxy_of_the_connection_is_one_error_that_names_it(network, url):
    with pytest.raises(ValueError, match="the milvus connection's proxies have a URL for 'https' that") as caught:
        network(extra={"proxies": {"https": url}})
    assert "s3" not in str(caught.value)


def test_bad_proxy_for_another_scheme_harms_nobody(monkeypatch, network):
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy:1080")
    assert network().proxy_to("http://milvus.example.org:19530") is None


@pytest.fixture
def bad_bundles(tmp_path, certificates):
    (tmp_path / "empty.pem").touch()
    return {
        "missing": tmp_path / "missing.pem",
        "directory": tmp_path,
        "empty": tmp_path / "empty.pem",
        "broken": certificates.broken,
    }


@pytest.mark.parametrize("variable", CA_VARIABLES)
@pytest.mark.parametrize("kind", ["missing", "directory", "empty", "broken"])
def test_bad_ca_bundle_of_the_environment_is_one_error(network, monkeypatch, bad_bundles, variable, kind):
    monkeypatch.setenv(variable, str(bad_bundles[kind]))
    with pytest.raises(ValueError, match=f"the environment variable {variable} .*; give .*, or unset it, or"):
        network(host=TLS_HOST)


@pytest.mark.parametrize("variable", CA_VARIABLES)
def test_bad_ca_bundle_harms_no_http_server(network, monkeypatch, variable):
    monkeypatch.setenv(variable, "/no/such.pem")
    assert network().tls_to("http://milvus.example.org") is None


@pytest.mark.parametrize("variable", CA_VARIABLES)
def test_bad_ca_bundle_harms_no_connection_that_verifies_nothing(network, monkeypatch, variable):
    monkeypatch.setenv(variable, "/no/such.pem")
    assert network(host=TLS_HOST, extra={"verify": False}).server_tls.verify_mode is ssl.CERT_NONE


def test_ca_bundle_of_the_environment_is_needed_for_a_tls_proxy(network, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "https://proxy")
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such.pem")
    with pytest.raises(ValueError, match=r"SSL_CERT_FILE '/no/such.pem' is no file on this machine"):
        network()


def subjects(context):
    return {dict(part[0] for part in ca["subject"]).get("commonName") for ca in context.get_ca_certs()}


@pytest.mark.parametrize("variable", CA_VARIABLES[:3])
async def test_both_transports_trust_the_cas_of_the_environment_alone(
    network, monkeypatch, mocker, certificates, variable
):
    monkeypatch.setenv(variable, str(certificates.ca))
    assert subjects(network(host=TLS_HOST).server_tls) == {"ca"}
    client = mocker.spy(httpx, "AsyncClient")
    async with MilvusAsyncHook("milvus_default"):
        pass
    assert subjects(client.call_args.kwargs["verify"]) == {"ca"}


def test_connections_ca_bundle_comes_before_the_environments(network, monkeypatch, certificates):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such.pem")
    assert subjects(network(host=TLS_HOST, extra={"ca_bundle": str(certificates.ca)}).server_tls) == {"ca"}


def test_without_a_bundle_the_usual_cas_are_trusted(network):
    assert len(network(host=TLS_HOST).server_tls.get_ca_certs()) > 50


def test_directory_that_openssl_has_hashed_is_a_ca_bundle(network, monkeypatch, tmp_path, certificates):
    (tmp_path / "0123abcd.0").write_bytes(certificates.ca.read_bytes())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    assert network(host=TLS_HOST).server_tls.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize("key", [None, "key.pem"])
async def test_both_transports_show_the_client_certificate(connection, mocker, tmp_path, key):
    cert, key = tmp_path / "cert.pem", key and tmp_path / key
    for path in filter(None, (cert, key)):
        path.touch()
    connection(host=TLS_HOST, extra={"client_cert": str(cert), "client_key": str(key) if key else None})
    load = mocker.patch("ssl.SSLContext.load_cert_chain")
    async with MilvusAsyncHook("milvus_default"):
        pass
    assert load.call_args.args[:2] == (str(cert), str(key) if key else None)
    MilvusHook().get_conn()
    assert load.call_args_list[0] == load.call_args_list[1]


@pytest.mark.parametrize(
    ("cert", "key", "why"),
    [
        ("broken", None, "cannot be read as PEM"),
        ("broken", "client_key", "cannot be read as PEM"),
        ("client", "broken", "cannot be read as PEM"),
        ("client", None, "cannot be read as PEM"),
        ("client", "other_key", "do not belong together"),
        ("client", "encrypted_key", "has an encrypted key"),
    ],
)
def test_bad_client_certificate_is_one_error(network, certificates, cert, key, why):
    extra = {"client_cert": str(getattr(certificates, cert)), "client_key": key and str(getattr(certificates, key))}
    with pytest.raises(ValueError, match=f"the milvus connection's client_cert .* {why}; give PEM files"):
        network(host=TLS_HOST, extra=extra)


def test_broken_ca_bundle_of_the_connection_is_one_error(network, certificates):
    with pytest.raises(ValueError, match=r"the milvus connection's ca_bundle '.*' cannot be read as PEM; give"):
        network(host=TLS_HOST, extra={"ca_bundle": str(certificates.broken)})


async def test_triggerer_verifies_nothing_where_that_is_switched_off(connection, mocker):
    connection(host=TLS_HOST, extra={"verify": False})
    client = mocker.spy(httpx, "AsyncClient")
    async with MilvusAsyncHook("milvus_default"):
        pass
    assert client.call_args.kwargs["verify"].verify_mode is ssl.CERT_NONE


def test_bad_environment_is_found_before_anything_is_sent(milvus, connection, monkeypatch):
    connection(host=TLS_HOST)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such.pem")
    with pytest.raises(ValueError, match="REQUESTS_CA_BUNDLE"):
        MilvusHook().bulk_import("c", ["a.parquet"])
    assert milvus.sent == []


def test_tested_connection_names_the_variable_that_is_wrong(milvus, connection, monkeypatch):
    connection(host=TLS_HOST)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such.pem")
    works, message = MilvusHook().test_connection()
    assert not works
    assert "REQUESTS_CA_BUNDLE" in message


async def test_trigger_with_a_bad_environment_ends_with_its_error(connection, monkeypatch):
    connection(host=TLS_HOST)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/no/such.pem")
    monkeypatch.setattr("airflow_provider_milvus.triggers.wait_trigger.MIN_AGE_SECONDS", 0)
    event = await anext(MilvusImportTrigger("1", "milvus_default").run())
    assert event.payload["status"] == "unreachable"
    assert "the environment variable REQUESTS_CA_BUNDLE '/no/such.pem' is no file" in event.payload["message"]
