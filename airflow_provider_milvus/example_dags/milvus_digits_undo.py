"""Two ways back: readers of an alias return to the version before, and a collection is restored. Milvus 3.0.1.

A version that ``milvus_digits_blue_green`` has switched to needs no more than the alias:
``MilvusRollbackOperator(task_id="rollback", alias="digits_blue_green")``.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, chain

from airflow_provider_milvus.operators.alias import MilvusSwapAliasOperator
from airflow_provider_milvus.operators.collection import (
    MilvusCreateCollectionOperator,
    MilvusDropCollectionOperator,
    MilvusLoadCollectionOperator,
)
from airflow_provider_milvus.operators.rollback import MilvusRollbackOperator
from airflow_provider_milvus.operators.snapshot import MilvusRestoreSnapshotOperator, MilvusSnapshotOperator

ALIAS = "digits_undo"
GOOD, BAD = f"{ALIAS}_good", f"{ALIAS}_bad"

with DAG("milvus_digits_undo", schedule=None, catchup=False, max_active_runs=1, tags=["milvus"], doc_md=__doc__):
    versions = [
        MilvusCreateCollectionOperator(task_id=f"create_{name}", collection_name=name, dimension=64)
        for name in (GOOD, BAD)
    ]
    switches = [
        MilvusSwapAliasOperator(task_id=f"switch_to_{name}", alias=ALIAS, collection_name=name) for name in (GOOD, BAD)
    ]
    # [START rollback]
    rollback = MilvusRollbackOperator(task_id="rollback", alias=ALIAS, collection_name=GOOD)
    # [END rollback]
    # [START snapshot]
    name = "before_{{ ti.run_id | replace('-', '_') | replace(':', '_') | replace('+', '_') | replace('.', '_') }}"
    restored = f"{ALIAS}_restored"
    snapshot = MilvusSnapshotOperator(task_id="snapshot", collection_name=GOOD, snapshot_name=name)
    # [START drop]
    drop = MilvusDropCollectionOperator(task_id="drop_restored", collection_name=restored)
    # [END drop]
    restore = MilvusRestoreSnapshotOperator(
        task_id="restore", collection_name=GOOD, snapshot_name=name, target_collection_name=restored, timeout=600
    )
    load = MilvusLoadCollectionOperator(task_id="load_restored", collection_name=restored)
    # [END snapshot]
    chain(versions, switches[0], switches[1], rollback, snapshot, drop, restore, load)
