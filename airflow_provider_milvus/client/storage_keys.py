"""The keys of the object storage that Zilliz Cloud imports from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_milvus.client import extra as fields

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection


def storage_keys(connection: Connection, conn_id: str) -> dict[str, str]:
    """The keys in a connection, as fields of a create request. They are secrets.

    :raises ValueError: where the connection has no keys, or keys that cannot be right; it quotes none.
    """
    whose = f"the connection {conn_id!r}"
    extra = fields.read(connection, what=whose)
    keys = {
        "accessKey": connection.login,
        "secretKey": connection.password,
        "token": extra.get("token") or extra.get("aws_session_token"),
    }
    if not (keys["accessKey"] and keys["secretKey"]):
        raise ValueError(
            f"{whose} needs the object storage's access key as login and its secret key as password; leave "
            f"storage_conn_id out for objects that anybody may read"
        )
    for (name, value), field in zip(keys.items(), ("login", "password", "token"), strict=True):
        fields.check_secret(value, f"{field} ({name})", whose)
    return {name: str(value) for name, value in keys.items() if value}
