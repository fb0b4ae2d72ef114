# Everything here works on a machine with make and python3 (3.11 or later, with venv) and nothing else.
#
#   make demo      see syncd work, against two simulated apps
#   make test      run the tests
#   make coverage  the same, and whether they executed what they must
#   make lint      formatting, lint, types, and who may import whom
#   make docs      write docs/reference anew, from the code
#   make campaign  tell a million random stories to the engine, and ask what became of them (make campaign SEEDS=0..999)
#   make thorough  properties, fuzzing and the stateful model, with many more examples (EFFORT times; 40 by default)
#   make crash     kill syncd at every point and at random, and cut its power (see docs/crash.md)
#   make bench     measure how fast it is, each figure beside its limit (make bench SIZES="10000 100000")
#   make profile   show where the time goes, with a flame graph (docs/profile)
#   make soak      run the daemon for hours between two busy apps, and watch what it takes (make soak FOR=10m)
#   make live      tests against real third-party servers (see tests/live)
#   make browser   the web console in a real browser (Chromium), with axe-core from npm; screens go to build/screens
#   make audit     known vulnerabilities in what the locks name, and a bill of materials (build/sbom.json)
#   make lock      choose new versions for requirements.lock and requirements-dev.lock
#   make clean     remove what the above made

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
TESTS  ?=
FOR    ?= 2h
SEEDS  ?= 0..999999
SIZES  ?= 10000 100000
MEASURE ?=

EFFORT ?= 40
TOUGH  := tests/model tests/fuzz tests/mapping tests/settings/test_toml.py tests/core/test_laws.py

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test coverage thorough lint docs campaign bench profile crash live browser soak audit lock clean

help:
	@sed -n 's/^#   //p' Makefile

demo: $(VENV)/.runtime
	@$(BIN)/syncd demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 $(TESTS)

thorough: $(VENV)/.dev
	SYNCD_HYPOTHESIS=thorough SYNCD_EFFORT=$(EFFORT) $(BIN)/python -m pytest -n 2 --timeout 0 $(or $(TESTS),$(TOUGH))

# Every branch of what decides, every `except` clause of what runs: see tests/house/covered.py.
coverage: export COVERAGE_FILE ?= $(CURDIR)/.coverage
coverage: $(VENV)/.dev
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n 2 $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/python -m tests.house.covered

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/.runtime
	$(BIN)/python -m syncd.console.reference docs/reference

campaign: $(VENV)/.runtime
	$(BIN)/python -m syncd.testing simulate --seeds $(SEEDS)

crash: $(VENV)/.dev
	$(BIN)/python -m syncd.testing crash --every
	$(BIN)/python -m syncd.testing crash --random 200
	$(BIN)/python -m tests.crash.power

live: $(VENV)/.dev
	$(BIN)/python -m pytest tests/live tests/store -m live -s --override-ini timeout=900 \
	  --override-ini addopts="--strict-markers --import-mode=importlib" $(TESTS)

browser: export AXE := $(CURDIR)/build/axe/node_modules/axe-core/axe.min.js
browser: $(VENV)/.dev build/axe/node_modules/axe-core
	$(BIN)/python -m pytest tests/web/browser -m browser \
	  --override-ini addopts="--strict-markers --import-mode=importlib -q" --timeout 600 $(TESTS)

build/axe/node_modules/axe-core:
	npm install --silent --no-audit --no-fund --prefix build/axe axe-core

bench: $(VENV)/.runtime
	$(BIN)/python -m benchmarks $(MEASURE) --sizes $(SIZES)
	$(BIN)/python -m benchmarks.plots

profile: $(VENV)/.dev
	$(BIN)/python -m benchmarks.profile

soak: $(VENV)/.runtime
	$(BIN)/python -m syncd.testing soak --for $(FOR) --pace 10

# --- one virtual environment, three stamps: made, able to run, able to develop
#
# The locks name everything, so pip resolves nothing (--no-deps): an older pip would look for the newest release behind
# an extra (coverage[toml]) and refuse it for having no hash.

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "syncd needs Python 3.11 or later, and this is $$($(PYTHON) --version). Name another: make PYTHON=python3.12"; \
	  exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  $(PYTHON) -c 'import sys; print("Python lacks venv. On Debian and Ubuntu: apt install python3.%d-venv" % sys.version_info[1])'; \
	  exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/.made
	$(PIP) install --no-deps --require-hashes -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(VENV)/.runtime
	$(PIP) install --no-deps --require-hashes -r requirements-dev.lock
	@touch $@

# Versions are resolved for every Python and platform at once. No index is named: each machine has its own.
LOCKING := build/lock
AUDITING := build/audit
RESOLVE  = $(LOCKING)/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --upgrade --quiet \
             --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --group build

lock: $(LOCKING)/bin/uv
	$(RESOLVE) --extra postgres --output-file requirements.lock
	$(RESOLVE) --all-extras --constraints requirements.lock --output-file requirements-dev.lock

$(LOCKING)/bin/uv:
	$(PYTHON) -m venv $(LOCKING)
	$(LOCKING)/bin/python -m pip install --quiet uv

# Asks an advisory service by name and version of each package, and fails where it says nothing of one; nothing is
# installed but the two tools themselves.
audit: $(AUDITING)/bin/pip-audit
	$(AUDITING)/bin/cyclonedx-py requirements requirements.lock --of JSON -o build/sbom.json
	$(AUDITING)/bin/pip-audit --strict --requirement requirements.lock --require-hashes --disable-pip --progress-spinner off
	$(AUDITING)/bin/pip-audit --strict --requirement requirements-dev.lock --require-hashes --disable-pip --progress-spinner off

$(AUDITING)/bin/pip-audit:
	$(PYTHON) -m venv $(AUDITING)
	$(AUDITING)/bin/python -m pip install --quiet pip-audit cyclonedx-bom

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
