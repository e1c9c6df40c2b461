"""Reading a ``milvus`` connection."""

import pytest
from airflow import __version__ as airflow_version

from airflow_provider_milvus.client.console import job_url
from airflow_provider_milvus.hooks.milvus import MilvusAsyncHook, MilvusHook


@pytest.fixture
def settings(connection):
    def read(database=None, **fields):
        connection(**fields)
        return MilvusHook(database=database).settings

    return read


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "http://milvus.example.org:19530"),
        ({"port": 80}, "http://milvus.example.org:80"),
        ({"host": " milvus.example.org "}, "http://milvus.example.org:19530"),
        ({"host": "milvus.example.org:9091"}, "http://milvus.example.org:9091"),
        ({"host": "10.0.0.7"}, "http://10.0.0.7:19530"),
        ({"host": "[::1]"}, "http://[::1]:19530"),
        ({"host": "[::1]:9091"}, "http://[::1]:9091"),
        ({"host": "http://milvus.example.org:9091/"}, "http://milvus.example.org:9091"),
        ({"host": "https://in03-1.example.org"}, "https://in03-1.example.org"),
        ({"host": "https://in03-1.example.org", "port": 443}, "https://in03-1.example.org:443"),
        ({"extra": {"tls": True}}, "https://milvus.example.org:19530"),
        ({"host": "http://milvus.example.org", "extra": {"tls": True}}, "https://milvus.example.org"),
        ({"host": "milvus://milvus.example.org"}, "http://milvus.example.org"),
    ],
)
def test_host_port_and_tls_give_the_url(settings, fields, url):
    assert settings(**fields).base_url == url


def test_uri_connection_is_read(monkeypatch):
    uri = "milvus://root:p%40ss@milvus.example.org:19531/books?tls=true&timeout=7.5&retries=2&verify=false"
    monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", uri)
    found = MilvusHook().settings
    assert (found.base_url, found.database, found.token) == ("https://milvus.example.org:19531", "books", "root:p@ss")
    assert (found.timeout, found.retries, found.verify) == (7.5, 2, False)


def test_cloud_connection_has_two_servers(settings):
    found = settings(
        host="https://in03-1.example.org",
        extra={"cluster_id": "in03-1", "import_endpoint": "https://api.example.org/"},
    )
    assert (found.base_url, found.import_url) == ("https://in03-1.example.org", "https://api.example.org")
    assert found.cluster_id == "in03-1"


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, None),
        ({"extra": {"ui_url": "https://attu.example.org/{job_id}"}}, "https://attu.example.org/{job_id}"),
        ({"host": "https://in03-1.serverless.aws-eu-central-1.cloud.zilliz.com"}, "https://cloud.zilliz.com/"),
        ({"host": "https://in03-1.ali-cn-hangzhou.cloud.zilliz.com.cn"}, "https://cloud.zilliz.com.cn/"),
    ],
)
def test_page_of_a_job_is_the_given_one_or_zilliz_clouds_console(settings, fields, url):
    assert settings(**fields).ui_url == url


def test_names_in_the_page_of_a_job_are_percent_encoded(settings):
    found = settings(
        host="https://in03-1.serverless.aws-eu-central-1.cloud.zilliz.com",
        extra={"ui_url": "https://a.example.org/{cluster_id}/{database}/{collection_name}#{job_id}{region_id}"},
    )
    assert job_url(found, "job-1/2", "ä b") == "https://a.example.org/in03-1/default/%C3%A4%20b#job-1%2F2"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("https://attu.example.org/{job}", "ui_url has {job} in it, which is none of {job_id}, {collection_name}"),
        ("https://attu.example.org/{job_id.__class__}", "ui_url has a brace in it"),
        ("https://attu.example.org/}", "ui_url has a brace in it"),
        ("javascript:alert(1)", "ui_url must be an http or https URL"),
        ("attu.example.org/{job_id}", "ui_url must be an http or https URL"),
        ("https://{job_id}", "ui_url must be an http or https URL"),
        ("https://user:secret@attu.example.org/", "ui_url has keys or a signature in it"),
    ],
)
def test_page_of_a_job_that_no_browser_would_open_is_refused(settings, url, message):
    with pytest.raises(ValueError, match="the milvus connection's ui_url") as error:
        _ = settings(extra={"ui_url": url}).ui_url
    assert message in str(error.value)
    assert "secret" not in str(error.value)


