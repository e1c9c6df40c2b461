"""The operator that moves an alias."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import rest
from airflow_provider_milvus.exceptions import MilvusCollectionNotLoaded
from airflow_provider_milvus.operators import approval as approvals
from airflow_provider_milvus.operators.base import MilvusOperator
from airflow_provider_milvus.operators.parameters import check_flag, check_name

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_milvus.operators.approval import Approval


class MilvusSwapAliasOperator(MilvusOperator):
    """Move an alias to a collection, in one step of the server: readers see the old collection or the new one.

    A dict of ``alias``, ``collection_name`` and ``previous``, the collection that it pointed to before or ``None``, is
    returned. An alias that does not exist is created.

    https://milvus.io/docs/manage-aliases.md

    :param alias: the name that readers use. (templated)
    :param collection_name: the collection that it points to afterwards. (templated)
    :param require_loaded: whether to refuse a collection that is not loaded, in which readers would find nothing.
    :param approval: whether a person decides, on Airflow 3.1 and later: ``True``, or an
        :class:`~airflow_provider_milvus.operators.approval.Approval`. A rejection and its timeout leave the alias where
        it is, and fail the task.
    :param recall: shown to that person: the output of a
        :class:`~airflow_provider_milvus.operators.recall.MilvusRecallCheckOperator`. (templated)
    :param milvus_conn_id: a connection of the type ``milvus``. (templated)
    :param database: instead of the connection's database. (templated)
    :raises ValueError: for bad parameters, before anything is sent.
    :raises MilvusCollectionNotLoaded: where ``require_loaded`` demands it.
    """

    template_fields: Sequence[str] = (*MilvusOperator.template_fields, "alias", "collection_name", "recall")

    def __init__(
        self,
        *,
        alias: str,
        collection_name: str,
        require_loaded: bool = True,
        approval: bool | Approval = False,
        recall: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_flag("require_loaded", require_loaded)
        self.alias = alias
        self.collection_name = collection_name
        self.require_loaded = require_loaded
        self.approval: Any = approvals.checked(approval)
        self.recall = recall

    def check_templated(self) -> None:
        super().check_templated()
        check_name("alias", self.alias, what="an alias")
        check_name("collection_name", self.collection_name, what="a collection")

    def execute(self, context: Context) -> dict[str, Any]:
        """Move the alias unless it is there already."""
        self.check_templated()
        previous = self._check_target()
        if self.approval is not None and previous != self.collection_name:
            self._approval_request(previous).request(self, context, self.approval)
        return self._swap(previous)

    def execute_approved(self, context: Context, event: Any) -> dict[str, Any]:
        """Go on with the response of a person."""
        by = approvals.approver(event)
        self.log.info("Approved by %s", by)
        previous = self._check_target()
        self._approval_request(previous).record(self, context, by)
        return self._swap(previous)

    def _approval_request(self, previous: str | None) -> approvals.ApprovalRequest:
        return approvals.of_swap(self.hook, self.alias, self.collection_name, previous, self.recall)

    def _check_target(self) -> str | None:
        """Refuse a collection that is not ready; the one that the alias points to."""
        previous = self.hook.describe_alias(self.alias)
        if self.require_loaded and not (state := self.hook.get_load_state(self.collection_name)).loaded:
            raise MilvusCollectionNotLoaded(
                f"collection {self.collection_name!r} is {state.text}: readers of {self.alias!r} would find nothing. "
                f"Load it first, or give require_loaded=False"
            )
        return previous

    def _swap(self, previous: str | None) -> dict[str, Any]:
        if previous != self.collection_name:
            self.move(previous)
        self.log.info("Moved alias %s from %s to %s", self.alias, previous, self.collection_name)
        return {"alias": self.alias, "collection_name": self.collection_name, "previous": previous}

    def move(self, previous: str | None) -> None:
        """Move the alias from ``previous``, or create it."""
        request = rest.aliases.alter_alias if previous else rest.aliases.create_alias
        self.hook.call(request(self.collection_name, self.alias))
