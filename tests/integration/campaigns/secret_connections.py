"""Connections that hold secrets in every field that may hold one, well-formed and malformed."""

from __future__ import annotations

import base64
import itertools
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

PEM = "-----BEGIN PRIVATE KEY-----\n{}\n{}\n-----END PRIVATE KEY-----\n"


@dataclass
class Secret:
    """Two random halves, which are searched for each by itself, and what stands between them."""

    between: str = "-"
    halves: tuple[str, str] = field(default_factory=lambda: (secrets.token_hex(5), secrets.token_hex(5)))

    def __str__(self) -> str:
        return self.between.join(self.halves)

    def needles(self) -> Iterator[str]:
        yield from self.halves
        # Whole groups of three bytes of the Base64 of either half, wherever it begins.
        for half, shift in itertools.product(self.halves, range(3)):
            yield base64.b64encode(b"x" * shift + half.encode()).decode()[4:12]


@dataclass
class Short(Secret):
    """A secret of six characters, searched for as a whole. It is no word, which would stay in names."""

    halves: tuple[str, str] = field(default_factory=lambda: (secrets.token_hex(1) + "7", secrets.token_hex(1) + "Z"))
    between: str = ""

    def needles(self) -> Iterator[str]:
        yield str(self)


@dataclass
class Connection:
    """What a case defines: the connection ``milvus_default`` and perhaps ``my_bucket``.

    :param fields: of the connection; a string is a URI.
    :param secrets: what must not be found.
    :param storage_secrets: the same of tasks that know the other connection.
    :param storage: fields of the other connection.
    :param source: where the operator imports from.
    :param proxied: whether the server is the proxy.
    """

    fields: dict[str, Any] | str
    secrets: list[Secret]
    storage: dict[str, Any] | None = None
    source: dict[str, Any] = field(default_factory=lambda: {"files": ["a.parquet"]})
    proxied: bool = False
    storage_secrets: list[Secret] = field(default_factory=list)


def _simple(make: Callable[[str, str], dict[str, Any] | str], *between: str) -> dict[str, Callable[[str], Connection]]:
    def build(url: str, separator: str) -> Connection:
        secret = Secret(separator)
        return Connection(make(url, str(secret)), [secret])

    return {f" with {one!r}" if one != "-" else "": lambda url, one=one: build(url, one) for one in between or ("-",)}


def _named(name: str, found: dict[str, Callable[[str], Connection]]) -> dict[str, Callable[[str], Connection]]:
    return {f"{name}{suffix}": make for suffix, make in found.items()}


ODD = ("-", '"', "\\", "/", "&", " ", "'", "<b>", "ü", "€", "%41", "\n", "\r\nX: ", "\t", "\x00", "\x7f")
ODD += ("\u2028", "\ud800")
FIELDS: dict[str, Callable[[str], Connection]] = {
    **_named("password", _simple(lambda url, s: {"host": url, "password": s}, *ODD)),
    **_named("user and password", _simple(lambda url, s: {"host": url, "login": "root", "password": s}, "-", ":", "@")),
    **_named("token", _simple(lambda url, s: {"host": url, "extra": {"token": s}}, *ODD)),
    **_named("token of a user", _simple(lambda url, s: {"host": url, "extra": {"token": f"root:{s}"}}, "-", '"', ":")),
    **{
        f"token {name}": _simple(lambda url, s, form=form: {"host": url, "extra": {"token": form.format(s)}})[""]
        for name, form in {"space": "{} ", "newline": "{}\n", "leading space": " {}", "Bearer": "Bearer {}"}.items()
    },
    **{
        f"password {name}": _simple(lambda url, s, form=form: {"host": url, "password": form.format(s)})[""]
        for name, form in {"space": "{} ", "newline": "{}\n", "carriage return": "{}\r\n"}.items()
    },
    "short token": lambda url: (lambda s: Connection({"host": url, "extra": {"token": str(s)}}, [s]))(Short()),
    "short password": lambda url: (lambda s: Connection({"host": url, "login": "u", "password": str(s)}, [s]))(Short()),
    **_named("URI", _simple(lambda url, s: f"milvus://root:{s}@{url.partition('://')[2]}/default")),
    **_named("URI with token", _simple(lambda url, s: f"milvus://{url.partition('://')[2]}/?token={s}")),
    "storage keys": lambda url: _storage(url),
    "storage keys, escaped": lambda url: _storage(url, '/"'),
    "proxy": lambda url: _proxy(url, "http://user:{}@"),
    "proxy, quoted": lambda url: _proxy(url, "http://us%40er:{}%2F%40@"),
    "proxy for https": lambda url: _proxy(url, "http://user:{}@", scheme="https"),
}