def test_import_endpoint_without_a_scheme_speaks_tls(settings):
    assert settings(extra={"import_endpoint": "api.example.org:443"}).import_url == "https://api.example.org:443"


def test_import_endpoint_with_a_scheme_is_taken_as_it_is(settings):
    assert settings(extra={"import_endpoint": "http://127.0.0.1:19530"}).import_url == "http://127.0.0.1:19530"


def test_import_jobs_go_to_the_server_itself_by_default(settings):
    assert settings().import_url == settings().base_url


API, API_OF_CHINA = "https://api.cloud.zilliz.com", "https://api.cloud.zilliz.com.cn"


@pytest.mark.parametrize(
    ("host", "cluster_id", "import_url"),
    [
        ("https://in01-0a1.aws-us-west-2.vectordb.zillizcloud.com:19530", "in01-0a1", API),
        ("https://in01-0a1-privatelink.aws-us-west-2.vectordb.zillizcloud.com", "in01-0a1", API),
        ("https://in03-0a1.serverless.gcp-us-west1.cloud.zilliz.com", "in03-0a1", API),
        ("https://in03-0a1.serverless.ali-cn-hangzhou.cloud.zilliz.com.cn", "in03-0a1", API_OF_CHINA),
    ],
)
def test_endpoint_of_a_cloud_cluster_names_the_cluster_and_the_control_plane(settings, host, cluster_id, import_url):
    found = settings(host=host)
    assert (found.base_url, found.cluster_id, found.import_url) == (host, cluster_id, import_url)


def test_endpoint_of_a_cloud_project_names_it_and_serves_its_imports(settings):
    host = "https://proj-0a1.aws-us-west-2.api.zillizcloud.com"
    found = settings(host=host)
    assert (found.project_id, found.region_id, found.cluster_id) == ("proj-0a1", "aws-us-west-2", None)
    assert found.import_url == host


@pytest.mark.parametrize(
    "host", ["https://milvus.example.org", "https://in03-1.example.org", "https://in03-1.zillizcloud.com.example.org"]
)
def test_other_hosts_are_not_the_cloud(settings, host):
    assert settings(host=host).on_zilliz_cloud is False


def test_fields_of_the_connection_take_precedence_over_its_host(settings):
    extra = {"cluster_id": "in01-other", "import_endpoint": "https://proxy.example.org"}
    found = settings(host="https://in01-0a1.aws-us-west-2.vectordb.zillizcloud.com", extra=extra)
    assert (found.cluster_id, found.import_url) == ("in01-other", "https://proxy.example.org")


@pytest.mark.parametrize(
    ("extra", "schema", "name"),
    [
        ({}, None, "default"),
        ({"cluster_id": "in03-1"}, None, None),
        ({"cluster_id": "in03-1"}, "books", "books"),
        ({"project_id": "p", "region_id": "r"}, None, None),
    ],
)
def test_cloud_is_not_sent_the_name_of_the_default_database(settings, extra, schema, name):
    assert settings(extra=extra, schema=schema).named_database == name


@pytest.mark.parametrize(
    ("fields", "token"),
    [
        ({}, ""),
        ({"login": "root", "password": "Milvus"}, "root:Milvus"),
        ({"password": "key"}, "key"),
        ({"login": "root", "password": "Milvus", "extra": {"token": "t"}}, "t"),
    ],
)
def test_token_is_the_extras_or_user_and_password_or_a_key(settings, fields, token):
    assert settings(**fields).token == token


