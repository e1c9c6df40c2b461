"""What a cluster can do and Milvus Lite cannot: declared here, refused in one place, never ignored.

Fields go by the struct that they belong to in Milvus's REST v2 handler (request_v2.go), routes by their path, each with
the version that brought it. A field that is null or has its type's zero value counts as not given, as in Go.
"""

from typing import Any

from airflow_provider_milvus.local.errors import not_supported
from airflow_provider_milvus.local.milvus_versions import Version

AGGREGATION = {"searchaggregation": "searchAggregation"}
RERANKERS = {"functionscore": "functionScore", "functionchains": "functionChains"}
EXTERNAL = {"externalsource": "externalSource", "externalspec": "externalSpec"}
# By struct: the fields that are refused, in lower case, and how Milvus spells them.
FIELDS: dict[str, dict[str, str]] = {
    "CollectionReq": EXTERNAL,
    "Schema": {"structfields": "structFields", **EXTERNAL},
    "Field": {
        "externalfield": "externalField",
        "fields": "fields",
        "typeparams": "typeParams",
    },
    "QueryReqV2": {"orderbyfields": "orderByFields", "groupbyfields": "groupByFields"},
    "SearchReqV2": {"orderbyfields": "orderByFields", **AGGREGATION, **RERANKERS},
    "SubSearchReq": {"groupingfield": "groupingField", **AGGREGATION},
    "HybridSearchReq": {**AGGREGATION, **RERANKERS},
    "CollectionDataReq": {"partialupdate": "partialUpdate", "fieldops": "fieldOps"},
    "CompactReq": {"isclustering": "isClustering"},
}

# Beginnings of the properties of collections that Milvus Lite would keep and not act on.
PROPERTIES = (
    "collection.ttl.seconds",
    "ttl.seconds",
    "ttl_field",
    "partitionkey.isolation",
    "collection.insertRate.",
    "collection.upsertRate.",
    "collection.deleteRate.",
    "collection.bulkLoadRate.",
    "collection.queryRate.",
    "collection.searchRate.",
    "collection.diskProtection.",
    "partition.diskProtection.",
    "collection.function.",
    "collection.external_",
    "collection.description",
    "consistency_level",
    "dynamicfield.enabled",
    "allow_insert_auto_id",
    "allow_update_auto_id",
    "query_mode",
    "namespace.",
    "cipher.",
    "replicate.",
)
# It is about the functions that Milvus Lite does not have.
WITHOUT_EFFECT = ("collection.function.allowInsertNonBM25FunctionOutputs",)
DATABASE_PROPERTIES = (
    "database.max.collections",
    "database.diskQuota.",
    "database.force.deny.",
    "cipher.",
    "replicate.",
)
PARAMS = ("ttlSeconds", "ttlField", "partitionKeyIsolation")
# Parameters of a search that a cluster acts on, and those that mean what a field of the request means.
SEARCH_PARAMS = (
    "group_by_field",
    "group_by_fields",
    "group_size",
    "strict_group_size",
    "rank_group_scorer",
    "order_by_fields",
    "offset",
    "topk",
    "limit",
    "nq",
    "round_decimal",
    "iterator",
    "search_iter_v2",
    "search_iter_batch_size",
    "search_iter_last_bound",
    "search_iter_id",
    "analyzer_name",
    "timezone",
    "time_fields",
    "json_path",
    "json_type",
    "strict_cast",
    "highlighter",
    "query_mode",
    "pipeline_trace",
    "guarantee_timestamp",
)

