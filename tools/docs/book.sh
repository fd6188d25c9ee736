#!/bin/sh
# `make docs`: the book in target/book/docs/, beside copies of the files outside docs/ that its pages link to, so that every
# link works from the disk too. mdBook comes from the crate registry the first time, into .cache/tools/.
set -eu
cd "$(dirname "$0")/../.."

VERSION=0.5.4
mdbook=.cache/tools/bin/mdbook
[ "$("$mdbook" --version 2>/dev/null)" = "mdbook v$VERSION" ] ||
  cargo install --quiet --locked --root .cache/tools mdbook --version "$VERSION"

rm -rf target/book
"$mdbook" build
# With the module and the examples, which its folder in docs/ lacks.
cp -r target/playground/. target/book/docs/playground/
find docs -name '*.md' | while read -r page; do
  grep -o '](\.\./[^)#]*' "$page" | cut -c3- | while read -r target; do
    realpath --canonicalize-missing --relative-to=. "$(dirname "$page")/$target"
  done
done | sort -u | grep -v '^docs/' | while read -r file; do
  cp -r --parents "$file" target/book/
done
echo "target/book/docs/index.html"
