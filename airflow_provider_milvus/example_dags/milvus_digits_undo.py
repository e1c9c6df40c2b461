"""Readers of an alias go back to the version before, as after a switch that was a mistake.

A version that ``milvus_digits_blue_green`` has switched to needs no more than the alias:
``MilvusRollbackOperator(task_id="rollback", alias="digits_blue_green")``.
"""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, chain

from airflow_provider_milvus.operators.alias import MilvusSwapAliasOperator
from airflow_provider_milvus.operators.collection import MilvusCreateCollectionOperator
from airflow_provider_milvus.operators.rollback import MilvusRollbackOperator

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
    chain(versions, switches[0], switches[1], rollback)
