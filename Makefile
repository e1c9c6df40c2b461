# Everything runs in a virtual environment of its own, built from the pins in constraints.txt and constraints/.
PYTHON ?= python3
BIN := .venv/bin
NEWEST := constraints.txt
# Compiled files are what makes the second start of everything fast.
unexport PYTHONDONTWRITEBYTECODE
PYTEST := -q -p no:cacheprovider
# Tests of a whole Airflow mostly wait, so the others run beside them, one suite after the other: last what never waits.
# Output comes a suite at a time, where make knows how (from 4.0 on).
SIDE_BY_SIDE := --jobs=2 $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

# The system tests that say something about Celery, beside its own.
ON_CELERY := examples failed_imports waits assets blue_green

.PHONY: help demo airflow test test-quick lint types unit integration whole-airflow everything-else system browser pictures
.PHONY: test-floor test-celery test-upgrade test-matrix
.PHONY: crash-test crash-test-celery conformance constraints bench docs dist format clean

help:
	@echo "make demo        load real vectors into a local Milvus through Airflow, and search them"
	@echo "make airflow     open the Airflow UI with the example DAGs and a local Milvus"
	@echo "make test        lint, types, unit, integration, system and browser tests on the newest Airflow"
	@echo "make test-quick  lint, types and unit tests"
	@echo "make test-floor  unit and integration tests on Airflow 2.11, with the oldest versions of everything"
	@echo "make test-celery system tests on PostgreSQL and Celery with two workers and two triggerers, all of which die"
	@echo "make test-upgrade upgrade the package under a running Airflow from the release before, and go back"
	@echo "make test-matrix the tests on every supported version of Airflow, on the oldest and newest Python of each"
	@echo "make crash-test  kill everything that loads files or moves readers, some 200 times, and count the rows"
	@echo "make crash-test-celery  kill everything of an Airflow on Celery, some 200 times, and count the rows"
	@echo "make conformance hold the local Milvus against the rules of Milvus's REST API, and write docs/conformance.md"
	@echo "make constraints pin the newest versions of everything that is installed, in constraints/"
	@echo "make browser     see the import view of a real Airflow in a headless Chromium"
	@echo "make pictures    take the pictures of README and documentation again, in docs/images"
	@echo "make bench       run the benchmarks"
	@echo "make docs        build the documentation, in build/docs; a warning is an error"
	@echo "make dist        build the wheel and the source archive, in dist, and check them as users will have them"

demo: .venv/ready
	$(BIN)/python scripts/airflow_database.py $(BIN)/python -m airflow_provider_milvus.local demo

airflow: .venv/ready
	$(BIN)/python scripts/airflow_standalone.py

test: .venv/ready
	$(MAKE) $(SIDE_BY_SIDE) whole-airflow everything-else

whole-airflow:
	$(MAKE) system
	$(MAKE) browser

everything-else:
	$(MAKE) lint
	$(MAKE) types
	$(MAKE) integration
	$(MAKE) unit

test-quick: lint types unit

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy

unit: .venv/ready
	$(BIN)/pytest $(PYTEST) --numprocesses auto --maxprocesses 4 --dist loadfile tests/unit

# They wait for servers half of the time.
integration: .venv/ready
	$(BIN)/pytest $(PYTEST) --numprocesses 3 --dist loadfile tests/integration

system: .venv/ready
	$(BIN)/pytest $(PYTEST) --numprocesses 2 --dist loadfile tests/system

# One after the other: they share an Airflow, and one of them measures how long a page takes. On a machine that is short
# of time a page can take longer than anybody waits for it, so only what fails twice is wrong.
browser: .venv/ready
	$(BIN)/pytest $(PYTEST) tests/browser || $(BIN)/pytest $(PYTEST) tests/browser

pictures: .venv/ready
	$(BIN)/pytest $(PYTEST) tests/browser/pictures.py

test-floor: .venv/ready
	$(BIN)/python scripts/run_matrix.py floor-py3.11

