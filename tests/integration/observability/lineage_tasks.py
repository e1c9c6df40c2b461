"""A process that runs tasks and lets Airflow's OpenLineage provider send the events that it would send.

The tasks are in the environment variable ``TASKS``: a JSON object of class and parameters by the name of the task. What
the provider extracts from a task is put into an event as its listener does, and emitted with its own client.
"""

import asyncio
import json
import os
import uuid
from types import SimpleNamespace

from airflow.exceptions import TaskDeferred
from airflow.providers.openlineage.extractors.base import DefaultExtractor
from airflow.providers.openlineage.plugins.adapter import OpenLineageAdapter
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState

from airflow_provider_milvus.exceptions import MilvusImportFailed
from airflow_provider_milvus.operators.bulk_import import MilvusBulkImportOperator
from airflow_provider_milvus.sensors.import_job import MilvusImportSensor
from airflow_provider_milvus.triggers import wait_trigger

wait_trigger.MIN_AGE_SECONDS = 0.0
CLASSES = {"operator": MilvusBulkImportOperator, "sensor": MilvusImportSensor}


async def event_of(trigger):
    (payload,) = [event.payload async for event in trigger.run()]
    return payload


def run(task_id, task_class, parameters):
    """The task after its end, and how it ended."""
    ti = SimpleNamespace(
        dag_id="dag",
        task_id=task_id,
        run_id="run",
        map_index=-1,
        try_number=1,
        max_tries=0,
        xcom_push=lambda key, value: None,
    )
    task = CLASSES[task_class](task_id=task_id, **parameters)
    try:
        task.execute({"ti": ti})
    except TaskDeferred as deferred:
        task.execute_complete({"ti": ti}, asyncio.run(event_of(deferred.trigger)))
    except MilvusImportFailed:
        return task, RunState.FAIL
    return task, RunState.COMPLETE


def emit(task, state):
    extractor = DefaultExtractor(task)
    extract = extractor.extract_on_complete if state is RunState.COMPLETE else extractor.extract_on_failure
    found = extract(None)
    OpenLineageAdapter().emit(
        RunEvent(
            eventType=state,
            eventTime="2026-01-31T10:00:00Z",
            run=Run(runId=str(uuid.uuid4()), facets=found.run_facets),
            job=Job(namespace="test", name=task.task_id, facets=found.job_facets),
            producer="https://airflow.apache.org",
            inputs=found.inputs,
            outputs=found.outputs,
        )
    )


job_ids = {}
for task_id, (task_class, parameters) in json.loads(os.environ["TASKS"]).items():
    task, state = run(task_id, task_class, parameters)
    emit(task, state)
    job_ids[task_id] = task.import_job_ids
print(json.dumps(job_ids))
