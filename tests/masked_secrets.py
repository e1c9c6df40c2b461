"""The secrets that Airflow's masker knows."""

import sys

# Where the masker is: from Airflow 3.2 on, in 3.0 and 3.1, and in 2.11.
MASKERS = (
    "airflow.sdk._shared.secrets_masker",
    "airflow._shared.secrets_masker",
    "airflow.sdk.execution_time.secrets_masker",
    "airflow.utils.log.secrets_masker",
)


def forget_masked_secrets() -> None:
    """Let Airflow mask only what it gets to know from now on.

    Secrets of earlier tests would be masked as well, which hides what is not, and costs time: each new one compiles an
    expression of them all.
    """
    for name in MASKERS:
        if (module := sys.modules.get(name)) and hasattr(module, "_secrets_masker"):
            masker = module._secrets_masker()
            masker.patterns, masker.replacer = set(), None
