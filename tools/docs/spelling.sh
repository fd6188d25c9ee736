#!/bin/sh
# `make spelling`: codespell, from PyPI, over everything that people read: pages, comments, messages. The first time it is
# installed into .cache/codespell/.
set -eu
cd "$(dirname "$0")/../.."

VERSION=2.4.3
home=.cache/codespell
[ "$("$home/bin/codespell" --version 2>/dev/null)" = "$VERSION" ] || {
  python3 -m venv "$home"
  "$home/bin/pip" install --quiet --disable-pip-version-check "codespell==$VERSION"
}

# Names in the code, words that are right, and what tests misspell or cut on purpose.
NAMES=inforce,fillin,keep-alives,statics
MEANT=abd,bage,caf,fals,mian,nam,raed,te,tru,wriet

git ls-files -z -- '*.md' '*.rs' '*.mjs' '*.js' '*.html' '*.css' '*.sh' '*.py' '*.go' '*.yaml' '*.toml' '*.svg' Makefile ':!tests/corpus' ':!tests/interop/clients' |
  xargs -0 "$home/bin/codespell" --check-filenames --ignore-words-list "$NAMES,$MEANT"