@pytest.mark.parametrize(
    ("override", "schema", "database"), [(None, None, "default"), (None, "books", "books"), ("maps", "books", "maps")]
)
def test_database_is_the_given_one_or_the_connections(settings, override, schema, database):
    assert settings(override, schema=schema).database == database


@pytest.mark.parametrize(
    ("verify", "meaning"), [(None, True), ("", True), ("true", True), ("False", False), ("0", False), (False, False)]
)
def test_verify_is_on_unless_it_is_switched_off(settings, verify, meaning):
    assert settings(extra={"verify": verify}).verify is meaning


def test_ca_bundle_is_verified_against(settings, tmp_path):
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    assert settings(extra={"ca_bundle": str(bundle)}).verify == str(bundle)


def test_verification_that_is_off_stays_off_with_a_ca_bundle(settings, tmp_path):
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    assert settings(extra={"ca_bundle": str(bundle), "verify": "false"}).verify is False


def test_client_certificate_is_one_file_or_a_pair(settings, tmp_path):
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.touch()
    key.touch()
    assert settings(extra={"client_cert": str(cert)}).cert == str(cert)
    assert settings(extra={"client_cert": str(cert), "client_key": str(key)}).cert == (str(cert), str(key))


@pytest.mark.parametrize(
    ("proxies", "meaning"),
    [
        (None, {}),
        ("http://proxy:3128", {"http": "http://proxy:3128", "https": "http://proxy:3128"}),
        ('{"https": "http://proxy:3128"}', {"https": "http://proxy:3128"}),
        ({"https://": "http://proxy:3128"}, {"https": "http://proxy:3128"}),
    ],
)
def test_proxies_are_a_url_or_an_object(settings, proxies, meaning):
    assert settings(extra={"proxies": proxies}).proxies == meaning


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"host": ""}, "has no host; give a host name"),
        ({"host": None}, "has no host"),
        ({"host": "ftp://milvus.example.org"}, "'ftp://milvus.example.org' is no http or https URL"),
        ({"host": "https://"}, "is no http or https URL"),
        ({"host": "https://milvus.example.org/books"}, "the database goes into the field schema"),
        ({"host": "milvus.example.org?db=books"}, "the database goes into the field schema"),
        ({"extra": {"proxies": {"https": ""}}}, "a URL for 'https' that does not begin with http://"),
        ({"extra": {"proxies": "socks5://proxy:1080"}}, "does not begin with http:// or https://"),
        ({"host": "milvus.example.org:port"}, "is no URL"),
        ({"host": "http://[::1"}, "is no URL"),
        ({"extra": {"tls": "maybe"}}, "tls must be true or false, got 'maybe'"),
        ({"extra": {"verify": 2}}, "verify must be true or false, got 2"),
        ({"extra": {"timeout": "soon"}}, "timeout must be a number from 0.1 up, got 'soon'"),
        ({"extra": {"timeout": 0}}, "timeout must be a number from 0.1 up, got 0"),
        ({"extra": {"timeout": "nan"}}, "timeout must be a number"),
        ({"extra": {"timeout": "inf"}}, "timeout must be a number"),
        ({"extra": {"timeout": [1]}}, "timeout must be a number"),
        ({"extra": {"retries": -1}}, "retries must be a number from 0 up, got -1"),
        ({"extra": {"ca_bundle": "/no/such.pem"}}, "ca_bundle '/no/such.pem' is no file on this machine"),
        ({"extra": {"client_cert": "/no/such.pem"}}, "client_cert '/no/such.pem' is no file on this machine"),
        ({"extra": {"client_key": "/no/such.pem"}}, "client_key without client_cert"),
        ({"extra": {"proxies": ["a"]}}, "proxies must be a URL, or an object"),
        ({"extra": {"proxies": "7"}}, "proxies must be a URL, or an object"),
        ({"extra": {"import_endpoint": "https://"}}, "is no http or https URL"),
        ({"extra": {"project_id": "p"}}, "go together; got project_id='p', region_id=None"),
        ({"extra": {"region_id": "r"}}, "go together; got project_id=None, region_id='r'"),
        ({"extra": {"cluster_id": "in03-1", "project_id": "p"}}, "cluster_id 'in03-1' leaves no room for project_id"),
    ],
)
def test_bad_field_gives_one_error_that_names_it(settings, fields, message):
    with pytest.raises(ValueError, match="the milvus connection") as caught:
        settings(**fields)
    assert message in str(caught.value)


