"""Every row of the conformance table."""

import rows_binding
import rows_collections
import rows_create
import rows_entities
import rows_jobs
import rows_metadata
import rows_privileges
import rows_refused
import rows_settings
import rows_transport
import rows_versions

ROWS = [
    row
    for module in (
        rows_transport,
        rows_binding,
        rows_create,
        rows_jobs,
        rows_privileges,
        rows_versions,
        rows_collections,
        rows_metadata,
        rows_entities,
        rows_refused,
        rows_settings,
    )
    for row in module.ROWS
]
