"""What importing the operator, the sensor and the hook adds to a process that already has Airflow.

Each result is the median of several fresh processes with warm bytecode; the baseline is imported first in the same
process, as a DAG processor or a worker has it, and timed apart.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

REPEATS = 7
BASELINE = (
    "from airflow.providers.common.compat.sdk import BaseHook, BaseOperator, BaseSensorOperator, conf\n"
    "import airflow.triggers.base\n"
)
OURS = (
    "import airflow_provider_milvus.operators.bulk_import\n"
    "import airflow_provider_milvus.sensors.import_job\n"
    "import airflow_provider_milvus.hooks.milvus\n"
)
PROBE = f"""
import json, sys, time
start = time.perf_counter()
{BASELINE}
between, before = time.perf_counter(), set(sys.modules)
{OURS}
end = time.perf_counter()
added = sorted(set(sys.modules) - before)
foreign = [m for m in added if m.split(".")[0] not in sys.stdlib_module_names | {{"airflow_provider_milvus"}}]
print(json.dumps([(between - start) * 1000, (end - between) * 1000, len(added), foreign]))
"""


def main() -> None:
    runs = []
    for _ in range(REPEATS + 1):
        output = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True).stdout
        runs.append(json.loads(output.splitlines()[-1]))
    baseline, ours = (statistics.median(run[i] for run in runs[1:]) for i in (0, 1))
    print(f"Airflow's own base classes     {baseline:8.1f} ms")
    print(f"operators, sensors and hook    {ours:8.1f} ms more, {runs[-1][2]} modules")
    print(f"ratio                          {ours / baseline:8.3f}")
    print(f"modules outside the standard library and Airflow's preloads: {runs[-1][3] or 'none'}")


if __name__ == "__main__":
    main()
