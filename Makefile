# `make demo` and `make test` need Python 3.11 or newer, make and git; everything else is brought along.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
LOCK := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench format lock migrations clean

help: ## Say what there is
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(INSTALLED) ## A merchant's day through the real service; results in demo-output/
	@$(BIN)/storefront-adapter demo

test: lint ## Lint, then the whole suite
	$(BIN)/pytest -n 2 --dist loadgroup --durations 15

lint: $(INSTALLED) ## Format, style, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(INSTALLED) ## Measure throughput and latency
	$(BIN)/pytest tests/bench -s -p no:cacheprovider --override-ini=python_files='bench_*.py'

format: $(INSTALLED) ## Write the code as it should look
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(INSTALLED) ## Renew the lock files from pyproject.toml; UPGRADE=--upgrade takes the newest versions
	$(BIN)/$(LOCK) $(UPGRADE) --output-file requirements.lock > /dev/null
	$(BIN)/$(LOCK) $(UPGRADE) --extra dev --constraint requirements.lock --output-file requirements-dev.lock > /dev/null

migrations: $(INSTALLED) ## Write a migration for changed tables: make migrations NAME=what_changed
	@test -n "$(NAME)" || { echo "say what changed: make migrations NAME=what_changed"; exit 2; }
	$(BIN)/tortoise -c adapter.infra.database.TORTOISE makemigrations -n $(NAME)

clean: ## Remove what the other targets made
	rm -rf $(VENV) demo-output .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(INSTALLED): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another one: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 2; }
	@echo "Setting up $(VENV) (once, a minute or two) …"
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv"; exit 2; }
	@echo "Installing the locked packages …"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@echo "Looking for a headless Chromium and fonts …"
	@$(BIN)/python -c 'from functools import partial; from adapter.infra.browser import install; install(partial(print, flush=True))'
	@touch $@
