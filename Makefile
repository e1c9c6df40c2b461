# Everything runs in a virtual environment of its own, built from the pinned constraints.
PYTHON ?= python3
# Airflow 2.11 runs on Python 3.11 and 3.12 only.
FLOOR_PYTHON ?= $(PYTHON)
BIN := .venv/bin
FLOOR_BIN := .venv-floor/bin
PYTEST := -q -p no:cacheprovider
# Each of them has Milvus servers of its own.
PARALLEL := --numprocesses auto --maxprocesses 4 --dist loadfile

.PHONY: help demo airflow test lint types unit integration system test-floor crash-test conformance bench format clean

help:
	@echo "make demo        load real vectors into a local Milvus through Airflow, and search them"
	@echo "make airflow     open the Airflow UI with the example DAGs and a local Milvus"
	@echo "make test        lint, types, unit, integration and system tests on the newest Airflow"
	@echo "make test-floor  unit and integration tests on Airflow 2.11"
	@echo "make crash-test  kill everything that loads files or moves readers, some 200 times, and count the rows"
	@echo "make conformance hold the local Milvus against the rules of Milvus's REST API, and write docs/conformance.md"
	@echo "make bench       run the benchmarks"

demo: .venv/ready
	$(BIN)/python scripts/airflow_database.py $(BIN)/python -m airflow_provider_milvus.local demo

airflow: .venv/ready
	$(BIN)/python scripts/airflow_standalone.py

test: lint types unit integration system

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy

unit integration: .venv/ready
	$(BIN)/pytest $(PYTEST) $(PARALLEL) tests/$@

system: .venv/ready
	$(BIN)/pytest $(PYTEST) --numprocesses 2 --dist loadgroup tests/system

test-floor: .venv-floor/ready
	$(FLOOR_BIN)/pytest $(PYTEST) $(PARALLEL) tests/unit tests/integration

crash-test: .venv/ready
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest $(PYTEST) tests/unit/submission/test_submission_histories.py
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest $(PYTEST) tests/integration/local/test_hostile_input.py
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest $(PYTEST) tests/integration/local/test_crashes.py
	$(BIN)/python tests/integration/campaigns/lost_responses.py
	$(BIN)/python tests/integration/campaigns/hostile_campaign.py
	$(BIN)/python tests/integration/campaigns/secret_leaks.py
	$(BIN)/python tests/system/triggerer_campaign.py
	$(BIN)/python tests/system/crash_campaign.py
	$(BIN)/python tests/system/blue_green_campaign.py

conformance: .venv/ready
	$(BIN)/python tests/integration/conformance/table.py

bench: .venv/ready
	$(BIN)/python benchmarks/import_time.py
	$(BIN)/python benchmarks/request_cost.py
	$(BIN)/python benchmarks/import_speed.py
	$(BIN)/python benchmarks/watch_many.py
	$(BIN)/python benchmarks/airflow_lateness.py

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .venv-floor .demo .airflow .mypy_cache .ruff_cache .hypothesis

.venv/ready: pyproject.toml constraints.txt
	$(call build,.venv,$(PYTHON),constraints.txt)

.venv-floor/ready: pyproject.toml constraints-floor.txt
	$(call build,.venv-floor,$(FLOOR_PYTHON),constraints-floor.txt)

define build
	$(2) -m venv --clear $(1)
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(3) pip
	$(1)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(3) --editable '.[local]' --group dev
	touch $@
endef
