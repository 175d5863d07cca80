#!/usr/bin/env bash
# page.sh: puts the result of the last make bench between the marks in docs/benchmarks.md.
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/common.sh"
cd "$ROOT"

readonly PAGE=docs/benchmarks.md RESULT=build/bench.md
[ -s "$RESULT" ] || die "There is no $RESULT: run make bench first."
[ "$(grep -c '^<!-- numbers: \(begin\|end\)' "$PAGE")" -eq 2 ] || die "$PAGE has no marks."
awk -v result="$RESULT" '
    /^<!-- numbers: end/ { skip = 0 }
    !skip { print }
    /^<!-- numbers: begin/ {
        skip = 1
        print ""
        while ((getline line < result) > 0) print line
    }' "$PAGE" > "$PAGE.new"
mv "$PAGE.new" "$PAGE"
echo "$PAGE has the numbers of $RESULT."