@pytest.mark.parametrize("fields", [{"password": "s3cret\n"}, {"extra": {"token": "s3cret\r\nX: y"}}])
def test_token_with_a_line_break_is_refused_without_showing_it(settings, fields):
    with pytest.raises(ValueError, match="token or password has a line break") as caught:
        settings(**fields)
    assert "s3cret" not in str(caught.value)


def test_proxy_without_a_scheme_is_refused_without_showing_it(settings):
    with pytest.raises(ValueError, match="does not begin with http:// or https://") as caught:
        settings(extra={"proxies": "user:s3cret@proxy:3128"})
    assert "s3cret" not in str(caught.value)


def test_database_that_is_no_name_is_refused(settings):
    with pytest.raises(ValueError, match="database must be the name of a database, got 5"):
        settings(5)


def test_database_with_a_line_break_is_refused(settings):
    with pytest.raises(ValueError, match=r"database 'a.nb' has a line break"):
        settings("a\nb")


def test_credentials_in_the_host_are_refused_without_showing_them(settings):
    with pytest.raises(ValueError, match="user and password belong in fields of their own") as caught:
        settings(host="https://root:s3cret@milvus.example.org")
    assert "s3cret" not in str(caught.value)


def test_repr_shows_no_secret(settings):
    found = settings(login="root", password="s3cret", extra={"proxies": "http://user:s3cret@proxy:3128"})
    assert "s3cret" not in repr(found)


SEVEN = "http://[2001:db8::7]"


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": "2001:db8::7"}, f"{SEVEN}:19530"),
        ({"host": "2001:db8::7", "port": 19531}, f"{SEVEN}:19531"),
        ({"host": "2001:DB8:0::7", "port": 19530}, f"{SEVEN}:19530"),
        ({"host": "[2001:db8::7]", "port": 19531}, f"{SEVEN}:19531"),
        ({"host": "[2001:db8::7]:19531"}, f"{SEVEN}:19531"),
        ({"host": "[2001:db8::7]:19531", "port": 19531}, f"{SEVEN}:19531"),
        ({"host": "http://[2001:db8::7]"}, SEVEN),
        ({"host": "http://[2001:db8::7]:19531"}, f"{SEVEN}:19531"),
        ({"host": "http://[2001:db8::7]", "port": 19531}, f"{SEVEN}:19531"),
        ({"host": "2001:db8::7:1234", "port": 19530}, "http://[2001:db8::7:1234]:19530"),
        ({"host": "[2001:db8::7:1234]"}, "http://[2001:db8::7:1234]:19530"),
        ({"host": "2001:db8:0:0:0:0:0:1234"}, "http://[2001:db8::1234]:19530"),
        ({"host": "::1"}, "http://[::1]:19530"),
    ],
)
def test_ipv6_host_reaches_that_host(settings, fields, url):
    assert settings(**fields).base_url == url


