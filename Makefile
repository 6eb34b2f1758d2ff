# Everything a person does with a clone. `make` alone prints this list.
SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
# Two workers suit two cores and one database per worker; `make test WORKERS=auto` takes all cores.
WORKERS ?= 2
# Handed to pytest: `make test ARGS="tests/unit/engine -k timer"`.
ARGS ?=
# The objects that expressions talk to, for the page that lists what they offer.
EXPRESSION_HOSTS = execution=mlc_service.engine.variables:ExecutionView \
	task=mlc_service.engine.elements.task_view:TaskView

.PHONY: help setup demo up test lint format bench tck conformance elements docs lock clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## .venv with exactly the locked packages; does nothing when that is already so
	@scripts/setup.sh

demo: setup ## drive one model from snapshot to production and print who did what, and how long it took
	@$(BIN)/mlc demo

up: setup ## the demo, then keep serving until Ctrl-C; prints the address and the login
	@$(BIN)/mlc demo --keep

test: setup ## linters, types, import contracts, then all tests on SQLite, PostgreSQL and Redis
	@scripts/ensure_services.sh postgresql redis
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

bench: setup ## beside Camunda 7; what a start costs; then the engine, expressions, decisions and scripts; a full database
	@scripts/ensure_services.sh postgresql wrk
	-@$(BIN)/python -m benchmarks.side_by_side
	@$(BIN)/python -m benchmarks.start_floor
	@$(BIN)/python -m benchmarks.engine
	@$(BIN)/python -m benchmarks.expressions
	@$(BIN)/python -m benchmarks.decisions
	@$(BIN)/python -m benchmarks.scripts
	@$(BIN)/python -m benchmarks.filled_database

docs: setup ## write the generated pages anew: docs/expressions.md, docs/decisions.md
	@$(BIN)/python -m mlc_service.language.page $(EXPRESSION_HOSTS) > docs/expressions.md
	@$(BIN)/python -m mlc_service.dmn.page > docs/decisions.md

tck: setup ## score of the official DMN test kit beside the repository, against a floor
	@$(BIN)/python -m benchmarks.tck

conformance: setup ## Camunda's engine tests, from the kit beside the repository, with the job executor on and off
	@$(BIN)/python -m benchmarks.conformance

elements: setup ## the table of supported elements in processes/README.md, from what the tests have run
	@$(BIN)/python -m benchmarks.elements

lock: setup ## write requirements*.lock anew from pyproject.toml; UPGRADE=1 takes newer versions
	@scripts/lock.sh $(if $(UPGRADE),--upgrade)

clean: ## remove .venv, caches and builds; the data folder .mlc stays
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
