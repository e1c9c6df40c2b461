"""How the servers of a connection are reached, for both transports alike: the proxies and the certificates.

Neither transport reads the environment by itself, so that a task changes neither its way nor whom it trusts when it
defers. Which proxy a URL takes is in :mod:`airflow_provider_milvus.client.proxies`.

TLS trusts the connection's ``ca_bundle``, else the first of ``REQUESTS_CA_BUNDLE``, ``CURL_CA_BUNDLE``,
``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` that is set, else the CAs of certifi. A TLS proxy is verified against the same;
it is not shown the client certificate.
"""

from __future__ import annotations

import os
import re
import ssl
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_milvus.client.connections import bounded
from airflow_provider_milvus.client.proxies import Proxy, proxy_for
from airflow_provider_milvus.client.shown import shown_path

if TYPE_CHECKING:
    import httpx
    import requests

    from airflow_provider_milvus.client.settings import ClientSettings

CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")
# What `openssl rehash` names the certificates of a directory by.
_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.\d+")
# Seconds that an idle connection of the triggerer is kept.
KEEP_ALIVE_SECONDS = 90.0


class Network:
    """The ways to the servers of a connection, and the certificates that their TLS needs.

    :raises ValueError: for a setting or an environment variable that the connection needs and that cannot be used,
        naming it and the remedy. What plain http does not need is not read.
    """

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        self._proxies: dict[str, Proxy | None] = {}
        # All files are read now, so that a bad one is found before anything is sent.
        for url in (settings.base_url, settings.import_url):
            self.tls_to(url)
            if proxy := self.proxy_to(url):
                self.tls_to_proxy(proxy)
                _check_tunnel(url)

    def proxy_to(self, url: str) -> Proxy | None:
        """The proxy that requests to a URL take."""
        parts = urlsplit(url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._proxies:
            self._proxies[origin] = proxy_for(origin, self.settings.proxies)
        return self._proxies[origin]

    def tls_to(self, url: str) -> ssl.SSLContext | None:
        """What a TLS connection to a server takes, or ``None`` for plain http."""
        return self.server_tls if url.startswith("https:") else None

    def tls_to_proxy(self, proxy: Proxy) -> ssl.SSLContext | None:
        """What a TLS connection to a proxy takes, or ``None`` for one that speaks plain http."""
        return self.proxy_tls if proxy.url.startswith("https:") else None

    @cached_property
    def server_tls(self) -> ssl.SSLContext:
        """The servers are shown the client certificate."""
        context = _context(self.settings.verify)
        if self.settings.cert:
            _load_client_certificate(context, self.settings.cert)
        return context

    @cached_property
    def proxy_tls(self) -> ssl.SSLContext:
        """Proxies are not."""
        return _context(self.settings.verify)

    def session(self, headers: Mapping[str, str]) -> requests.Session:
        """A session of ``requests`` that goes these ways."""
        import requests

        session = requests.Session()
        # Left on, a matching .netrc entry would replace the Authorization header.
        session.trust_env = False
        session.verify, session.cert = self.settings.verify, self.settings.cert
        for prefix in ("http://", "https://"):
            session.mount(prefix, _adapter(self))
        # Bytes, as a text would go out in Latin-1 or not at all, and Milvus reads UTF-8.
        session.headers.update({name: value.encode() for name, value in headers.items()})
        return session

    def async_client(self, headers: Mapping[str, str]) -> httpx.AsyncClient:
        """A client of ``httpx`` that goes these ways."""
        import httpx

        # httpx would close an idle connection after 5 s, and nearly all poll intervals are longer.
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=KEEP_ALIVE_SECONDS)
        urls = dict.fromkeys((self.settings.base_url, self.settings.import_url))
        # Without a server that speaks TLS the context is never used, and trusts nobody.
        context = next(filter(None, map(self.tls_to, urls)), None) or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        transports = {
            proxy: httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits, proxy=self._httpx(proxy))
            for proxy in filter(None, map(self.proxy_to, urls))
        }
        return httpx.AsyncClient(
            headers=httpx.Headers(headers, encoding="utf-8"),
            timeout=self.settings.timeout,
            verify=context,
            trust_env=False,
            limits=limits,
            mounts={url: transports[proxy] for url in urls if (proxy := self.proxy_to(url))},
        )

    def _httpx(self, proxy: Proxy) -> httpx.Proxy:
        import httpx

        return httpx.Proxy(proxy.url, headers=proxy.headers, ssl_context=self.tls_to_proxy(proxy))


