#!/usr/bin/env bash
# Builds both control planes and the Kubernetes API into .cache/mesh/bin, each from the go.mod and go.sum beside this script,
# once: what is there for the same files is kept. From nothing: 2.1 GB of modules, 6.6 GB of build cache, and 26 minutes of
# processor time.
set -euo pipefail
cd "$(dirname "$0")"
out=$(cd ../.. && pwd)/.cache/mesh
export GOFLAGS=-trimpath
mkdir -p "$out/bin" "$out/crds" "$out/stamps"

kubernetes="-X k8s.io/component-base/version.gitVersion=v1.36.3 -X k8s.io/component-base/version.gitMajor=1"
kubernetes="$kubernetes -X k8s.io/component-base/version.gitMinor=36"
programs=(
  # name, module, package, minutes from nothing
  "etcd etcd go.etcd.io/etcd/server/v3 1"
  "kube-apiserver kubernetes k8s.io/kubernetes/cmd/kube-apiserver 4"
  "kubectl kubernetes k8s.io/kubernetes/cmd/kubectl 1"
  "pilot-discovery istio istio.io/istio/pilot/cmd/pilot-discovery 4"
  "pilot-agent istio istio.io/istio/pilot/cmd/pilot-agent 1"
  "envoy-gateway envoy-gateway github.com/envoyproxy/gateway/cmd/envoy-gateway 4"
)

stamp() { cat "$1/go.mod" "$1/go.sum" | sha256sum; }
# built NAME MODULE: whether it is there, and from the same files.
built() { [ -x "$out/bin/$1" ] && [ "$(cat "$out/stamps/$1" 2>/dev/null)" = "$(stamp "$2")" ]; }

number=0
for program in "${programs[@]}"; do
  read -r name module package minutes <<<"$program"
  number=$((number + 1))
  built "$name" "$module" && continue
  echo "mesh: [$number/${#programs[@]}] building $name, which takes about $minutes min"
  started=$SECONDS flags="-s -w"
  [ "$module" != kubernetes ] || flags="$flags $kubernetes"
  (cd "$module" && go build -ldflags "$flags" -o "$out/bin/$name" "$package")
  stamp "$module" >"$out/stamps/$name"
  echo "mesh: [$number/${#programs[@]}] $name: $((SECONDS - started)) s"
done

# The definitions of their kinds, and Istio's templates for the proxy and its Deployment, are files of the same modules.
folder() { (cd "$1" && go list -m -f '{{.Dir}}' "$2"); }
join() { for file in "$@"; do cat "$file" && printf '\n---\n'; done; }
istio=$(folder istio istio.io/istio)
gateway=$(folder envoy-gateway github.com/envoyproxy/gateway)
gateway_api=$(folder envoy-gateway sigs.k8s.io/gateway-api)
join "$istio/manifests/charts/base/files/crd-all.gen.yaml" >"$out/crds/istio.yaml"
join "$gateway_api"/config/crd/standard/gateway.networking.k8s.io_*.yaml >"$out/crds/gateway-api.yaml"
join "$gateway"/charts/gateway-helm/charts/crds/crds/generated/*.yaml >"$out/crds/envoy-gateway.yaml"
chart=$istio/manifests/charts/istio-control/istio-discovery
install -D -m 644 -t "$out/istio" "$istio/tools/packaging/common/envoy_bootstrap.json" "$chart/values.yaml" "$chart/files/kube-gateway.yaml"
