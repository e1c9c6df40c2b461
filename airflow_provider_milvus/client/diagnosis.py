"""What is wrong with a connection, in words for the person who has just filled in its form."""

from __future__ import annotations

from airflow_provider_milvus.rest import errors


def diagnosis(url: str, database: str, error: errors.MilvusError) -> str:
    """What an error of a first request means, and what to check."""
    if isinstance(error, errors.MilvusTLSError):
        return f"{error}. Check that the port speaks TLS, and give the CA that signed its certificate as ca_bundle"
    if isinstance(error, errors.MilvusConnectionError):
        return f"Cannot reach {url}: {error}. Check host, port and firewall, and whether the server speaks TLS"
    if isinstance(error, errors.MilvusAuthError):
        return f"{url} refuses these credentials: {error}. Check user and password, or the token, and their privileges"
    if isinstance(error, errors.MilvusDatabaseNotFound):
        return f"{url} has no database {database!r}: {error}"
    if isinstance(error, errors.MilvusRouteNotFound | errors.MilvusProtocolError):
        return f"What responds at {url} is not Milvus's REST API: {error}"
    return f"{url}: {error}"
