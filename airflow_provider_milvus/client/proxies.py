"""Which proxy a URL takes: the connection's, the environment's, or none.

The connection's ``proxies`` come first: for the URL's scheme, else for ``all``. ``NO_PROXY`` does not apply to them.
Where the connection has none for a URL, the environment's ``HTTP_PROXY`` or ``HTTPS_PROXY`` and then ``ALL_PROXY``
hold, unless ``NO_PROXY`` names the host. Every variable may be written in lower case, which comes first.

``NO_PROXY`` is a list separated by commas: ``*``; host names, which stand for the hosts below them as well, with or
without a dot before them; IPv4 and IPv6 addresses; networks such as ``10.0.0.0/8`` and ``fd00::/8``. A port may follow
all but networks; IPv6 addresses may stand in brackets. Entries that are none of these match nothing.
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import unquote, urlsplit

from airflow_provider_milvus.client import address

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Proxy:
    """A proxy.

    :param url: scheme, host and port, without credentials.
    :param authorization: the value of ``Proxy-Authorization``; empty for a proxy without credentials.
    """

    url: str
    authorization: str = field(default="", repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What to send to the proxy itself."""
        return {"Proxy-Authorization": self.authorization} if self.authorization else {}


def parse_proxy(text: str, what: str, default_scheme: str | None = None) -> Proxy:
    """The proxy of a URL such as ``http://user:password@proxy:3128``.

    :param what: where the URL stands, for errors, none of which quotes it.
    :param default_scheme: for URLs without a scheme, where these are allowed.
    :raises ValueError: naming the place and the remedy.
    """
    parts = address.split(text)
    scheme = parts.scheme or default_scheme
    if scheme not in DEFAULT_PORTS:
        raise ValueError(f"{what} does not begin with http:// or https:// and a host, such as http://proxy:3128")
    if parts.user_info is not None and set(parts.user_info) & set("/?#@[]\\ "):
        raise ValueError(
            f"{what} has a user or password with one of / ? # @ [ ] in it; write these percent-encoded (%2F for /)"
        )
    if parts.rest not in ("", "/"):
        raise ValueError(f"{what} has more than a host and a port, such as http://proxy:3128")
    host, port = address.host_and_port(parts.host_and_port, what, in_url=True)
    url = address.Address(scheme, host, port or DEFAULT_PORTS[scheme]).url
    if not parts.user_info:
        return Proxy(url)
    user, _, password = parts.user_info.partition(":")
    credentials = f"{unquote(user)}:{unquote(password)}"
    return Proxy(url, f"Basic {b64encode(credentials.encode()).decode()}")


def proxy_for(url: str, own: Mapping[str, str]) -> Proxy | None:
    """The proxy that requests to a URL take, or ``None`` for none; the rule stands at the top of this module.

    :param own: the connection's proxies, by scheme or ``all``.
    :raises ValueError: for a proxy's URL that cannot be used, naming where it stands.
    """
    scheme = urlsplit(url).scheme
    for key in (scheme, "all"):
        if key in own:
            return parse_proxy(own[key], f"the milvus connection's proxies: the URL for {key!r}")
    for name in (f"{scheme}_proxy", "all_proxy"):
        variable, value = _variable(name)
        if value:
            if bypasses(_variable("no_proxy")[1], url):
                return None
            return parse_proxy(value, f"the environment variable {variable}", "http")
    return None


def bypasses(no_proxy: str, url: str) -> bool:
    """Whether the entries of ``NO_PROXY`` name the host of a URL."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme)
    return any(_names(entry, host, port) for entry in re.split(r"[,\s]+", no_proxy.lower()) if entry)


def _variable(name: str) -> tuple[str, str]:
    for spelling in (name, name.upper()):
        if spelling in os.environ:
            return spelling, os.environ[spelling].strip()
    return name.upper(), ""


def _names(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    host_address = _ip(host)
    if "/" in entry:
        network = _network(entry)
        return network is not None and host_address is not None and host_address in network
    if "]" in entry:
        entry, _, entry_port = entry.removeprefix("[").partition("]")
        entry_port = entry_port.removeprefix(":")
    elif entry.count(":") == 1:
        entry, _, entry_port = entry.partition(":")
    else:
        entry_port = ""
    if entry_port and entry_port != str(port):
        return False
    if host_address is not None:
        return _ip(entry) == host_address
    entry = entry.removeprefix("*").strip(".")
    return bool(entry) and (host == entry or host.endswith(f".{entry}"))


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text.replace("[", "").replace("]", ""), strict=False)
    except ValueError:
        return None
