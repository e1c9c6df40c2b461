"""A person's session: commands one after the other in one process, each with its exit code on a line of its own."""

import json
import os
import shlex
import sys

from airflow_provider_milvus.cli import main
from airflow_provider_milvus.hooks.milvus import MilvusHook

for line in json.loads(os.environ["COMMANDS"]):
    if "NEW" in line:  # a job that has just begun
        line = line.replace("NEW", MilvusHook().bulk_import("books", ["good.parquet"]))
    print(f"$ {line}", flush=True)
    code = 0
    try:
        main(shlex.split(line))
    except SystemExit as ended:
        code = ended.code or 0
    sys.stderr.flush()
    print(f"exit {code}", flush=True)
