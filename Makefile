# `make run` serves the whole product, `make test` runs its tests. Both set up what they need, below .venv/ and
# var/ alone: no root, no database server, no Redis.

VENV := .venv
BIN := $(VENV)/bin
# The first Python on this machine that is new enough. Another one: make run PYTHON=/path/to/python3
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
UV ?= uv
# What to test, and how: make test ARGS="tests/tokens -x"
ARGS ?=

PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input install --require-hashes
MANAGE := $(BIN)/python manage.py
# Which scenarios, and at what scale: make faults FAULT="killed_workers two_beats" SCALE=0.1
FAULT ?=
# What to measure alone: make bench CASE="user robots"
CASE ?=
SCALE ?= 1
# How many tests at a time
WORKERS ?= auto
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test faults bench bench-short lint check format messages screenshots lock clean

help:
	@echo "make run     serve Muster on http://127.0.0.1:8000 (PORT=, HOST=, DEMO=0, MUSTER_DATA= change what is said here)"
	@echo "make test    run the whole suite (ARGS= narrows it)"
	@echo "make faults  kill, stop and fill up what it stands on, at full length (FAULT= SCALE= narrow it)"
	@echo "make bench   measure beside two references, and write docs/figures.md (CASE= narrows it)"
	@echo "make lint    formatting, lint, types, imports, migrations"
	@echo "make check   all of that, the suite, then speed"
	@echo "make format  format the code and mend what ruff can mend"
	@echo "make messages  bring the catalogues of translations up to date (needs GNU gettext)"
	@echo "make screenshots  take the pictures of the documentation again (needs a Chromium)"
	@echo "make lock    compile the requirements again, with hashes (needs uv)"
	@echo "make clean   remove .venv/ and caches; data in var/ stays"

# Setting up: the stamps are older than their requirements only when something changed ---------------------

setup: $(VENV)/.runs
setup-dev: $(VENV)/.tests

$(VENV)/.venv:
	@test -n "$(PYTHON)" || { echo "Muster needs Python 3.11 or newer. Name one: make run PYTHON=/path/to/python3"; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is incomplete here (Debian, Ubuntu: the package python3-venv)."; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@touch $@

$(VENV)/.runs: requirements.txt | $(VENV)/.venv
	@echo "Installing what Muster runs on (once; a minute or so)"
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/.tests: requirements-dev.txt $(VENV)/.runs
	@echo "Installing what its tests need (once)"
	@$(PIP) -r requirements-dev.txt
	@touch $@

# The two commands -------------------------------------------------------------------------------------------

run: setup
	@exec $(MANAGE) serve

test: setup-dev
	@$(PYTEST) $(ARGS)

# Takes hours at its full scale, and a PostgreSQL server's programs; the tests play a short version of each.
faults: setup-dev
	@$(BIN)/python -m tests.faults --scale $(SCALE) $(FAULT)

# Some twenty minutes, in two worlds, the larger of which takes a while to fill; needs a PostgreSQL server's programs.
bench: setup-dev
	@$(BIN)/python -m bench --large --goals --record $(CASE)

# Six of the calls, about a minute: the ratios that are recorded must hold, or nearly so.
bench-short: setup-dev
	@$(BIN)/python -m bench --short

# For those who change it ------------------------------------------------------------------------------------

lint: setup-dev
	@echo "== ruff format"  && $(BIN)/ruff format --check --quiet . || { echo "Run: make format"; exit 1; }
	@echo "== ruff check"   && $(BIN)/ruff check --quiet .
	@echo "== mypy"         && $(BIN)/mypy --no-error-summary .
	@echo "== lint-imports" && $(BIN)/lint-imports --no-logo
	@echo "== migrations"   && MUSTER_DATA=$(VENV)/scratch $(MANAGE) makemigrations --check --dry-run

check: lint
	@echo "== pytest"       && $(PYTEST) $(ARGS)
	@echo "== bench"        && $(MAKE) --no-print-directory bench-short

format: setup-dev
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

messages: setup-dev
	@$(MANAGE) messages

screenshots: setup-dev
	@mkdir -p docs/screens
	@$(BIN)/python -m tests.console.screens docs/screens

lock:
	@command -v $(UV) >/dev/null || { echo "Needs uv (pipx install uv), or: make lock UV=/path/to/uv"; exit 1; }
	@for name in requirements requirements-s3 requirements-dev; do \
		echo "Compiling $$name.txt"; \
		$(UV) pip compile --quiet --generate-hashes --universal --no-emit-index-url --python-version 3.11 \
			$$(test $$name = requirements || echo "--constraint requirements.txt") $$name.in -o $$name.txt || exit 1; \
	done

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .hypothesis
