"""Reading a ``milvus`` connection."""

import pytest

from airflow_provider_milvus.hooks.milvus import MilvusHook


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
def test_endpoint_of_a_cloud_cluster_tells_the_cluster_and_the_control_plane(settings, host, cluster_id, import_url):
    found = settings(host=host)
    assert (found.base_url, found.cluster_id, found.import_url) == (host, cluster_id, import_url)


def test_endpoint_of_a_cloud_project_tells_the_project_and_serves_its_imports(settings):
    host = "https://proj-0a1.aws-us-west-2.api.zillizcloud.com"
    found = settings(host=host)
    assert (found.project_id, found.region_id, found.cluster_id) == ("proj-0a1", "aws-us-west-2", None)
    assert found.import_url == host


@pytest.mark.parametrize(
    "host", ["https://milvus.example.org", "https://in03-1.example.org", "https://in03-1.zillizcloud.com.example.org"]
)
def test_other_hosts_are_not_the_cloud(settings, host):
    assert settings(host=host).on_zilliz_cloud is False


def test_what_the_connection_says_comes_before_what_the_host_tells(settings):
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
def test_cloud_is_not_told_the_name_of_the_default_database(settings, extra, schema, name):
    assert settings(extra=extra, schema=schema).named_database == name


@pytest.mark.parametrize(
    ("fields", "token"),
    [
        ({}, ""),
        ({"login": "root", "password": "Milvus"}, "root:Milvus"),
        ({"password": "key"}, "key"),
        ({"login": "root"}, ""),
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
