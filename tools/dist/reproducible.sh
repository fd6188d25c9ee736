#!/bin/sh
# Builds the packages twice: in two clones of the last commit, each with a folder and a CARGO_HOME of its own. Every
# file must be the same.
set -eu

project=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
root=$project/.cache/reproducible
rm -rf "$root"
trap 'rm -rf "$root"' EXIT
for clone in one another/deeper; do
  mkdir -p "$root/$clone"
  git clone --quiet "$project" "$root/$clone/toolgate"
  echo "building in $root/$clone/toolgate"
  # What builds stays the machine's: only the folders differ.
  (cd "$root/$clone/toolgate" && env -u CARGO_TARGET_DIR CARGO_HOME="$root/$clone/cargo" make dist >"$root/$clone/log" 2>&1) || {
    tail -n 20 "$root/$clone/log"
    exit 1
  }
done
if diff -r "$root/one/toolgate/dist" "$root/another/deeper/toolgate/dist"; then
  echo "the same: $(wc -l <"$root/one/toolgate/dist/SHA256SUMS") files"
else
  echo "the packages differ (see above)"
  exit 1
fi
