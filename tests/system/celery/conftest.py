"""Tests of an Airflow on Celery, where anything may die. ``make test-celery`` runs them."""

from __future__ import annotations

import sys
from pathlib import Path

from airflow_celery import on_celery

sys.path.insert(0, str(Path(__file__).parent))

# What it needs is not in the environment of the other tests.
collect_ignore_glob = [] if on_celery() else ["test_*.py"]
