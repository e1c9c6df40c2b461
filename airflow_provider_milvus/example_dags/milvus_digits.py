"""Import, wait with a sensor, build the index, search.

The operator starts the import and ends; the sensor holds back what needs the rows. The last task searches for the five
nearest neighbours of every image and returns how many of them are the same digit.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.common.compat.sdk import DAG, chain, task

from airflow_provider_milvus.example_dags.handwritten_digits import BUCKET, INDEX, SCHEMA, write_files
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.operators.collection import MilvusCreateCollectionOperator, MilvusLoadCollectionOperator
from airflow_provider_milvus.operators.index import MilvusCreateIndexOperator
from airflow_provider_milvus.sensors.import_job import MilvusImportSensor

COLLECTION = "digits"
NEIGHBOURS = 5
BATCH = 200


@task
def search() -> dict[str, Any]:
    """Search for every image; the nearest hit is the image itself."""
    milvus = MilvusHook()
    images = milvus.query(COLLECTION, "id >= 0", output_fields=["id", "vector", "label"], limit=2000)
    found = []
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        hits = milvus.search(
            COLLECTION,
            [image["vector"] for image in batch],
            anns_field="vector",
            limit=NEIGHBOURS + 1,
            output_fields=["id", "label"],
        )
        per_image = len(hits) // len(batch)
        for position, image in enumerate(batch):
            nearest = hits[position * per_image : (position + 1) * per_image]
            others = [hit["label"] for hit in nearest if hit["id"] != image["id"]]
            found.append((image["label"], others[:NEIGHBOURS]))
    same = sum(neighbours.count(digit) for digit, neighbours in found)
    share = same / sum(len(neighbours) for _, neighbours in found)
    for digit, neighbours in found[:10]:
        print(f"a {digit}; its nearest neighbours: {neighbours}")
    print(f"{share:.1%} of the {NEIGHBOURS} nearest neighbours of {len(images):,} images are the same digit")
    return {"rows": len(images), "same_digit_share": share, "examples": found[:10]}


with DAG(
    "milvus_digits",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    params={"bucket": BUCKET},
    tags=["milvus"],
    doc_md=__doc__,
):
    create_collection = MilvusCreateCollectionOperator(
        task_id="create_collection", collection_name=COLLECTION, schema=SCHEMA, if_exists="recreate"
    )
    # [START import_and_wait]
    start_import = MilvusBulkImportOperator(
        task_id="start_import",
        collection_name=COLLECTION,
        files=[f"{COLLECTION}/all.parquet"],
        options={"timeout": "10m"},
        wait_for_completion=False,
    )
    wait_for_import = MilvusImportSensor(
        task_id="wait_for_import",
        job_id=start_import.output,
        poke_interval=5,
        timeout=600,
    )
    # [END import_and_wait]
    build_index = MilvusCreateIndexOperator(task_id="build_index", collection_name=COLLECTION, index_params=INDEX)
    load = MilvusLoadCollectionOperator(task_id="load", collection_name=COLLECTION)
    chain(
        [create_collection, write_files("{{ params.bucket }}", COLLECTION)],
        start_import,
        wait_for_import,
        build_index,
        load,
        search(),
    )
