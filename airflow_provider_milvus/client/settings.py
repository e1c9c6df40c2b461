"""A ``milvus`` connection as the values that a client needs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_milvus.client import address, console
from airflow_provider_milvus.client import extra as fields
from airflow_provider_milvus.client.proxies import parse_proxy
from airflow_provider_milvus.client.shown import shown

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection

DEFAULT_PORT = 19530
DEFAULT_DATABASE = "default"
DEFAULT_TIMEOUT = 30.0
DEFAULT_RETRIES = 5
MAX_TIMEOUT = 3600.0
MAX_RETRIES = 100


# The endpoints that Zilliz Cloud's console shows: of a cluster, and of a project's databases in one region.
_ZILLIZ_CLUSTER = re.compile(
    r"(?P<cluster_id>in\d\d-[a-z0-9]+)(-privatelink)?\..+\.(zillizcloud\.com|zilliz\.com(\.cn)?)"
)
_ZILLIZ_DOMAINS = ("zillizcloud.com", "zilliz.com", "zilliz.com.cn", "zillizcloud.com.cn")
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
    :param timeout: seconds that one request may take.
    :param retries: how often a request that is safe to repeat is repeated.
    :param proxies: proxy URL by scheme (``http``, ``https``, ``all``), whatever ``NO_PROXY`` is; for a scheme that
        is not there the environment's proxy and ``NO_PROXY`` hold (:mod:`airflow_provider_milvus.client.proxies`).
    :param cluster_id: Zilliz Cloud: the cluster that import jobs are for.
    :param project_id: Zilliz Cloud: instead of a cluster, the project whose databases import jobs are for.
    :param region_id: Zilliz Cloud: the region of the project's databases.
    :param ui_url: template of the URL of an import job's page (:mod:`airflow_provider_milvus.client.console`).
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
    ui_url: str | None = None

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

        ``host`` is a host name, an IP address or a whole URL; ``schema`` is the database; ``login`` and ``password``
        together are a user, ``password`` alone is an API key. Extra: ``token`` (before login and password),
        ``database`` or ``db_name`` (where ``schema`` is empty), ``tls``, ``verify``, ``ca_bundle``, ``client_cert``,
        ``client_key``, ``timeout``, ``retries``, ``proxies``, ``cluster_id``, ``project_id``, ``region_id``,
        ``import_endpoint``, ``ui_url``. In a URI every extra is a text, so texts are read as booleans and numbers. An
        endpoint of Zilliz Cloud as host stands for the last five and for ``tls``. So do the connection types ``http``
        and ``https`` for ``tls``: a plain URL in ``AIRFLOW_CONN_…`` makes such connections.

        :param database: instead of the connection's.
        :param extra: the connection's extra, where it was read already.
        :raises ValueError: naming the connection's field and the remedy, and the value where it cannot be a secret.
        """
        extra = fields.read(connection, extra)
        fields.warn_of_unknown(extra)
        token = _token(connection, extra)
        base_url = _base_url(connection, fields.boolean(extra, "tls", None))
        cloud = _zilliz_cloud(base_url, extra)
        endpoint = cloud.pop("import_endpoint")
        import_url = _import_url(endpoint, token) if endpoint else base_url
        return cls(
            base_url=base_url,
            import_url=import_url,
            database=_database(connection, extra, database),
            token=token,
            verify=_verify(extra),
            cert=_cert(extra),
            timeout=fields.number(extra, "timeout", DEFAULT_TIMEOUT, 0.1, MAX_TIMEOUT),
            retries=int(fields.number(extra, "retries", DEFAULT_RETRIES, 0, MAX_RETRIES, whole=True)),
            proxies=_proxies(extra),
            ui_url=console.template(extra, import_url, bool(cloud["cluster_id"] or cloud["project_id"])),
            **cloud,
        )


def _base_url(connection: Connection, tls: bool | None) -> str:
    host = str(connection.host or "").strip()
    if not host:
        raise ValueError("the milvus connection has no host; give a host name such as milvus.example.org, or a URL")
    what = "the milvus connection's host"
    port = connection.port and address.check_port(connection.port, "the milvus connection's port")
    given, name, port = _host(host, what, port)
    scheme = given if given != "milvus" else None
    if scheme is None and connection.conn_type in ("http", "https"):
        scheme = given = connection.conn_type
    cloud = _is_zilliz(name)
    if tls is False and (scheme == "https" or cloud):
        raise ValueError(
            "the milvus connection's tls is false, and its host is "
            + ("Zilliz Cloud, which speaks TLS only" if cloud else "an https URL")
            + "; remove tls from the extra"
        )
    if scheme == "http" and cloud:
        raise ValueError("the milvus connection would send its key to Zilliz Cloud in clear text; write https://")
    scheme = "https" if tls or cloud else scheme or "http"
    if port is None and given is None and not cloud:
        port = DEFAULT_PORT
    return address.Address(scheme, name, port).url