def _adapter(network: Network) -> requests.adapters.HTTPAdapter:
    from requests.adapters import HTTPAdapter
    from urllib3 import proxy_from_url

    class Adapter(HTTPAdapter):
        """Takes a network's proxies and TLS contexts instead of those that the session would choose."""

        def init_poolmanager(self, *args: Any, **options: Any) -> None:
            super().init_poolmanager(*args, **options)
            bounded(self.poolmanager)

        def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
            proxy = network.proxy_to(request.url)
            options["proxies"] = {urlsplit(request.url).scheme: proxy.url} if proxy else {}
            return super().send(request, *args, **options)

        def get_connection_with_tls_context(self, request: Any, *args: Any, **options: Any) -> Any:
            url, proxy = urlsplit(request.url), network.proxy_to(request.url)
            # Plain http is handed to a proxy, over the proxy's TLS where it has any.
            context = network.tls_to_proxy(proxy) if proxy and url.scheme == "http" else network.tls_to(request.url)
            manager = self._manager(proxy) if proxy else self.poolmanager
            pool = {"ssl_context": context} if context else {}
            return manager.connection_from_host(url.hostname, url.port, url.scheme, pool_kwargs=pool)

        def _manager(self, proxy: Proxy) -> Any:
            if proxy not in self.proxy_manager:
                manager = proxy_from_url(
                    proxy.url, proxy_headers=proxy.headers, proxy_ssl_context=network.tls_to_proxy(proxy)
                )
                self.proxy_manager[proxy] = bounded(manager)
            return self.proxy_manager[proxy]

        def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
            """The context knows all that this would set."""

    return Adapter()


def _check_tunnel(url: str) -> None:
    """Refuse a tunnel that httpcore would request as ``CONNECT ::1:443``, which may be another host."""
    parts = urlsplit(url)
    if parts.scheme == "https" and ":" in (parts.hostname or ""):
        raise ValueError(
            "the milvus connection's host is an IPv6 address, to which no proxy makes a tunnel from the triggerer; "
            "give a host name, or go without the proxy (NO_PROXY, or no proxies in the connection)"
        )


def _context(verify: bool | str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if sys.version_info >= (3, 13):  # as Python's own default context there
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif isinstance(verify, str):
        _load_cas(context, verify, "the milvus connection's ca_bundle")
    elif variable := next(filter(os.environ.get, CA_VARIABLES), None):
        for path in filter(None, os.environ[variable].split(os.pathsep if variable == "SSL_CERT_DIR" else "\0")):
            _load_cas(context, path, f"the environment variable {variable}")
    else:
        import certifi

        context.load_verify_locations(certifi.where())
    return context


def _load_cas(context: ssl.SSLContext, path: str, what: str) -> None:
    remedy = "give the path of a file of PEM certificates"
    if what.startswith("the environment"):
        remedy += ", or unset it, or give the connection a ca_bundle"
    if Path(path).is_dir():
        names = os.listdir(path) if os.access(path, os.R_OK) else []
        if not any(map(_HASHED_NAME.fullmatch, names)):
            raise ValueError(f"{what} is a directory without certificates that `openssl rehash` has named; {remedy}")
        context.load_verify_locations(capath=path)
    elif why := _failure(context.load_verify_locations, path):
        raise ValueError(f"{what} {shown_path(path)} {why}; {remedy}")


def _load_client_certificate(context: ssl.SSLContext, cert: str | tuple[str, str]) -> None:
    cert, key = (cert, None) if isinstance(cert, str) else cert
    why = _failure(context.load_cert_chain, cert, key, _no_pass_phrase)
    if why:
        names = f"client_cert {shown_path(cert)}" + (f" with client_key {shown_path(key)}" if key else "")
        raise ValueError(
            f"the milvus connection's {names} {why}; give PEM files of a certificate and of its key without a pass "
            f"phrase"
        )


def _failure(load: Callable[..., None], *arguments: Any) -> str | None:
    """Why files cannot be loaded, or ``None``; OpenSSL's texts explain little, and Python's quote what was given."""
    try:
        load(*arguments)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return "do not belong together"
        return "cannot be read as PEM"
    except _EncryptedKey:
        return "has an encrypted key"
    except PermissionError:
        return "may not be read by this user"
    except (OSError, ValueError):
        return "is no file on this machine"
    return None


class _EncryptedKey(Exception):
    pass


def _no_pass_phrase() -> str:
    # Without this OpenSSL would wait for somebody to type it.
    raise _EncryptedKey
