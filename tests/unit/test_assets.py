"""Collections as assets: one URI for each, and what an import updates."""

from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from airflow.providers.common.compat.sdk import Asset

from airflow_provider_milvus import assets
from airflow_provider_milvus.hooks.milvus import MilvusHook


def test_asset_of_a_collection_has_its_uri():
    asset = assets.create_asset(host="Milvus.example.org", collection="docs")
    assert asset.uri == "milvus://milvus.example.org:19530/default/docs"


def test_asset_keeps_its_extra():
    assert assets.create_asset(host="h", collection="c", extra={"owner": "search"}).extra == {"owner": "search"}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"host": ""}, "host must be a name .* got ''"),
        ({"host": "http://h"}, "host must be a name .* got 'http://h'"),
        ({"database": "a/b"}, "database must be a name .* got 'a/b'"),
        ({"collection": " "}, "collection must be a name .* got ' '"),
        ({"collection": None}, "collection must be a name .* got None"),
    ],
)
def test_bad_part_of_an_asset_is_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        assets.create_asset(**{"host": "h", "collection": "c", **parameters})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("milvus://h/default/c", "milvus://h:19530/default/c"),
        ("milvus://H:19530/default/c/", "milvus://h:19530/default/c"),
        ("milvus://[::1]:19530/d/c", "milvus://[::1]:19530/d/c"),
    ],
)
def test_uri_has_one_form(written, meant):
    assert assets.sanitize_uri(urlsplit(written)).geturl() == meant


@pytest.mark.parametrize("uri", ["milvus://h", "milvus://h/c", "milvus://h/d/c/more", "milvus:///d/c", "milvus://h//c"])
def test_uri_of_no_collection_is_refused(uri):
    with pytest.raises(ValueError, match="milvus://host:port/database/collection"):
        assets.sanitize_uri(urlsplit(uri))


def test_airflow_brings_an_asset_into_that_form():
    assert Asset("milvus://h:19530/default/c/").uri == "milvus://h:19530/default/c"


@pytest.mark.parametrize(
    ("base_url", "server"),
    [
        ("http://milvus:19530", "milvus:19530"),
        ("https://in03.zillizcloud.com", "in03.zillizcloud.com:443"),
        ("http://proxy", "proxy:80"),
        ("http://[::1]:19530", "[::1]:19530"),
    ],
)
def test_asset_is_on_the_server_of_the_connection(base_url, server):
    settings = SimpleNamespace(base_url=base_url, database="d")
    assert assets.asset_of(settings, "c").uri == f"milvus://{server}/d/c"


@pytest.mark.parametrize("host", ["2001:db8::7", "[2001:db8::7]", "2001:DB8:0::7"])
def test_ipv6_host_of_an_asset_has_brackets(host):
    assert assets.create_asset(host=host, collection="c").uri == "milvus://[2001:db8::7]:19530/default/c"


@pytest.mark.parametrize("host", ["2001:db8::7", "[2001:db8::7]", "http://[2001:DB8:0::7]"])
def test_ipv6_host_of_a_connection_is_that_of_its_assets(connection, host):
    connection(host=host, port=19531)
    found = assets.asset_of(MilvusHook().settings, "c").uri
    assert found == assets.create_asset(host="2001:db8::7", port=19531, collection="c").uri


@pytest.mark.parametrize("uri", ["milvus://[2001:DB8:0::7]:19530/default/c", "milvus://[2001:db8::7]/default/c"])
def test_ipv6_uri_has_one_form(uri):
    assert assets.sanitize_uri(urlsplit(uri)).geturl() == "milvus://[2001:db8::7]:19530/default/c"


@pytest.mark.parametrize(
    "uri", ["milvus://2001:db8::7:19530/default/c", "milvus://h:99999/default/c", "milvus://a..b/default/c"]
)
def test_uri_whose_host_cannot_be_read_is_refused(uri):
    with pytest.raises(ValueError, match="asset"):
        assets.sanitize_uri(urlsplit(uri))


@pytest.mark.parametrize("fields", [{"host": "fe80::1%eth0"}, {"host": "a..b"}, {"host": "h", "port": 0}])
def test_bad_host_of_an_asset_is_refused(fields):
    with pytest.raises(ValueError, match=r"the asset's (host|port)"):
        assets.create_asset(collection="c", **fields)