def _host(text: str, what: str, port: int | None = None) -> tuple[str | None, str, int | None]:
    """Scheme, host and port of a text that must have nothing else."""
    parts = address.split(text)
    if parts.user_info is not None or "@" in parts.rest:
        raise ValueError(f"{what} holds credentials; user and password belong in fields of their own")
    if parts.scheme not in (None, "http", "https", "milvus"):
        # A host name behind an unknown scheme is no secret; anything else may be one.
        quoted = f" {text!r}" if re.fullmatch(r"[a-z]{1,8}://[\w.-]{1,60}/?", text) else ""
        raise ValueError(f"{what}{quoted} is no http or https URL and no host name")
    if parts.rest.strip("/"):
        raise ValueError(
            f"{what} has more than a host name and a port, which would be left out; the database goes into the field "
            f"schema"
        )
    name, port = address.host_and_port(parts.host_and_port, what, in_url=parts.scheme is not None, port=port)
    return parts.scheme, name, port


def _is_zilliz(host: str) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in _ZILLIZ_DOMAINS)


def _import_url(endpoint: str, token: str) -> str:
    what = "the milvus connection's import_endpoint"
    scheme, host, port = _host(endpoint, what)
    if scheme == "http" and (_is_zilliz(host) or (token and not _is_loopback(host))):
        raise ValueError(f"{what} is a clear-text URL, and would be sent the token; write https://")
    return address.Address(scheme if scheme in ("http", "https") else "https", host, port).url


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _zilliz_cloud(base_url: str, extra: Mapping[str, Any]) -> dict[str, str | None]:
    """What makes a connection one to Zilliz Cloud, as given or by its host."""
    given = {name: fields.text(extra, name) for name in ("cluster_id", "project_id", "region_id", "import_endpoint")}
    host = urlsplit(base_url).hostname or ""
    if not any((given["cluster_id"], given["project_id"], given["region_id"])):
        found = _ZILLIZ_CLUSTER.fullmatch(host) or _ZILLIZ_PROJECT.fullmatch(host)
        given |= found.groupdict() if found else {}
    if given["cluster_id"] and (given["project_id"] or given["region_id"]):
        raise ValueError(
            f"the milvus connection's cluster_id {shown(given['cluster_id'])} leaves no room for project_id and "
            f"region_id; give a cluster, or a project and its region"
        )
    if bool(given["project_id"]) != bool(given["region_id"]):
        raise ValueError(
            f"the milvus connection's project_id and region_id go together; "
            f"got project_id={shown(given['project_id'])}, region_id={shown(given['region_id'])}"
        )
    if _ZILLIZ_CLUSTER.fullmatch(host) and not given["import_endpoint"]:
        given["import_endpoint"] = "https://api.cloud.zilliz.com" + (".cn" if host.endswith(".cn") else "")
    return given


def _token(connection: Connection, extra: Mapping[str, Any]) -> str:
    login, password, token = connection.login, connection.password, extra.get("token")
    for name, value in (("login", login), ("token or password", password), ("token or password", token)):
        fields.check_secret(value, name)
    if token:
        return str(token)
    if login and not password:
        raise ValueError(
            "the milvus connection has a login without a password; give both, or the API key alone as password"
        )
    if login and ":" in login:
        raise ValueError("the milvus connection's login has a colon, at which Milvus would end the name of the user")
    return f"{login}:{password}" if login else password or ""


def _database(connection: Connection, extra: Mapping[str, Any], override: str | None) -> str:
    given = {"schema": connection.schema, "database": extra.get("database"), "db_name": extra.get("db_name")}
    given = {name: value for name, value in given.items() if value not in (None, "")}
    if not override and len(set(map(str, given.values()))) > 1:
        raise ValueError(
            f"the milvus connection names several databases, in {' and '.join(given)}; leave only the field schema"
        )
    name: Any = override or next(iter(given.values()), DEFAULT_DATABASE)
    if not isinstance(name, str):
        raise ValueError(f"database must be the name of a database, got {shown(name)}")
    if not name.isprintable():
        raise ValueError(
            f"the milvus connection's database {shown(name)} has a line break or another unprintable character"
        )
    if name != name.strip():
        raise ValueError(f"the milvus connection's database {shown(name)} begins or ends with a space; remove it")
    return name


def _verify(extra: Mapping[str, Any]) -> bool | str:
    if fields.boolean(extra, "verify", True) is False:
        return False
    return fields.file("ca_bundle", extra["ca_bundle"]) if extra.get("ca_bundle") else True


def _cert(extra: Mapping[str, Any]) -> str | tuple[str, str] | None:
    cert, key = extra.get("client_cert"), extra.get("client_key")
    if key and not cert:
        raise ValueError("the milvus connection has client_key without client_cert; give both paths")
    if not cert:
        return None
    cert = fields.file("client_cert", cert)
    return (cert, fields.file("client_key", key)) if key else cert


def _proxies(extra: Mapping[str, Any]) -> dict[str, str]:
    proxies = extra.get("proxies")
    if not proxies:
        return {}
    if isinstance(proxies, str):
        try:
            proxies = json.loads(proxies)
        except (ValueError, RecursionError):
            proxies = {"http": proxies, "https": proxies}
    if not isinstance(proxies, dict) or not all(isinstance(url, str) for url in proxies.values()):
        raise ValueError(
            'the milvus connection\'s proxies must be a URL, or an object such as {"https": "http://proxy:3128"}'
        )
    proxies = {scheme.removesuffix("://").lower(): url for scheme, url in proxies.items()}
    for scheme, url in proxies.items():
        if scheme not in ("http", "https", "all"):
            raise ValueError("the milvus connection's proxies have a key other than http, https and all")
        parse_proxy(url, f"the milvus connection's proxies have a URL for {scheme!r} that")
    return proxies
