#!/bin/sh
# Prints the folder of a Keycloak, which it gets from Maven Central the first time (177 MB); progress goes to stderr.
# KEYCLOAK_HOME is taken if it is set. It needs curl, unzip and sha256sum.
set -eu

version=26.7.3
sha256=27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f

[ -z "${KEYCLOAK_HOME:-}" ] || { printf '%s\n' "$KEYCLOAK_HOME" && exit; }
project=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cache=${TOOLGATE_CACHE:-$project/.cache}/interop
home=$cache/keycloak-$version

if [ ! -d "$home" ]; then
  for tool in curl unzip sha256sum; do
    command -v $tool >/dev/null || { echo "keycloak: $tool is not installed" >&2 && exit 1; }
  done
  mkdir -p "$cache"
  # Unpacked beside its place and renamed when complete: an interrupted run leaves nothing that looks whole.
  partial=$(mktemp -d "$cache/partial.XXXXXX")
  trap 'rm -rf "$partial"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  echo "keycloak: getting $version from Maven Central (177 MB, once)" >&2
  curl --fail --silent --show-error --location --retry 3 --output "$partial/keycloak.zip" \
    "https://repo1.maven.org/maven2/org/keycloak/keycloak-quarkus-dist/$version/keycloak-quarkus-dist-$version.zip"
  echo "$sha256  $partial/keycloak.zip" | sha256sum --check --quiet >&2
  unzip -q "$partial/keycloak.zip" -d "$partial"
  mv -T "$partial/keycloak-$version" "$home" 2>/dev/null || [ -d "$home" ]
fi
printf '%s\n' "$home"
