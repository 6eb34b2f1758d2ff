# Everything a person does with a clone. `make` alone prints this list.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
# Two workers suit two cores and one database per worker; `make test WORKERS=auto` takes all cores.
WORKERS ?= 2
# Handed to pytest: `make test ARGS="tests/unit/engine -k timer"`.
ARGS ?=

.PHONY: help setup demo up test lint format bench lock clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## .venv with exactly the locked packages; does nothing when that is already so
	@scripts/setup.sh

demo: setup ## drive one model from snapshot to production and print who did what, and how long it took
	@$(BIN)/mlc demo

up: setup ## the demo, then keep serving until Ctrl-C; prints the address and the login
	@$(BIN)/mlc demo --keep

test: setup ## linters, types, import contracts, then all tests on SQLite and PostgreSQL
	@scripts/ensure_services.sh postgresql
	@$(MAKE) --no-print-directory lint
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

lint: setup ## what `make test` checks before it runs the first test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: setup ## let ruff mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: setup ## time per turn and stored state of a loop of 10,000 turns
	@$(BIN)/python benchmarks/loop.py

lock: setup ## write requirements*.lock anew from pyproject.toml; UPGRADE=1 takes newer versions
	@scripts/lock.sh $(if $(UPGRADE),--upgrade)

clean: ## remove .venv, caches and builds; the data folder .mlc stays
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
