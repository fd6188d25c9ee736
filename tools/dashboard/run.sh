#!/usr/bin/env bash
# Holds the dashboard and the alerts to what they need: Grafana's types (with Go), the grammar of LogQL, promtool, and every
# query run by a real Prometheus that scrapes two real Envoys with traffic. TOOLGATE_PROMETHEUS is the folder of `prometheus`
# and `promtool`, if they are not on the PATH.
set -euo pipefail
cd "$(dirname "$0")"
root=$(cd ../.. && pwd)

node dashboard.mjs --check
[ -d node_modules ] || npm ci --silent --no-audit --no-fund
node logql.mjs
if command -v go >/dev/null; then
  (cd model && go build -trimpath -o "$root/.cache/dashboard/model" .)
  "$root/.cache/dashboard/model" "$root/envoy/grafana-dashboard.json"
else
  echo "SKIPPED: Go, which builds the check of Grafana's types, is not installed"
fi
if [ -z "${TOOLGATE_PROMETHEUS:-}" ] && ! { command -v prometheus && command -v promtool; } >/dev/null; then
  echo "SKIPPED, no query was run: install Prometheus (on Debian: apt install prometheus)"
  exit
fi
cd "$root"
ENVOY_BIN="$(tools/get-envoy.sh)" cargo test --locked --test envoy dashboard -- --include-ignored --nocapture
