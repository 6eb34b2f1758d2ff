#!/usr/bin/env bash
# Afterwards .venv holds exactly the packages of requirements-dev.lock (hashes checked) and this project, editable.
# Does nothing when that is already so. Needs Python 3.11 or newer; PYTHON=/path/to/python chooses one.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/debian.sh

venv=$PWD/.venv
stamp=$venv/.installed
# The path belongs to it: an environment does not survive being moved.
wanted=$(echo "$PWD" | cat - requirements-dev.lock pyproject.toml scripts/setup.sh | sha256sum | cut -d ' ' -f 1)
if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && "$venv/bin/python" -c '' 2>/dev/null; then
  exit 0
fi

new_enough='import sys; sys.exit(sys.version_info < (3, 11))'

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$candidate" -c "$new_enough" 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  echo "MLC Service needs Python 3.11 or newer${PYTHON:+, and PYTHON=$PYTHON is not}." \
    "Name one: make setup PYTHON=/path/to/python3" >&2
  return 1
}

# A virtual environment with pip in it. Debian keeps the part of Python that makes one in a package of its own.
make_venv() {
  local python=$1 version problem
  problem=$("$python" -m venv --clear "$venv" 2>&1) && return
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  if debian_install "python$version-venv" || debian_install python3-venv; then
    "$python" -m venv --clear "$venv"
    return
  fi
  echo "$problem" >&2
  echo "$python cannot make a virtual environment. As root: apt-get install python$version-venv" >&2
  return 1
}

# uv does not read pip's configuration; a machine with a package index or authorities of its own told pip and the system.
follow_pip() {
  local index
  index=$("$venv/bin/python" -m pip config list | sed -n "s/^[^=]*\.index-url='\(.*\)'$/\1/p" | head -n 1)
  [ -z "$index" ] || export UV_DEFAULT_INDEX=${UV_DEFAULT_INDEX:-$index}
  # a bare container has no authorities at all: there uv's own have to do
  if "$venv/bin/python" -c 'import ssl, sys; sys.exit(not ssl.create_default_context().cert_store_stats()["x509_ca"])'; then
    export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true}
  fi
}

rm -f "$stamp"
if ! { "$venv/bin/python" -c "$new_enough" && "$venv/bin/python" -m pip --version; } >/dev/null 2>&1; then
  python=$(find_python)
  echo "making .venv with $("$python" --version)"
  make_venv "$python"
fi

follow_pip
pinned_uv=$(sed -n '/^uv==/,/[^\\]$/p' requirements-dev.lock)
if [ "$("$venv/bin/uv" --version 2>/dev/null | cut -d ' ' -f 2)" != "$(sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements-dev.lock)" ]; then
  "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r <(echo "$pinned_uv")
fi

uv() { "$venv/bin/uv" --quiet "$@" --python "$venv/bin/python"; }
uv pip sync --require-hashes requirements-dev.lock
uv pip install --no-deps --no-build-isolation --editable .
echo "$wanted" >"$stamp"
echo "set up .venv: $(grep -c '^[a-z].*==' requirements-dev.lock) locked packages, $("$venv/bin/python" --version)"