@pytest.mark.parametrize(
    ("uri", "url"),
    [
        ("milvus://[2001:db8::7]:19531/books", f"{SEVEN}:19531"),
        ("milvus://[2001:db8::7]", f"{SEVEN}:19530"),
        ("milvus://root:Milvus@[2001:db8::7]:19531", f"{SEVEN}:19531"),
        ("milvus://%5B2001%3Adb8%3A%3A7%5D:19531", f"{SEVEN}:19531"),
        ("milvus://2001%3Adb8%3A%3A7:19531", f"{SEVEN}:19531"),
        ("milvus://Milvus.Example.ORG:19531", "http://milvus.example.org:19531"),
        ("milvus://https%3A%2F%2Fmilvus.example.org%3A443", "https://milvus.example.org:443"),
        ("milvus://https://milvus.example.org:443/books", "https://milvus.example.org:443"),
        ("https://milvus.example.org/books", "https://milvus.example.org"),
        ("https://milvus.example.org:19530", "https://milvus.example.org:19530"),
        ("http://milvus.example.org", "http://milvus.example.org"),
        ("http://milvus.example.org:19530?tls=true", "https://milvus.example.org:19530"),
        ("https://[2001:db8::7]:443", "https://[2001:db8::7]:443"),
    ],
)
def test_uri_reaches_the_host_that_it_names(monkeypatch, uri, url):
    monkeypatch.setenv("AIRFLOW_CONN_MILVUS_DEFAULT", uri)
    assert MilvusHook().settings.base_url == url


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"host": "2001:db8::7:19530"}, "without brackets, whose port is not clear"),
        ({"host": "2001:db8::7:x"}, "an IPv6 address that cannot be read"),
        ({"host": "2001:db8::7:9091"}, "without brackets, whose port is not clear"),
        ({"host": "2001:db8::7:443"}, "without brackets"),
        ({"host": "http://2001:db8::7:9091"}, "without brackets"),
        ({"host": "http://2001:db8::7", "port": 9091}, "without brackets"),
        ({"host": "fe80::1%eth0"}, "a zone"),
        ({"host": "[fe80::1%25eth0]:19530"}, "a zone"),
        ({"host": "http://[fe80::1%eth0]:19530"}, "a zone"),
        ({"host": "[2001:db8::7"}, "brackets around an IPv6 address do not match"),
        ({"host": "[2001:db8::7]19530"}, "brackets"),
        ({"host": "[10.0.0.1]"}, "an IPv6 address that cannot be read"),
        ({"host": "[]:19530"}, "an IPv6 address that cannot be read"),
        ({"host": "[2001:db8::7]:"}, "what follows the colon must be a port"),
        ({"host": "[2001:db8::7]:9091", "port": 19530}, "names the port 9091 and the field port 19530"),
        ({"host": "milvus.example.org:9091", "port": 19530}, "names the port 9091 and the field port 19530"),
        ({"host": "milvus.example.org:"}, "what follows the colon must be a port"),
        ({"host": "milvus.example.org:0"}, "its port must be a number from 1 to 65535"),
        ({"host": "milvus.example.org:99999"}, "its port must be a number from 1 to 65535"),
        ({"host": "milvus.example.org:-1"}, "what follows the colon must be a port"),
        ({"port": 99999}, "port must be a number from 1 to 65535"),
        ({"port": -1}, "port must be a number from 1 to 65535"),
        ({"host": "a..b"}, "parts between dots are 1 to 63"),
        ({"host": ".milvus"}, "parts between dots are 1 to 63"),
        ({"host": "mil vus"}, "parts between dots are 1 to 63"),
        ({"host": "mil\tvus"}, "parts between dots are 1 to 63"),
        ({"host": "mil\nvus"}, "parts between dots are 1 to 63"),
        ({"host": "-milvus"}, "with no hyphen at either end"),
        ({"host": f"{'a' * 64}.example.org"}, "parts between dots are 1 to 63"),
        ({"host": ".".join(["a" * 50] * 6)}, "parts between dots are 1 to 63"),
        ({"host": "mil%20vus"}, "parts between dots are 1 to 63"),
        ({"host": "milvus,other"}, "parts between dots are 1 to 63"),
        ({"host": "mil\u2028vus"}, "characters that no domain name may have"),
        ({"host": "10.0.0.256"}, "neither a host name nor an IPv4 address"),
        ({"host": "10.1"}, "neither a host name nor an IPv4 address"),
        ({"host": "010.0.0.1"}, "neither a host name nor an IPv4 address"),
        ({"host": "0x7f000001"}, "neither a host name nor an IPv4 address"),
        ({"host": "milvus.example.org\\books"}, "more than a host name and a port"),
        ({"extra": {"timeout": 1e9}}, "timeout must be a number from 0.1 up, got 1000000000.0; give one of at most"),
        ({"extra": {"timeout": True}}, "timeout must be a number"),
        ({"extra": {"retries": 1e9}}, "retries must be a number from 0 up, got 1000000000.0; give a whole number of"),
        ({"extra": {"retries": 2.5}}, "retries must be a number from 0 up, got 2.5"),
        ({"extra": {"retries": "nan"}}, "retries must be a number"),
        ({"extra": {"cluster_id": {"a": 1}}}, "cluster_id must be a text, got a dict"),
        ({"extra": {"import_endpoint": ["a"]}}, "import_endpoint must be a text, got a list"),
        ({"extra": {"import_endpoint": "https://a..b"}}, "import_endpoint is no host name"),
        ({"extra": {"proxies": {"ftp": "http://proxy:1"}}}, "a key other than http, https and all"),
        ({"login": "root"}, "a login without a password; give both"),
        ({"login": "a:b", "password": "c"}, "login has a colon"),
    ],
)
def test_bad_address_or_number_is_one_error_with_its_remedy(settings, fields, words):
    with pytest.raises(ValueError, match="the milvus connection") as caught:
        settings(**fields)
    assert words in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("milvus_standalone", "milvus_standalone"),
        ("MILVUS.example.org.", "milvus.example.org"),
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("a" * 63, "a" * 63),
        ("1.example", "1.example"),
    ],
)
def test_host_name_is_taken_as_the_network_spells_it(settings, host, name):
    assert settings(host=host).base_url == f"http://{name}:19530"


