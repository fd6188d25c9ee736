#!/usr/bin/env bash
# Runs each target for $TIME seconds, from its seeds and an empty corpus, and fails if one of them fails.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${TIME:-60}
version=0.13.2
targets=${TARGETS:-anonymous configuration events jsonrpc listing proof sessions token}

export PATH="$PWD/.cache/tools/bin:$PATH"
command -v cargo-fuzz >/dev/null || cargo install --quiet --locked --root .cache/tools cargo-fuzz --version "$version"
if cargo +nightly --version >/dev/null 2>&1; then
  fuzz=(cargo +nightly fuzz) sanitizer=address
else
  fuzz=(cargo fuzz) sanitizer=none
fi
echo "fuzzing with $("${fuzz[@]:0:${#fuzz[@]}-1}" --version), sanitizer: $sanitizer, $seconds s each"

export CARGO_TARGET_DIR="$PWD/target/fuzz-$sanitizer"
"${fuzz[@]}" build --sanitizer "$sanitizer"
failed=()
for target in $targets; do
  corpus=.cache/fuzz/corpus/$target found=.cache/fuzz/found/$target log=.cache/fuzz/$target.log
  rm -rf "$corpus"
  mkdir -p "$corpus" "$found"
  if "${fuzz[@]}" run --sanitizer "$sanitizer" "$target" "$corpus" "fuzz/seeds/$target" -- -max_total_time="$seconds" \
    -timeout=10 -dict=fuzz/words.dict -artifact_prefix="$found/" -print_final_stats=1 >"$log" 2>&1; then
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    echo "$target: $runs executions, $edges edges covered, nothing found"
  else
    failed+=("$target")
    tail -n 40 "$log"
    echo "$target: FAILED, its input is in $found, all of its output in $log"
  fi
done
[ ${#failed[@]} -eq 0 ]
