# SPDX-License-Identifier: Apache-2.0
# The verbs of this project. `make demo` and `make test` install what is missing, and say so.

SHELL := /bin/bash
.DELETE_ON_ERROR:
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest -q

.PHONY: help demo test fast real check fix run regenerate bench setup

help:  ## these lines
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 12

demo: setup  ## a real server: booted, powered off from inside, started, deleted
	$(BIN)/python -m tests.lab.demo

test: setup  ## everything that continuous integration runs
	$(MAKE) --no-print-directory check
	$(PYTEST) tests

fast: setup  ## the tests without guests
	$(PYTEST) tests/unit tests/fast tests/test_*.py

real: setup  ## the tests with real guests and real clients
	$(PYTEST) tests/real tests/clients

check: setup  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: setup  ## what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

run: setup  ## serve from this checkout, for development: state in /var/lib/cumulet-dev
	$(BIN)/cumulet init --state-dir /var/lib/cumulet-dev
	$(BIN)/cumulet serve --config /var/lib/cumulet-dev/cumulet.yaml

regenerate: setup  ## rewrite the golden files; git shows the difference
	$(PYTEST) tests/unit tests/fast --regenerate

bench: setup  ## measure a server's life against bare libvirt calls
	$(BIN)/python -m bench.lifecycle

setup: $(READY)
	@.ci/install-packages

$(READY): pyproject.toml etc/requirements.txt etc/debian-packages.txt
	.ci/install-packages
	@echo "Installing the Python packages into $(VENV) …"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement etc/requirements.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
