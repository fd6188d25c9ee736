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
row "a call of 130 bytes, token verified by the host (without that)" verified 1000
row "a call of 130 bytes, token verified (RS256)" cold 20
row "a call of 200,000 bytes, token from the cache" body 10
row "the same size, half of it small objects" structured 10
row "900,000 bytes, half of it small objects" structured-900 4
row "a list of 1,000 tools (400,000 bytes) trimmed by half" list 20
row "the same, another list each time" new-list 8

# By function: what a function does itself, inlined ones included, of the exchanges that the second run has more.
by_function() { # by_function FILE
  callgrind_annotate --auto=no --threshold=100 "$1" 2>/dev/null |
    sed -nE 's/ \[[^]]*\]$//; s/^ *([0-9,]+) \([^)]*\) +[^:]*:(.*)$/\1 \2/p' |
    awk '{ count = $1; gsub(",", "", count); $1 = ""; all[$0] += count } END { for (name in all) print all[name] "\t" name }'
}
functions() { # functions KIND WORDS
  instructions "$1" 1000 >"$folder/count"
  by_function "$folder/$1.out" >"$folder/once"
  instructions "$1" 2000 >"$folder/count"
  by_function "$folder/$1.out" >"$folder/twice"
  printf '\n| the dearest functions of a call, %s | instructions of their own |\n| --- | ---: |\n' "$2"
  awk -F '\t' 'NR == FNR { once[$2] = $1; next } { printf "%d\t%s\n", ($1 - once[$2]) / 1000, $2 }' "$folder/once" "$folder/twice" |
    sort -rn | head -"${FUNCTIONS:-10}" | awk -F '\t' '{ sub(/^ */, "", $2); printf "| `%s` | %d |\n", $2, $1 }'
}
functions warm "token from the cache"
functions verified "token verified by the host"
echo
echo "profiles: $folder/*.out, to be read with callgrind_annotate"
