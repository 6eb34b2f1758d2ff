#!/usr/bin/env bash
# Writes requirements.lock (run time) and requirements-dev.lock (that plus the dev group) from pyproject.toml:
# every version and hash, for any Python from 3.11, no index addresses. Versions stay unless --upgrade is given.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

compile() {
  .venv/bin/uv --quiet pip compile pyproject.toml "$@" \
    --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"
}

compile "$@" --output-file requirements.lock
compile "$@" --group dev --constraints requirements.lock --output-file requirements-dev.lock