CLUSTER = "in03-0a1.serverless.gcp-us-west1.cloud.zilliz.com"
DEDICATED = "in01-0a1.aws-us-west-2.vectordb.zillizcloud.com"


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"host": CLUSTER}, f"https://{CLUSTER}"),
        ({"host": CLUSTER.upper()}, f"https://{CLUSTER}"),
        ({"host": f"{CLUSTER}."}, f"https://{CLUSTER}"),
        ({"host": f"{DEDICATED}:19530"}, f"https://{DEDICATED}:19530"),
        ({"host": DEDICATED, "port": 19530}, f"https://{DEDICATED}:19530"),
        ({"host": f"milvus://{CLUSTER}"}, f"https://{CLUSTER}"),
        ({"host": "proj-1.aws-us-west-2.api.zillizcloud.com"}, "https://proj-1.aws-us-west-2.api.zillizcloud.com"),
        ({"host": CLUSTER, "conn_type": "https"}, f"https://{CLUSTER}"),
        ({"host": CLUSTER, "extra": {"tls": True}}, f"https://{CLUSTER}"),
    ],
)
def test_endpoint_of_the_cloud_speaks_tls_by_itself(settings, fields, url):
    assert settings(password="key", **fields).base_url == url


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"host": f"http://{CLUSTER}"}, "in clear text; write https://"),
        ({"host": f"HTTP://{DEDICATED}:19530"}, "in clear text; write https://"),
        ({"host": CLUSTER, "conn_type": "http"}, "in clear text; write https://"),
        ({"host": CLUSTER, "extra": {"tls": False}}, "tls is false"),
        ({"host": f"https://{CLUSTER}", "extra": {"tls": "false"}}, "tls is false"),
        ({"host": "https://milvus.example.org", "extra": {"tls": "false"}}, "tls is false"),
        ({"conn_type": "https", "extra": {"tls": "false"}}, "tls is false"),
        ({"extra": {"import_endpoint": "http://api.example.org"}}, "import_endpoint is a clear-text URL"),
        ({"extra": {"import_endpoint": "http://api.cloud.zilliz.com"}}, "import_endpoint is a clear-text URL"),
    ],
)
def test_key_is_never_sent_to_the_cloud_in_clear_text(settings, fields, words):
    with pytest.raises(ValueError, match="the milvus connection") as caught:
        settings(password="the-key", **fields)
    assert words in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_clear_text_may_go_to_an_import_endpoint_on_this_machine(settings, host):
    found = settings(password="key", extra={"import_endpoint": f"http://{host}:19530"})
    assert found.import_url == f"http://{host}:19530"