# Outages come last: they hit everything.
test-celery: .venv-celery/ready
	EXECUTOR=celery .venv-celery/bin/pytest $(PYTEST) $(patsubst %,tests/system/test_%.py,$(ON_CELERY)) tests/system/celery

test-upgrade: .venv/ready
	$(BIN)/pytest $(PYTEST) tests/upgrade

test-matrix: .venv/ready
	$(BIN)/python scripts/run_matrix.py $(ROWS)

constraints: .venv/ready
	$(BIN)/python scripts/make_constraints.py

crash-test: .venv/ready
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest $(PYTEST) tests/unit/submission/test_submission_histories.py
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest $(PYTEST) tests/integration/local/test_hostile_input.py
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest $(PYTEST) tests/integration/local/test_crashes.py
	HYPOTHESIS_PROFILE=thorough $(BIN)/pytest $(PYTEST) tests/integration/staging/test_verdicts.py
	$(BIN)/python tests/integration/staging/bucket_copies.py
	$(BIN)/python tests/integration/staging/kill_campaign.py
	$(BIN)/python tests/integration/campaigns/commit_kills.py
	$(BIN)/python tests/integration/campaigns/lost_responses.py
	$(BIN)/python tests/integration/campaigns/hostile_campaign.py
	$(BIN)/python tests/integration/campaigns/secret_leaks.py
	$(BIN)/python tests/system/triggerer_campaign.py
	$(BIN)/python tests/system/takeover_campaign.py
	$(BIN)/python tests/system/crash_campaign.py
	$(BIN)/python tests/system/blue_green_campaign.py

crash-test-celery: .venv-celery/ready
	.venv-celery/bin/python tests/system/celery/kill_campaign.py

conformance: .venv/ready
	$(BIN)/python tests/integration/conformance/table.py
	$(BIN)/python tests/integration/conformance/beside/run_beside.py
	$(BIN)/python tests/integration/conformance/clients/run_clients.py

bench: .venv/ready
	$(BIN)/python benchmarks/import_time.py
	$(BIN)/python benchmarks/request_cost.py
	$(BIN)/python benchmarks/submit_cost.py
	$(BIN)/python benchmarks/import_speed.py
	$(BIN)/python benchmarks/staging_speed.py
	$(BIN)/python benchmarks/sql_import.py
	$(BIN)/python benchmarks/watch_many.py
	$(BIN)/python benchmarks/two_triggerers.py
	$(BIN)/python benchmarks/airflow_lateness.py

docs: .venv-docs/ready
	.venv-docs/bin/sphinx-build --quiet --fail-on-warning --keep-going --builder html docs build/docs
	@echo "Open build/docs/index.html"

dist: .venv/ready
	$(BIN)/python scripts/check_dist.py

format: .venv/ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .venv-celery .venv-docs .venv-matrix build dist .demo .airflow .mypy_cache .ruff_cache .hypothesis

# The package itself is installed in place: its own files do not count.
.venv/ready: GROUPS := --group dev --group browser
.venv-celery/ready: GROUPS := --group dev --group celery
# uv takes a third of the time; only pip knows an index that pip's own settings name.
.venv/ready .venv-celery/ready: WHAT = --constraint $(NEWEST) --editable '.[local]' $(GROUPS)
.venv/ready .venv-celery/ready: pyproject.toml $(NEWEST)
	$(PYTHON) -m venv --clear $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(NEWEST) pip uv
	$(@D)/bin/uv pip install --quiet --python $(@D)/bin/python $(WHAT) || \
		$(@D)/bin/python -m pip install --quiet --disable-pip-version-check $(WHAT)
	touch $@

# Neither Airflow nor this package is needed to read the docstrings.
.venv-docs/ready: pyproject.toml constraints/docs.txt
	$(PYTHON) -m venv --clear .venv-docs
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check --constraint $(NEWEST) pip
	.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints/docs.txt --group docs
	touch $@
