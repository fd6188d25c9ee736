#!/usr/bin/env bash
# Holds every combination of deploy/ to the schemas of Istio, the Gateway API and Envoy Gateway, and reads its compose file as
# docker compose does. Needs Go, which fetches and builds kubeconform, compose-go (and kustomize, where kubectl is not
# installed) into .cache/, and fetches the CRDs.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)
out=$root/.cache/manifests

# The versions that docs/istio.md and docs/envoy-gateway.md name: Istio 1.31, Gateway API 1.6.1, Envoy Gateway 1.9.1.
istio=istio.io/istio@v0.0.0-20260827124520-eed52ebb66ad
gateway_api=sigs.k8s.io/gateway-api@v1.6.1
envoy_gateway=github.com/envoyproxy/gateway@v1.9.1
versions="$istio $gateway_api $envoy_gateway"

mkdir -p "$out"
go build -trimpath -o "$out/" github.com/yannh/kubeconform/cmd/kubeconform .
go build -trimpath -o "$out/compose" github.com/compose-spec/compose-go/v2/cmd
if command -v kubectl >/dev/null; then
  export TOOLGATE_KUSTOMIZE="kubectl kustomize"
else
  go build -trimpath -o "$out/" sigs.k8s.io/kustomize/kustomize/v5
  export TOOLGATE_KUSTOMIZE="$out/kustomize build"
fi
if [ "$(cat "$out/versions" 2>/dev/null)" != "$versions" ]; then
  folder() { (cd "$out" && go mod download -json "$1") | sed -n 's/^\t"Dir": "\(.*\)",\{0,1\}$/\1/p'; }
  istio=$(folder "$istio") gateway_api=$(folder "$gateway_api") envoy_gateway=$(folder "$envoy_gateway")
  rm -rf "$out/schemas"
  "$out/manifests" "$out/schemas" "$istio/manifests/charts/base/files/crd-all.gen.yaml" \
    "$gateway_api"/config/crd/standard/gateway.networking.k8s.io_*.yaml \
    "$envoy_gateway"/charts/gateway-helm/charts/crds/crds/generated/*.yaml
  echo "$versions" >"$out/versions"
fi
export TOOLGATE_KUBECONFORM="$out/kubeconform" TOOLGATE_SCHEMAS="$out/schemas" TOOLGATE_COMPOSE="$out/compose"
cd "$root"
cargo test --locked --package toolgate-cli --test cli -- --nocapture compose deploy
