#!/usr/bin/env bash
# Random secrets for docker-compose.yml in secrets/, each made once: those that are there stay.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
umask 077
mkdir -p secrets

random() { head -c 24 /dev/urandom | base64 | tr -d '/+=\n'; }
keep() { [ -e "secrets/$1" ] || printf '%s' "$2" >"secrets/$1"; }

for name in postgres_password redis_password admin_password; do
  keep "$name" "$(random)"
done
keep database_url "postgresql://mlc:$(cat secrets/postgres_password)@postgres:5432/mlc"
keep redis_url "redis://:$(cat secrets/redis_password)@redis:6379/0"
# Docker Compose mounts files as they are, and the containers' user is not you
chmod 644 secrets/*
echo "log in as admin with the password in secrets/admin_password"
