# shellcheck shell=bash
# Sourced by the other scripts: the one place that asks Debian for a package.

# The packages are installed and nothing is said about it, or the call fails with apt's own words.
# RUNLEVEL=1 keeps their services from being started: what we need we start ourselves, on free ports.
debian_install() {
  local apt=(apt-get -qq -o Acquire::Retries=3 -o DPkg::Lock::Timeout=120) said
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    return 1
  fi
  echo "installing Debian's $*"
  if ! said=$({
    "${apt[@]}" update &&
      DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 "${apt[@]}" install -y --no-install-recommends "$@"
  } 2>&1); then
    echo "$said" >&2
    return 1
  fi
}
