"""What a user does with the command line of Zilliz Cloud, in the environment that runs this.

Prints {step: null or what went wrong} as JSON. Arguments: the URI of the server, and the folder of its bucket.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

CLUSTER, NAME, ROWS = "in01-local0000000000", "clients", 3
ZILLIZ = Path(sys.executable).with_name("zilliz")
KEY = "api-key-of-the-tests"


def zilliz(*arguments):
    """What a command prints, as JSON."""
    command = [str(ZILLIZ), "-o", "json", *arguments, "--cluster-id", CLUSTER]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def start(field, jobs):
    """Start an import of the file, named in this field of the body."""
    body = json.dumps({field: [["s3://bucket/rows.json"]]})
    jobs.append(zilliz("import", "start", "--collection", NAME, "--body", body)["jobId"])


def start_by_object_urls(jobs):
    start("objectUrls", jobs)


def start_by_files(jobs):
    start("files", jobs)


def status(jobs):
    for job in jobs:
        while (found := zilliz("import", "status", "--job-id", job))["state"] not in ("Completed", "Failed"):
            time.sleep(0.2)
        assert (found["state"], found["importedRows"]) == ("Completed", ROWS), found


def list_jobs(jobs):
    assert {one["jobId"] for one in zilliz("import", "list")["records"]} == set(jobs)


def main():
    uri, bucket = sys.argv[1:]
    rows = [{"id": number, "vector": [number] * 4} for number in range(ROWS)]
    Path(bucket, "rows.json").write_text(json.dumps(rows))
    create = urllib.request.Request(
        f"{uri}/v2/vectordb/collections/create",
        json.dumps({"collectionName": NAME, "dimension": 4}).encode(),
        {"Content-Type": "application/json"},
    )
    urllib.request.urlopen(create, timeout=60).close()
    os.environ |= {"ZILLIZ_CONFIG_DIR": tempfile.mkdtemp(), "ZILLIZ_API_KEY": KEY}
    subprocess.run([str(ZILLIZ), "configure", "set", "base_url", uri], check=True, capture_output=True, timeout=60)
    results, jobs = {}, []
    for step in (start_by_object_urls, start_by_files, status, list_jobs):
        try:
            step(jobs)
            results[step.__name__] = None
        except Exception as error:
            results[step.__name__] = f"{type(error).__name__}: {str(error)[-200:]}"
    print(json.dumps({"steps": results}))


if __name__ == "__main__":
    main()