@pytest.mark.parametrize(
    ("schema", "extra", "database"),
    [
        (None, {"database": "books"}, "books"),
        (None, {"db_name": "books"}, "books"),
        ("", {"db_name": "books"}, "books"),
        ("books", {"database": "books", "db_name": "books"}, "books"),
        ("my books", {}, "my books"),
    ],
)
def test_database_may_be_in_the_extra(settings, schema, extra, database):
    assert settings(schema=schema, extra=extra).database == database


@pytest.mark.parametrize(
    ("schema", "extra"), [("a", {"database": "b"}), ("a", {"db_name": "b"}), (None, {"database": "a", "db_name": "b"})]
)
def test_databases_that_differ_are_refused(settings, schema, extra):
    with pytest.raises(ValueError, match=r"names several databases, in .* leave only the field schema"):
        settings(schema=schema, extra=extra)


def test_database_of_the_task_settles_which_of_several_is_meant(settings):
    assert settings("maps", schema="a", extra={"database": "b"}).database == "maps"


@pytest.mark.parametrize("name", [" books", "books ", "\tbooks", " "])
def test_database_with_spaces_around_it_is_refused(settings, name):
    with pytest.raises(ValueError, match=r"database .* (begins or ends with a space|unprintable)"):
        settings(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [("ca_bundel", "ca_bundle"), ("verfy", "verify"), ("api_key", "token"), ("secure", "tls"), ("timout", "timeout")],
)
def test_field_that_resembles_one_is_logged(settings, caplog, name, meant):
    settings(extra={name: "s3cret"})
    assert f"unknown field '{name}', which is ignored: {meant} may be meant" in caplog.text
    assert "s3cret" not in caplog.text


def test_field_of_somebody_else_is_not_logged(settings, caplog):
    settings(extra={"team": "search", "owner": "x"})
    assert "unknown field" not in caplog.text


