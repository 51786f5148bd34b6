# SPDX-License-Identifier: Apache-2.0
# The verbs of this project. Each installs what is missing, and says so.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.NOTPARALLEL:
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PINS := etc/requirements.txt etc/requirements-dev.txt
QUIETLY := -m pip --quiet --quiet --disable-pip-version-check
PIP := $(BIN)/python $(QUIETLY)

# Two workers. With real guests a file stays with one of them, for its tests share a private host.
PYTEST := $(BIN)/python -m pytest -q --numprocesses=2
FAST := tests/fast tests/unit $(wildcard tests/test_*.py)
REAL := tests/real tests/clients

# Tempest has requirements of its own, and pins of its own for them.
TEMPEST := .conformance/venv
TEMPEST_PINS := etc/requirements-conformance.txt

.PHONY: help demo install wheel test fast real check fix conformance faults run regenerate bench \
    setup tools root

help:  ## these lines
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 12

demo: root setup  ## a real server's whole life: files from outside, reboots, suspend, poweroff from inside
	$(BIN)/python -m tests.lab.demo

install: root  ## make this machine a Cumulet host, or bring one to this version
	@etc/provision

wheel: setup  ## the package for Python, in dist/
	@rm -rf build dist
	@$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .
	@rm -rf build
	@ls dist/*.whl

test: root check fast real  ## everything that continuous integration runs

fast: root tools  ## the tests without guests
	$(PYTEST) --dist=worksteal $(FAST)

real: root tools $(TEMPEST)/.ready  ## the tests with real guests and real clients
	$(PYTEST) --dist=loadfile --no-loadscope-reorder $(REAL)

check: tools  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: setup  ## what ruff can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

conformance: root setup $(TEMPEST)/.ready  ## OpenStack's own tests, tempest, against a cloud: TESTS=regex, FAILED=1, MICROVERSION=2.96
	@$(BIN)/python -m tests.conformance

faults: root tools  ## the whole crash matrix: others barge in at every point, alive and killed
	$(PYTEST) --dist=worksteal --faults tests/fast/test_crash_matrix.py tests/fast/test_crash_barging.py

run: root setup  ## serve from this checkout, for development: state in /var/lib/cumulet-dev
	$(BIN)/cumulet init --state-dir /var/lib/cumulet-dev
	$(BIN)/cumulet serve --config /var/lib/cumulet-dev/cumulet.yaml

regenerate: root setup  ## rewrite the golden files; git shows the difference
	$(PYTEST) --dist=worksteal tests/fast tests/unit --regenerate

bench: root setup  ## measure a server's life, power actions, reads, the sweep and an upload, each against a floor
	$(BIN)/python -m bench.lifecycle
	$(BIN)/python -m bench.power
	$(BIN)/python -m bench.sweep
	$(BIN)/python -m bench.reads
	$(BIN)/python -m bench.upload

setup: $(READY)
	@.ci/install-packages run build lab

tools: setup
	@.ci/install-packages test

root:
	@if ((EUID != 0)); then \
	    echo "libvirt and its guests need root. Run: sudo make $(MAKECMDGOALS)" >&2; exit 2; \
	fi

$(READY): pyproject.toml $(PINS) etc/debian-packages.txt
	@.ci/install-packages run build
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "$(PYTHON) is older than 3.11. Run: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; \
	    exit 2; \
	}
	@echo "Installing $$(cat $(PINS) | grep -c ==) Python packages into $(VENV) (about a minute) …"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --constraint etc/requirements.txt setuptools
	@$(PIP) install --no-build-isolation $(PINS:%=--requirement %)
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(TEMPEST)/.ready: $(TEMPEST_PINS)
	@echo "Installing tempest into $(TEMPEST) (about a minute) …"
	@rm -rf $(TEMPEST)
	@$(PYTHON) -m venv $(TEMPEST)
	@$(TEMPEST)/bin/python $(QUIETLY) install --no-deps --only-binary :all: --requirement $<
	@$(TEMPEST)/bin/python $(QUIETLY) check
	@touch $@
