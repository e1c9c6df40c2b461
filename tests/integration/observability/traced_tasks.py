"""A process that runs tasks below a span, and prints the spans: one that succeeds, one that fails, one that defers."""

import asyncio
import json
from types import SimpleNamespace

from airflow.exceptions import TaskDeferred
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from airflow_provider_milvus.exceptions import MilvusImportFailed
from airflow_provider_milvus.hooks.milvus import MilvusHook
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.triggers import wait_trigger

wait_trigger.MIN_AGE_SECONDS = 0.0
SCHEMA = {
    "fields": [
        {"fieldName": "id", "dataType": "Int64", "isPrimary": True},
        {"fieldName": "vector", "dataType": "FloatVector", "elementTypeParams": {"dim": "2"}},
    ]
}


def run(task_id, **parameters):
    ti = SimpleNamespace(
        dag_id="dag",
        task_id=task_id,
        run_id="run",
        map_index=-1,
        try_number=1,
        max_tries=0,
        xcom_push=lambda key, value: None,
    )
    task = MilvusBulkImportOperator(task_id=task_id, collection_name="books", poll_interval=0.2, **parameters)
    try:
        task.execute({"ti": ti})
    except MilvusImportFailed:
        return
    except TaskDeferred as deferred:
        task.execute_complete({"ti": ti}, asyncio.run(event_of(deferred.trigger)))


async def event_of(trigger):
    (payload,) = [event.payload async for event in trigger.run()]
    return payload


exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
MilvusHook().create_collection("books", schema=SCHEMA)
with trace.get_tracer("test").start_as_current_span("worker.task"):
    run("good", files=["folder/first.parquet"])
    run("bad", files=["folder/wrong.parquet"])
    run("deferred", files=["folder/first.parquet", "folder/second.parquet"], deferrable=True, defer_after=0)
print(json.dumps([json.loads(span.to_json()) for span in exporter.get_finished_spans()]))
