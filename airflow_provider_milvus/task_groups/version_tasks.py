"""The tasks of the blue/green group that know of versions, aliases and the readers of a collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_milvus import airflow_compat, rest, versions, waiting
from airflow_provider_milvus.exceptions import MilvusCollectionExists, MilvusRowCountWrong, MilvusVersionServes
from airflow_provider_milvus.operators.alias import MilvusSwapAliasOperator
from airflow_provider_milvus.operators.base import MilvusOperator, push_xcom
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.checks import MilvusRowCountCheckOperator
from airflow_provider_milvus.operators.collection import (
    MilvusCreateCollectionOperator,
    NewCollection,
    schema_of,
)
from airflow_provider_milvus.operators.parameters import check_name

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context


class CreateVersion(MilvusOperator):
    """Create a collection named after the alias and the run; return its name.

    :param alias: the name that readers use. (templated)
    :param schema: as in :class:`~airflow_provider_milvus.operators.collection.MilvusCreateCollectionOperator`.
        (templated)
    """

    template_fields: Sequence[str] = (*MilvusOperator.template_fields, "alias", "schema")
    template_ext: Sequence[str] = MilvusCreateCollectionOperator.template_ext
    template_fields_renderers = {"schema": "json"}

    def __init__(self, *, alias: str, schema: Mapping[str, Any] | str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alias = alias
        self.schema = schema

    def check_templated(self) -> None:
        super().check_templated()
        check_name("alias", self.alias, what="an alias")

    def execute(self, context: Context) -> str:
        self.check_templated()
        schema = schema_of(self.schema)
        if self.hook.describe_alias(self.alias) is None and self.hook.has_collection(self.alias):
            raise MilvusCollectionExists(
                f"{self.alias!r} is the name of a collection, so it cannot be an alias; give another alias, or rename "
                f"the collection"
            )
        name = self._version_name(context)
        outcome = NewCollection(name, schema).create(self.hook, if_exists="skip")
        self.log.info("Collection %s: %s", name, outcome)
        push_xcom(self, context, "outcome", outcome)
        return name

    def _version_name(self, context: Context) -> str:
        run = context["dag_run"]
        # Airflow 2 has no run_after; Airflow 3 has no logical date for every run.
        when: Any = getattr(run, "run_after", None) or run.logical_date
        dag_id, _, run_id, _, *iteration = airflow_compat.identity(context["ti"])
        load_number = airflow_compat.load_of_try(context, self).number
        return versions.version_name(self.alias, when, "/".join((dag_id, run_id, *iteration)), load_number)


class ImportVersion(MilvusBulkImportOperator):
    """Import, but never into the version that readers use.

    :param alias: the name that readers use. (templated)
    """

    template_fields: Sequence[str] = (*MilvusBulkImportOperator.template_fields, "alias")

    def __init__(self, *, alias: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alias = alias

    def check_templated(self) -> None:
        super().check_templated()
        check_name("alias", self.alias, what="an alias")

    def execute(self, context: Context) -> str | list[str]:
        self.check_templated()
        if self.hook.describe_alias(self.alias) == self.collection_name:
            raise MilvusVersionServes(
                f"readers of {self.alias!r} use {self.collection_name!r}, and would see its rows twice. Clear "
                f"create_version as well, so that the files are imported into a new version"
            )
        return super().execute(context)


class CheckVersion(MilvusRowCountCheckOperator):
    """Compare the rows with the results of the imports, if each that was planned has one.

    :param planned: the imports that were planned, ``None`` where there is one. (templated)
    """

    template_fields: Sequence[str] = (*MilvusRowCountCheckOperator.template_fields, "planned")

    def __init__(self, *, planned: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.planned = planned

    def execute(self, context: Context) -> int:
        if self.planned is not None:
            planned = len(airflow_compat.evaluated(self.planned))
            reported = len(waiting.job_ids.flat(airflow_compat.evaluated(self.expected_rows)))
            if reported != planned:
                raise MilvusRowCountWrong(
                    f"{planned} imports were planned, and {reported} of them report what they loaded: one that was "
                    f"marked as succeeded does not. Give expected_rows, or clear create_version to import all files "
                    f"again"
                )
        return super().execute(context)


class SwapVersion(MilvusSwapAliasOperator):
    """Move the alias, after another one, ``<alias>_previous``, to where it pointed; so there is a way back."""

    def move(self, previous: str | None) -> None:
        if previous:
            self._mark(previous)
        super().move(previous)

    def _mark(self, previous: str) -> None:
        marker = versions.previous_alias(self.alias)
        try:
            marked = self.hook.describe_alias(marker)
            if marked != previous:
                request = rest.aliases.alter_alias if marked else rest.aliases.create_alias
                self.hook.call(request(previous, marker))
        except rest.errors.MilvusServerError as error:
            # Such as a collection of this name.
            self.log.warning("Alias %s cannot be kept, so that a rollback has to guess: %s", marker, error)


class DropOldVersions(MilvusOperator):
    """Drop the versions before the one that serves, except for the newest; return their names.

    :param alias: the name that readers use. (templated)
    :param keep: how many versions are kept, the one that serves among them.
    """

    template_fields: Sequence[str] = (*MilvusOperator.template_fields, "alias")

    def __init__(self, *, alias: str, keep: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alias = alias
        self.keep = keep

    def check_templated(self) -> None:
        super().check_templated()
        check_name("alias", self.alias, what="an alias")

    def execute(self, context: Context) -> list[str]:
        self.check_templated()
        serving = self.hook.describe_alias(self.alias) or ""
        names = versions.versions(self.alias, self.hook.list_collections())
        older = [self._version(name) for name in names if name < serving]
        dropped = versions.outdated(self.alias, older, self.keep - 1)
        for name in dropped:
            self.hook.drop_collection(name)
        self.log.info("%s serves; dropped: %s", serving, ", ".join(dropped) or "none")
        return dropped

    def _version(self, name: str) -> versions.Version:
        aliases = self.hook.describe_collection(name).get("aliases") or ()
        return versions.Version(name, self.hook.get_load_state(name).loaded, tuple(map(str, aliases)))
