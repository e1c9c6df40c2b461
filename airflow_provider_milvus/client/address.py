"""Where a server or a proxy is: scheme, host and port, read from what people write and what Airflow makes of it.

No error quotes what it refuses: credentials may stand in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<rest>.*)", re.DOTALL)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
# Ports that somebody may have meant who wrote an IPv6 address without brackets and a port behind it.
_WELL_KNOWN_PORTS = (80, 443)


@dataclass(frozen=True)
class Address:
    """A server's scheme, host and port.

    :param host: a name in ASCII, or an IP address without brackets, in lower case.
    :param port: ``None`` for the scheme's own.
    """

    scheme: str
    host: str
    port: int | None = None

    @property
    def url(self) -> str:
        """The address as a URL without a path."""
        host = bracketed(self.host)
        return f"{self.scheme}://{host}" if self.port is None else f"{self.scheme}://{host}:{self.port}"


class Parts(NamedTuple):
    """A URL as it was written, before anything of it is checked but its outline."""

    scheme: str | None
    user_info: str | None
    host_and_port: str
    rest: str


def split(text: str) -> Parts:
    """The parts of a URL, or of a host and a port without a scheme; all before the last ``@`` is the user."""
    text = text.strip()
    url = _URL.fullmatch(text)
    rest = url["rest"] if url else text
    user_info, at, rest = rest.rpartition("@")
    end = re.search(r"[/?#\\]", rest)
    host_and_port, path = (rest[: end.start()], rest[end.start() :]) if end else (rest, "")
    return Parts(url["scheme"].lower() if url else None, user_info if at else None, host_and_port, path)


def host_and_port(text: str, what: str, *, in_url: bool, port: int | None = None) -> tuple[str, int | None]:
    """The host and the port of ``host``, ``host:port``, ``[IPv6]``, ``[IPv6]:port`` or, outside URLs, ``IPv6``.

    Airflow hands an IPv6 host over without the brackets that it had in a URI.

    :param what: what the text is, for errors.
    :param port: the port where it is given in a place of its own.
    :raises ValueError: for anything that is no host and port.
    """
    port_text: str | None = None
    if text.startswith("["):
        inside, closed, behind = text[1:].partition("]")
        if not closed or behind[:1] not in ("", ":"):
            raise ValueError(f"{what} is no URL: the brackets around an IPv6 address do not match")
        host = _ipv6(inside, what)
        port_text = behind[1:] if behind else None
    elif text.count(":") > 1:
        if in_url or (port is None and _port_may_be_meant(text)):
            raise ValueError(
                f"{what} has an IPv6 address without brackets, whose port is not clear; "
                f"write [2001:db8::7]:19530, or the port in the field port"
            )
        host = _ipv6(text, what)
    else:
        name, colon, behind = text.partition(":")
        host = _name(name, what)
        port_text = behind if colon else None
    return host, _port(port_text, what, port)


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def check_port(port: object, what: str) -> int:
    """A port from 1 to 65535.

    :raises ValueError: for anything else.
    """
    if isinstance(port, str) and port.isascii() and port.strip().isdigit() and len(port) < 8:
        port = int(port)
    if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535:
        raise ValueError(f"{what} must be a number from 1 to 65535")
    return port


def _port(text: str | None, what: str, given: int | None) -> int | None:
    if text is None:
        return given
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise ValueError(f"{what} is no URL: what follows the colon must be a port, a number from 1 to 65535")
    port = check_port(int(text), f"{what} is no URL: its port")
    if given is not None and given != port:
        raise ValueError(f"{what} names the port {port} and the field port {given}; leave one of them out")
    return port


def _ipv6(text: str, what: str) -> str:
    if "%" in text:
        raise ValueError(
            f"{what} has an IPv6 address with a zone, which means something else on every machine; give an address "
            f"without one, or a host name"
        )
    if not _is_ipv6(text):
        raise ValueError(f"{what} is no URL: it has an IPv6 address that cannot be read; write [2001:db8::7]:19530")
    return IPv6Address(text).compressed


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def _port_may_be_meant(text: str) -> bool:
    address, _, last = text.rpartition(":")
    if not (last.isascii() and last.isdigit() and _is_ipv6(address)):
        return False
    return int(last) >= 1000 or int(last) in _WELL_KNOWN_PORTS


def _name(name: str, what: str) -> str:
    name = _ascii(name, what).lower().removesuffix(".")
    if not name:
        raise ValueError(f"{what} is no http or https URL and no host name; give one such as milvus.example.org")
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(
            f"{what} is no host name: its parts between dots are 1 to 63 letters, digits, hyphens or underscores, "
            f"with no hyphen at either end"
        )
    if _NUMBER.fullmatch(labels[-1]) and not _is_ipv4(name):
        raise ValueError(f"{what} is neither a host name nor an IPv4 address: write four numbers from 0 to 255")
    return name


def _is_ipv4(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _ascii(name: str, what: str) -> str:
    if name.isascii():
        return name
    import idna

    try:
        return idna.encode(name, uts46=True).decode()
    except (idna.IDNAError, UnicodeError):
        encoded = None
    if encoded is None:
        raise ValueError(f"{what} is no host name: it has characters that no domain name may have")
    return encoded