# By path: what the route is about. It is there since 2.5 or before, unless it stands in SINCE, too.
ROUTES: dict[str, str] = {
    **dict.fromkeys(
        (
            "/users/list",
            "/users/describe",
            "/users/create",
            "/users/update_password",
            "/users/drop",
            "/users/grant_role",
            "/users/revoke_role",
        ),
        "users (start the server with users instead)",
    ),
    **dict.fromkeys(
        (
            "/roles/list",
            "/roles/describe",
            "/roles/create",
            "/roles/alter",
            "/roles/drop",
            "/roles/grant_privilege",
            "/roles/revoke_privilege",
            "/roles/grant_privilege_v2",
            "/roles/revoke_privilege_v2",
        ),
        "roles",
    ),
    **dict.fromkeys(
        (
            "/privilege_groups/create",
            "/privilege_groups/drop",
            "/privilege_groups/list",
            "/privilege_groups/add_privileges_to_group",
            "/privilege_groups/remove_privileges_from_group",
        ),
        "privilege groups",
    ),
    **dict.fromkeys(
        (
            "/resource_groups/create",
            "/resource_groups/drop",
            "/resource_groups/alter",
            "/resource_groups/describe",
            "/resource_groups/list",
            "/resource_groups/transfer_replica",
        ),
        "resource groups",
    ),
    "/segments/describe": "describing segments",
    "/quotacenter/describe": "quotas",
    "/common/run_analyzer": "running an analyzer",
    "/collections/fields/alter_properties": "altering the properties of a field",
    "/collections/fields/add": "adding a field",
    "/collections/fields/drop": "dropping a field",
    "/collections/struct_fields/add": "adding a struct field",
    **dict.fromkeys(
        (
            "/collections/add_function",
            "/collections/alter_function",
            "/collections/drop_function",
            "/collections/add_function_field",
            "/collections/drop_function_field",
        ),
        "changing the functions of a collection",
    ),
    **dict.fromkeys(("/file_resources/add", "/file_resources/remove", "/file_resources/list"), "file resources"),
    "/jobs/snapshot/restore_external": "restoring snapshots of other clusters",
    "/jobs/snapshot/export": "exporting snapshots",
    **dict.fromkeys(
        (
            "/jobs/external_collection/refresh",
            "/jobs/external_collection/describe",
            "/jobs/external_collection/list",
        ),
        "external collections",
    ),
}
SINCE: dict[str, tuple[int, int]] = {
    **dict.fromkeys(
        (
            "/collections/add_function",
            "/collections/alter_function",
            "/collections/drop_function",
            "/collections/truncate",
            "/collections/fields/add",
            "/common/run_analyzer",
            "/quotacenter/describe",
            "/roles/alter",
        ),
        (2, 6),
    ),
    **dict.fromkeys(
        (
            "/collections/add_function_field",
            "/collections/drop_function_field",
            "/collections/fields/drop",
            "/collections/struct_fields/add",
            "/file_resources/add",
            "/file_resources/remove",
            "/file_resources/list",
            "/jobs/external_collection/refresh",
            "/jobs/external_collection/describe",
            "/jobs/external_collection/list",
            "/jobs/import/commit",
            "/jobs/import/abort",
            "/jobs/snapshot/restore_external",
            "/jobs/snapshot/export",
            "/jobs/snapshot/describe",
            "/jobs/snapshot/list",
            "/snapshots/create",
            "/snapshots/describe",
            "/snapshots/drop",
            "/snapshots/list",
            "/snapshots/pin",
            "/snapshots/restore",
            "/snapshots/unpin",
        ),
        (3, 0),
    ),
}


def refuse_fields(kind: str, given: dict[str, Any]) -> None:
    """Raises MilvusError 3000 for the first field of this struct that Milvus Lite cannot heed."""
    refused = FIELDS.get(kind)
    for key, value in given.items() if refused else ():
        name = refused.get(key.lower()) if refused else None
        if name is not None and value not in (None, "", 0, [], {}):
            raise not_supported(f"the field {name}")


def refuse_properties(given: dict[str, Any]) -> None:
    """Raises MilvusError 3000 for the first property of a collection that Milvus Lite would not act on."""
    _refuse(given, PROPERTIES, "the property")


def refuse_database_properties(given: dict[str, Any]) -> None:
    """Raises MilvusError 3000 for the first property of a database that Milvus Lite would not act on."""
    _refuse(given, DATABASE_PROPERTIES, "the property")


def refuse_params(given: dict[str, Any]) -> None:
    """Raises MilvusError 3000 for the first of `params` of `create` that Milvus Lite would not act on."""
    _refuse(given, PARAMS, "the parameter")


def refuse_search_params(given: dict[str, Any]) -> None:
    """Raises MilvusError 3000 for the first search parameter that Milvus Lite would not act on."""
    for name in SEARCH_PARAMS:
        if name in given:
            raise not_supported(f"the search parameter {name}")


def _refuse(given: dict[str, Any], beginnings: tuple[str, ...], what: str) -> None:
    for name in given:
        if name.startswith(beginnings) and name not in WITHOUT_EFFECT:
            raise not_supported(f"{what} {name}")


def is_known(path: str, version: Version) -> bool:
    """Whether this version has the route."""
    if path == "/jobs/import/describe":
        return version.describe
    return version.number >= SINCE.get(path, (0, 0))
