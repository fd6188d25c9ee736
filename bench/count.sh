#!/usr/bin/env bash
# Instructions of one exchange in the core, natively, by callgrind: a number that does not depend on how busy the
# machine is. Each kind runs twice, N and 2N times; the difference is N exchanges without start and end.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v valgrind >/dev/null || {
  echo "the instruction count needs valgrind. On Debian and Ubuntu: apt install valgrind" >&2
  exit 1
}
binary=${CARGO_TARGET_DIR:-bench/target}/release/exchange
folder=.cache/bench/callgrind
mkdir -p "$folder"

instructions() { # instructions KIND COUNT
  valgrind --tool=callgrind --callgrind-out-file="$folder/$1.out" "$binary" "$1" "$2" 2>&1 | sed -n 's/.*Collected : //p'
}
of_one() { # of_one KIND COUNT
  local once twice
  once=$(instructions "$1" "$2") twice=$(instructions "$1" "$(($2 * 2))")
  echo $(((twice - once) / $2))
}

base=$(of_one nothing 1000)
printf '| one exchange in the core | instructions |\n| --- | ---: |\n'
row() { printf "| %s | %d |\n" "$1" $(($(of_one "$2" "$3") - base)); }
row "a call of 130 bytes, token from the cache" warm 1000
row "a call of 130 bytes, token verified (RS256)" cold 20
row "a call of 200,000 bytes, token from the cache" body 10
row "a list of 1,000 tools (400,000 bytes) trimmed by half" list 20
row "the same, another list each time" new-list 8
echo "profiles: $folder/*.out, to be read with callgrind_annotate"
