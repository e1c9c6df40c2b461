"""A ``milvus`` connection as the values that a client needs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

DEFAULT_PORT = 19530
DEFAULT_DATABASE = "default"
DEFAULT_TIMEOUT = 30.0
DEFAULT_RETRIES = 5

# The endpoints that Zilliz Cloud's console shows: of a cluster, and of a project's databases in one region.
_ZILLIZ_CLUSTER = re.compile(
    r"(?P<cluster_id>in\d\d-[a-z0-9]+)(-privatelink)?\..+\.(zillizcloud\.com|zilliz\.com(\.cn)?)"
)
_ZILLIZ_PROJECT = re.compile(r"(?P<project_id>[^.]+)\.(?P<region_id>[^.]+)\.api\.zillizcloud\.com")


@dataclass(frozen=True)
class ClientSettings:
    """Where the server is and how to talk to it.

    :param base_url: scheme, host and port of the server.
    :param import_url: the same for import jobs; another server only on Zilliz Cloud.
    :param database: the database that every request names.
    :param token: an API key or ``user:password``; empty for a server without authentication.
    :param verify: ``False`` to accept any certificate, or the path of a CA bundle.
    :param cert: path of a client certificate, or the pair of its path and its key's.
    :param timeout: seconds that one request may take to connect, and then to be answered.
    :param retries: how often a request that is safe to repeat is repeated.
    :param proxies: proxy URL by scheme (``http``, ``https``); empty to take the environment's.
    :param cluster_id: Zilliz Cloud: the cluster that import jobs are for.
    :param project_id: Zilliz Cloud: instead of a cluster, the project whose databases import jobs are for.
    :param region_id: Zilliz Cloud: the region of the project's databases.
    """

    base_url: str
    import_url: str
    database: str = DEFAULT_DATABASE
    token: str = field(default="", repr=False)
    verify: bool | str = True
    cert: str | tuple[str, str] | None = None
    timeout: float = DEFAULT_TIMEOUT
    retries: int = DEFAULT_RETRIES
    proxies: Mapping[str, str] = field(default_factory=dict, repr=False)
    cluster_id: str | None = None
    project_id: str | None = None
    region_id: str | None = None

    @property
    def on_zilliz_cloud(self) -> bool:
        """Whether import jobs go to Zilliz Cloud."""
        return self.cluster_id is not None or self.project_id is not None

    @property
    def named_database(self) -> str | None:
        """The database as requests name it.

        On Zilliz Cloud the default one is left out: only dedicated clusters and projects have others.
        """
        return None if self.on_zilliz_cloud and self.database == DEFAULT_DATABASE else self.database

    @classmethod
    def from_connection(
        cls, connection: Connection, database: str | None = None, extra: Mapping[str, Any] | None = None
    ) -> ClientSettings:
        """Read a connection.

        ``host`` is a host name or a whole URL; ``schema`` is the database; ``login`` and ``password`` together are a
        user, ``password`` alone is an API key. Extra: ``token`` (before login and password), ``tls``, ``verify``,
        ``ca_bundle``, ``client_cert``, ``client_key``, ``timeout``, ``retries``, ``proxies``, ``cluster_id``,
        ``project_id``, ``region_id``, ``import_endpoint``. In a URI every extra is a text, so texts are read as
        booleans and numbers. An endpoint of Zilliz Cloud as host says by itself what the last four would.

        :param database: instead of the connection's.
        :param extra: the connection's extra, where it was read already.
        :raises ValueError: naming the connection's field, the value and the remedy.
        """
        extra = connection.extra_dejson if extra is None else extra
        base_url = _base_url(connection.host, connection.port, _boolean(extra, "tls", None))
        cloud = _zilliz_cloud(base_url, extra)
        import_url = cloud.pop("import_endpoint") or ""
        return cls(
            base_url=base_url,
            import_url=_base_url(import_url, None, None if "://" in import_url else True) if import_url else base_url,
            database=_database(database or connection.schema or DEFAULT_DATABASE),
            token=_token(connection, extra),
            verify=_verify(extra),
            cert=_cert(extra),
            timeout=_number(extra, "timeout", DEFAULT_TIMEOUT, least=0.1),
            retries=int(_number(extra, "retries", DEFAULT_RETRIES, least=0)),
            proxies=_proxies(extra),
            **cloud,
        )


def _base_url(host: str | None, port: int | None, tls: bool | None) -> str:
    host = (host or "").strip()
    if not host:
        raise ValueError("the milvus connection has no host; give a host name such as milvus.example.org, or a URL")
    with_scheme = "://" in host
    try:
        parts = urlsplit(host if with_scheme else f"//{host}")
        port = port or parts.port
    except ValueError as error:
        raise ValueError(f"the milvus connection's host {host!r} is no URL: {error}") from None
    scheme = parts.scheme if with_scheme and parts.scheme != "milvus" else ("https" if tls else "http")
    if parts.username or parts.password:
        raise ValueError(
            "the milvus connection's host holds credentials; user and password belong in fields of their own"
        )
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError(
            f"the milvus connection's host {host!r} has more than a host name and a port, which would be left out; "
            f"the database goes into the field schema"
        )
    if scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"the milvus connection's host {host!r} is no http or https URL and no host name")
    if tls and scheme == "http":
        scheme = "https"
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if port is None and not with_scheme:
        port = DEFAULT_PORT
    return f"{scheme}://{name}:{port}" if port else f"{scheme}://{name}"


def _zilliz_cloud(base_url: str, extra: Mapping[str, Any]) -> dict[str, str | None]:
    """What makes a connection one to Zilliz Cloud, as given or as the host tells."""
    names = ("cluster_id", "project_id", "region_id", "import_endpoint")
    given = {name: str(extra.get(name) or "").strip() or None for name in names}
    host = urlsplit(base_url).hostname or ""
    if not any((given["cluster_id"], given["project_id"], given["region_id"])):
        found = _ZILLIZ_CLUSTER.fullmatch(host) or _ZILLIZ_PROJECT.fullmatch(host)
        given |= found.groupdict() if found else {}
    if given["cluster_id"] and (given["project_id"] or given["region_id"]):
        raise ValueError(
            f"the milvus connection's cluster_id {given['cluster_id']!r} leaves no room for project_id and region_id; "
            f"give a cluster, or a project and its region"
        )
    if bool(given["project_id"]) != bool(given["region_id"]):
        raise ValueError(
            f"the milvus connection's project_id and region_id go together; "
            f"got project_id={given['project_id']!r}, region_id={given['region_id']!r}"
        )
    if _ZILLIZ_CLUSTER.fullmatch(host) and not given["import_endpoint"]:
        given["import_endpoint"] = "https://api.cloud.zilliz.com" + (".cn" if host.endswith(".cn") else "")
    return given


# Both travel in headers: an HTTP library would refuse a line break with an error that quotes the whole header.
def _token(connection: Connection, extra: Mapping[str, Any]) -> str:
    if extra.get("token"):
        token = str(extra["token"])
    elif connection.login and connection.password:
        token = f"{connection.login}:{connection.password}"
    else:
        token = connection.password or ""
    if not token.isprintable():
        raise ValueError("the milvus connection's token or password has a line break or another unprintable character")
    return token


def _database(name: str) -> str:
    if not isinstance(name, str):
        raise ValueError(f"database must be the name of a database, got {name!r}")
    if not name.isprintable():
        raise ValueError(f"the milvus connection's database {name!r} has a line break or another unprintable character")
    return name


def _verify(extra: Mapping[str, Any]) -> bool | str:
    if _boolean(extra, "verify", True) is False:
        return False
    return _file("ca_bundle", extra["ca_bundle"]) if extra.get("ca_bundle") else True


def _cert(extra: Mapping[str, Any]) -> str | tuple[str, str] | None:
    cert, key = extra.get("client_cert"), extra.get("client_key")
    if key and not cert:
        raise ValueError("the milvus connection has client_key without client_cert; give both paths")
    if not cert:
        return None
    return (_file("client_cert", cert), _file("client_key", key)) if key else _file("client_cert", cert)


def _file(name: str, path: Any) -> str:
    if not Path(str(path)).is_file():
        raise ValueError(f"the milvus connection's {name} {str(path)!r} is no file on this machine; give its full path")
    return str(path)


def _proxies(extra: Mapping[str, Any]) -> dict[str, str]:
    proxies = extra.get("proxies")
    if not proxies:
        return {}
    if isinstance(proxies, str):
        try:
            proxies = json.loads(proxies)
        except ValueError:
            proxies = {"http": proxies, "https": proxies}
    if not isinstance(proxies, dict) or not all(isinstance(url, str) for url in proxies.values()):
        raise ValueError(
            'the milvus connection\'s proxies must be a URL, or an object such as {"https": "http://proxy:3128"}'
        )
    for scheme, url in proxies.items():
        # The URL may hold credentials, so no error quotes it.
        if not re.match(r"https?://[^/]", url):
            raise ValueError(
                f"the milvus connection's proxies have a URL for {scheme!r} that does not begin with http:// or "
                f"https:// and a host, such as http://proxy:3128"
            )
    return {scheme.removesuffix("://"): url for scheme, url in proxies.items()}


def _boolean(extra: Mapping[str, Any], name: str, default: bool | None) -> bool | None:
    value = extra.get(name)
    if value is None or value == "":
        return default
    if isinstance(value, bool):
        return value
    if str(value).strip().lower() in ("true", "1", "yes", "on"):
        return True
    if str(value).strip().lower() in ("false", "0", "no", "off"):
        return False
    raise ValueError(f"the milvus connection's {name} must be true or false, got {value!r}")


def _number(extra: Mapping[str, Any], name: str, default: float, *, least: float) -> float:
    value = extra.get(name)
    if value is None or value == "":
        return default
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not least <= number < float("inf"):
        raise ValueError(f"the milvus connection's {name} must be a number from {least:g} up, got {value!r}")
    return number