NO_MAPPINGS = {
    "extra that is no JSON": {"extra": "s3cret"},
    "extra that is a list": {"extra": '["s3cret"]'},
    "extra that is a text": {"extra": '"s3cret"'},
}
SECRETS = {
    "path in a URL's password": {"host": "https://root:s3/cret@milvus.example.org"},
    "fragment in a URL's password": {"host": "https://root:s3#cret@milvus.example.org"},
    "query in a URL's password": {"host": "https://root:s3?cret@milvus.example.org"},
    "at in a URL's password": {"host": "https://root:s3@cret@milvus.example.org"},
    "backslash in a URL's password": {"host": "https://root:s3\\cret@milvus.example.org"},
    "password without a scheme": {"host": "root:s3cret@milvus.example.org"},
    "password alone": {"host": "root:s3cret"},
    "bad port": {"host": "https://root:s3cret@milvus.example.org:port"},
    "port out of range": {"host": "https://root:s3cret@milvus.example.org:99999"},
    "bad IPv6": {"host": "https://root:s3cret@[::1:19530"},
    "other scheme": {"host": "ftp://root:s3cret@milvus.example.org"},
    "other scheme without a host": {"host": "ftp://root:s3cret"},
    "query with a token": {"host": "https://milvus.example.org?token=s3cret"},
    "fragment with a token": {"host": "https://milvus.example.org#s3cret"},
    "path with a token": {"host": "https://milvus.example.org/s3cret"},
    "import_endpoint": {"extra": {"import_endpoint": "https://root:s3/cret@api.example.org"}},
    "import_endpoint with a query": {"extra": {"import_endpoint": "https://api.example.org?key=s3cret"}},
    "client_key": {"extra": {"client_cert": __file__, "client_key": "-----BEGIN KEY-----\ns3cret\n-----END"}},
    "client_cert": {"extra": {"client_cert": "-----BEGIN KEY----- s3cret -----END KEY-----"}},
    "client_cert in Base64": {"extra": {"client_cert": "MIIs3cret/+=="}},
    "client_cert of another type": {"extra": {"client_cert": {"pem": "s3cret"}}},
    "ca_bundle": {"extra": {"ca_bundle": "-----BEGIN CERTIFICATE-----\ns3cret"}},
    "ca_bundle with a zero byte": {"extra": {"ca_bundle": "/s3cret\0"}},
    "proxy": {"extra": {"proxies": "http://root:s3cret@proxy:port"}},
    "proxy of another type": {"extra": {"proxies": {"https": {"s3cret": 1}}}},
    "proxy as a key": {"extra": {"proxies": {"http://root:s3cret@proxy": "http://proxy:1"}}},
    "token of another type": {"extra": {"token": {"s3cret": "s3cret"}}},
    "token that is a list": {"extra": {"token": ["s3cret"]}},
    "token with a space": {"extra": {"token": "s3cret "}},
    "password with a space": {"password": " s3cret"},
    "password with a no-break space": {"login": "root", "password": "s3cret\u00a0"},
    "login with a space": {"login": "s3cret ", "password": "x"},
    "login with a colon": {"login": "root:s3cret", "password": "x"},
    "timeout of another type": {"extra": {"timeout": {"token": "s3cret"}}},
    "timeout that is a key": {"extra": {"timeout": "a-long-key-that-contains-s3cret"}},
    "verify that is a key": {"extra": {"verify": "a-long-key-that-contains-s3cret"}},
    "project_id that is a key": {"extra": {"project_id": "a-long-key-that-contains-s3cret"}},
    "cluster_id of another type": {"extra": {"cluster_id": ["s3cret"]}},
    # Airflow 3.0 and 3.1 refuse these themselves, as connections that they cannot find.
    **({} if airflow_version.startswith(("3.0.", "3.1.")) else NO_MAPPINGS),
}


@pytest.mark.parametrize("fields", SECRETS.values(), ids=SECRETS)
def test_error_quotes_nothing_that_may_be_a_secret(settings, fields):
    with pytest.raises(ValueError, match="the milvus connection") as caught:
        settings(**fields)
    seen, error = "", caught.value
    while error is not None:
        seen += repr(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert "s3" not in seen
    assert "cret" not in seen.replace("secret", "")
    assert len(seen) < 400


@pytest.mark.parametrize("fields", SECRETS.values(), ids=SECRETS)
def test_tested_connection_quotes_nothing_that_may_be_a_secret(connection, fields):
    connection(**fields)
    works, message = MilvusHook().test_connection()
    assert not works
    assert "s3" not in message


@pytest.mark.parametrize("fields", SECRETS.values(), ids=SECRETS)
async def test_triggerer_refuses_what_a_worker_refuses(settings, fields):
    with pytest.raises(ValueError, match="the milvus connection") as worker:
        settings(**fields)
    with pytest.raises(ValueError, match="the milvus connection") as triggerer:
        async with MilvusAsyncHook("milvus_default"):
            pass
    assert str(worker.value) == str(triggerer.value)


def test_missing_connection_is_named_by_the_test_of_it():
    works, message = MilvusHook("no_such_connection").test_connection()
    assert not works
    assert "no_such_connection" in message