def _storage(url: str, between: str = "-") -> Connection:
    key, *storage = (Secret(between) for _ in range(4))
    cluster = {"cluster_id": "in03-local", "import_endpoint": url}
    return Connection(
        {"host": url, "password": str(key), "extra": cluster},
        [key],
        {
            "conn_type": "aws",
            "login": str(storage[0]),
            "password": str(storage[1]),
            "extra": {"token": str(storage[2])},
        },
        {"object_urls": ["s3://bucket/a.parquet"], "storage_conn_id": "my_bucket"},
        storage_secrets=storage,
    )


def _proxy(url: str, form: str, scheme: str = "http") -> Connection:
    secret = Secret()
    proxy = form.format(secret) + url.partition("://")[2]
    fields = {"host": f"{scheme}://milvus.test:19530", "extra": {"proxies": proxy, "timeout": 2}}
    return Connection(fields, [secret], proxied=True)


def _malformed() -> dict[str, Callable[[str], Connection]]:
    hosts = {
        "slash": "https://root:{}/x@host",
        "hash": "https://root:{}#x@host",
        "question mark": "https://root:{}?x@host",
        "in the password": "https://root:a/{}@host",
        "port": "https://root:{}@host:99999",
        "port text": "https://host:{}",
        "IPv6": "https://root:{}@[::1",
        "IPv6 text": "https://root:{}@[x]",
        "no scheme": "root:{}@host",
        "two slashes": "//root:{}@host",
        "other scheme": "postgres://root:{}@host/x",
        "bad scheme": "ht tp://root:{}@host",
        "query": "https://host/?token={}",
        "fragment": "https://host/#{}",
        "path": "https://host/{}",
        "database": "https://host/db;password={}",
        "user": "https://{}@host",
        "dots": "https://root:{}@a..b",
        "long label": "https://root:{}@" + "a" * 70 + ".b",
        "surrogate": "https://root:{}@\ud800",
        "bracket": "https://root:[{}]@host]",
        "space": "https://root:{} @host",
        "full width": "https://root:{}@ho\uff03st",
        "newline": "https://root:{}@host\nx",
    }
    proxies: dict[str, Any] = {
        "no scheme": "user:{}@proxy:3128",
        "bad port": "http://user:{}@proxy:99999",
        "port text": "http://user:{}@proxy:port",
        "IPv6": "http://user:{}@[::1",
        "slash": "http://user:a/{}@proxy:1",
        "hash": "http://user:{}#@proxy:1",
        "socks": "socks5://user:{}@127.0.0.1:1",
        "bad JSON": '{{"https": "http://user:{}@proxy:1"',
        "list": ["http://user:{}@proxy:1"],
        "number": {"https": 5, "http": "http://user:{}@proxy:1"},
        "as key": {"http://user:{}@proxy:1": "x"},
        "of all": {"all://": "http://user:{}@127.0.0.1:1"},
        "closed port": "http://user:{}@127.0.0.1:1",
        "unknown host": "http://user:{}@proxy.invalid:1",
        "newline": "http://user:{}@127.0.0.1:1\n",
        "space": "http://user:{} @127.0.0.1:1",
    }
    extras: dict[str, tuple[str, Any]] = {
        "client_key PEM": ("client_key", PEM),
        "client_cert PEM": ("client_cert", PEM),
        "ca_bundle PEM": ("ca_bundle", PEM),
        "ca_bundle URL": ("ca_bundle", "https://user:{}@host/ca.pem"),
        "import_endpoint": ("import_endpoint", "https://user:a/{}@host"),
        "import_endpoint query": ("import_endpoint", "https://host/?key={}"),
        "token object": ("token", {"key": "{}"}),
        "token list": ("token", ["{}"]),
    }
    found: dict[str, Callable[[str], Connection]] = {}
    for name, host in hosts.items():
        found[f"host {name}"] = _simple(lambda url, s, host=host: {"host": host.format(s), "password": "other"})[""]
    for name, value in proxies.items():
        found[f"proxies {name}"] = _simple(
            lambda url, s, value=value: {"host": url, "extra": {"proxies": _fill(value, s)}}
        )[""]
    for name, (key, value) in extras.items():
        found[f"extra {name}"] = _simple(
            lambda url, s, key=key, value=value: {
                "host": url,
                "extra": {key: _fill(value, s), **({"client_cert": __file__} if key == "client_key" else {})},
            }
        )[""]
    for name, uri in {
        "URI slash": "milvus://root:a/{}@host:19530",
        "URI port": "milvus://root:{}@host:port",
        "URI IPv6": "milvus://root:{}@[::1",
        "URI proxies": "milvus://host?proxies=user%3A{}%40proxy",
        "URI extra": "milvus://host?__extra__=%7B%22token%22%3A+%22{}",
    }.items():
        found[name] = _simple(lambda url, s, uri=uri: uri.format(s))[""]
    found["extra bad JSON"] = _simple(lambda url, s: {"host": url, "extra": '{"token": "' + s})[""]
    found |= {f"storage {name}": (lambda url, more=more: _bad_storage(url, more)) for name, more in _STORAGE.items()}
    found |= {f"object_urls {name}": (lambda url, form=form: _bad_url(url, form)) for name, form in _URLS.items()}
    return found


