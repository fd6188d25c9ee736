#!/usr/bin/env bash
# Runs toolgate in Istio and in Envoy Gateway: real control planes on a real Kubernetes API, without a cluster and its nodes.
# All of it stands in namespaces of its own, which end with the run, and with them every process and mount.
set -euo pipefail
cd "$(dirname "$0")/../.."

missing=()
needs() { command -v "$1" >/dev/null || missing+=("$2"); }
needs docker-registry docker-registry
needs skopeo skopeo
needs ip iproute2
needs curl curl
needs unshare util-linux
needs mount util-linux
[ -d /etc/ssl/certs ] || missing+=(ca-certificates)
if [ ${#missing[@]} -gt 0 ]; then
  echo "mesh: not installed: ${missing[*]}. On Debian and Ubuntu: apt-get install --no-install-recommends ${missing[*]}" >&2
  exit 1
fi
command -v go >/dev/null || { echo "mesh: Go, which builds the control planes, is not installed" >&2 && exit 1; }

tools/mesh/build.sh
ENVOY_BIN=$(tools/get-envoy.sh)
export ENVOY_BIN
cargo test --locked --quiet --test mesh --no-run

# Others than root become root in a namespace of users.
user=()
[ "$(id -u)" = 0 ] || user=(--map-root-user)
# In the background, because a shell takes signals while it waits, but not while a command runs. The end of `unshare` is
# the end of its child, which is the first process of the namespace, and so of all in there.
unshare "${user[@]}" --net --mount --pid --fork --kill-child --mount-proc \
  tools/mesh/inside.sh cargo test --locked --offline --quiet --test mesh -- "$@" &
namespace=$!
interrupt() {
  kill -KILL "$namespace" 2>/dev/null || :
  exit "$1"
}
trap 'interrupt 130' INT
trap 'interrupt 143' TERM HUP
wait "$namespace"
