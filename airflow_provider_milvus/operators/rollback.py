"""The operator that moves readers back to the version before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import rest, versions
from airflow_provider_milvus.exceptions import MilvusNoVersionBefore
from airflow_provider_milvus.operators.base import MilvusReadinessOperator
from airflow_provider_milvus.operators.parameters import check_name

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_milvus.waiting.event import Event


class MilvusRollbackOperator(MilvusReadinessOperator):
    """Undo a switch of blue/green: move the alias back to the version that served before, loaded first if it must be.

    That is where the alias ``<alias>_previous`` points to, which blue/green keeps; without it, the newest of the older
    versions that is loaded. It can run twice: readers go back one version, and not further. The next run of blue/green
    switches to its version as usual.

    A dict of ``alias``, ``collection_name`` and ``previous``, the version that served until now, is returned.

    https://milvus.io/docs/manage-aliases.md

    :param alias: the name that readers use. (templated)
    :param collection_name: go back to this version instead. (templated)
    :param deferrable: whether to wait in the triggerer while it is loaded, holding no worker slot.
    :param defer_after: seconds that a deferrable operator polls in the worker before it defers (5).
    :param poll_interval: the longest time between two polls, in seconds (10); a young wait polls more often.
    :param timeout: seconds in which the version must be loaded. ``None`` waits for ever.
    :param max_poll_failures: failed polls in a row after which to give up (120).
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :raises ValueError: for bad parameters, before anything is sent.
    :raises MilvusNoVersionBefore: where there is no version to go back to.
    """

    template_fields: Sequence[str] = (*MilvusReadinessOperator.template_fields, "alias")

    def __init__(self, *, alias: str, collection_name: str | None = None, **kwargs: Any) -> None:
        # Empty until it is known which version that is.
        super().__init__(collection_name=collection_name or "", **kwargs)
        self.alias = alias

    def check_templated(self) -> None:
        check_name("alias", self.alias, what="an alias")
        check_name("milvus_conn_id", self.milvus_conn_id, what="a connection")
        check_name("database", self.database, what="a database", optional=True)

    def execute(self, context: Context) -> dict[str, Any]:
        """Find the version, load it if it is not, and move the alias."""
        self.check_templated()
        serving = self.hook.describe_alias(self.alias)
        if serving is None:
            raise MilvusNoVersionBefore(f"there is no alias {self.alias!r}, so nothing to go back from")
        self.collection_name = self.collection_name or self._version_before(serving)
        if self.collection_name == serving:
            self.log.info("Alias %s points to %s already", self.alias, serving)
            return self._result(serving)
        if not self.hook.get_load_state(self.collection_name).loaded:
            self.log.info("Loading %s first", self.collection_name)
            self.hook.load_collection(self.collection_name)
            result: dict[str, Any] = self._wait(context, target=self.collection_name)
            return result
        return self._move(serving)

    def execute_complete(self, context: Context, event: Event | None, target: str = "") -> dict[str, Any]:
        """Move the alias once the version is loaded."""
        super().execute_complete(context, event)
        self.collection_name = target
        return self._move(self.hook.describe_alias(self.alias))

    def _version_before(self, serving: str) -> str:
        if marked := self.hook.describe_alias(versions.previous_alias(self.alias)):
            return marked
        names = versions.versions(self.alias, self.hook.list_collections())
        older = [name for name in names if name < serving and self.hook.get_load_state(name).loaded]
        if not older:
            raise MilvusNoVersionBefore(
                f"there is no alias {versions.previous_alias(self.alias)!r}, and no version of {self.alias!r} before "
                f"{serving!r} that is loaded: give collection_name"
            )
        # A second run finds it there, or it would go back another version.
        self.hook.call(rest.aliases.create_alias(older[-1], versions.previous_alias(self.alias)))
        return older[-1]

    def _move(self, previous: str | None) -> dict[str, Any]:
        request = rest.aliases.alter_alias if previous else rest.aliases.create_alias
        self.hook.call(request(self.collection_name, self.alias))
        self.log.info("Moved alias %s from %s back to %s", self.alias, previous, self.collection_name)
        return self._result(previous)

    def _result(self, previous: str | None) -> dict[str, Any]:
        return {"alias": self.alias, "collection_name": self.collection_name, "previous": previous}