_STORAGE: dict[str, Any] = {
    "no password": {"login": "{}"},
    "no login": {"password": "{}"},
    "token object": {"login": "{}", "password": "{}", "extra": {"token": {"a": "{}"}}},
    "newline": {"login": "{}\n", "password": "{}\n"},
}
_URLS = {
    "keys": "s3://AKIAX:{}@bucket/a.parquet",
    "keys with slash": "s3://AKIAX:a/{}@bucket/a.parquet",
    "S3 signature": "https://b.s3.amazonaws.com/a.parquet?X-Amz-Signature={}&X-Amz-Credential=x",
    "S3 V2 signature": "https://b.s3.amazonaws.com/a.parquet?AWSAccessKeyId=x&Signature={}",
    "Azure SAS": "https://a.blob.core.windows.net/c/a.parquet?sv=2024&sig={}",
    "Google signature": "https://storage.googleapis.com/b/a.parquet?X-Goog-Signature={}",
    "fragment": "https://b.s3.amazonaws.com/a.parquet#{}",
    "user": "https://{}@b.s3.amazonaws.com/a.parquet",
}


def _bad_storage(url: str, more: Any) -> Connection:
    connection, secret = _storage(url), Secret()
    connection.storage = {"conn_type": "aws", **_fill(more, str(secret))}
    connection.secrets.append(secret)
    return connection


def _bad_url(url: str, form: str) -> Connection:
    connection, secret = _storage(url), Secret()
    connection.source = {"object_urls": [form.format(secret)]}
    connection.secrets.append(secret)
    return connection


def _fill(value: Any, secret: str) -> Any:
    if isinstance(value, dict):
        return {_fill(key, secret): _fill(one, secret) for key, one in value.items()}
    if isinstance(value, list):
        return [_fill(one, secret) for one in value]
    return value.format(secret, secret) if isinstance(value, str) else value


MALFORMED = _malformed()
