#!/usr/bin/env bash
# callgrind.sh: the instructions of a hit by function, from a single-user server under valgrind.
# EXPRESSION is what is evaluated for each row n (cache_get_bench_json(1)); with PREPARED=1 it is
# evaluated by one EXECUTE each, and n is its parameter. TOP is how many functions are shown (25).
# shellcheck source=scripts/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/cluster.sh"
# shellcheck source=test/bench/measure.sh
source "$ROOT/test/bench/measure.sh"
cd "$ROOT"

readonly EXPRESSION=${EXPRESSION:-cache_get_bench_json(1)}
readonly TOP=${TOP:-25}
readonly PREPARED=${PREPARED:-}
readonly FEW=1000 MANY=10000

prepare() {
    cc -O2 -shared -fPIC -I"$("$PG_CONFIG" --includedir-server)" -o "$SCRATCH/module.so" \
        "$ROOT/test/bench/module.c"
    cp "$ROOT/test/bench/schema.sql" "$SCRATCH"
    scratch_hand_over
    cluster_start bench
    as_server_user "$PG_BINDIR/createdb" -h "$SCRATCH/bench/socket" -U postgres bench
    bench_psql -v "module=$SCRATCH/module" -f "$SCRATCH/schema.sql" > /dev/null
    cluster_stop bench
}

# statements EXPRESSION ROWS: the first one fills the cache, which has been empty since the server's
# start.
statements() {
    local i
    echo "SELECT count($1) FROM generate_series(1, 10000) AS n"
    if [ -z "$PREPARED" ]; then
        echo "SELECT count($1) FROM generate_series(1, $2) AS n"
        return
    fi
    # shellcheck disable=SC2001,SC2016  # words, and the parameter's own dollar
    echo "PREPARE p (int) AS SELECT $(sed 's/\bn\b/$1/g' <<< "$1")"
    for ((i = 1; i <= $2; i++)); do echo "EXECUTE p ($i)"; done
}

# profile NAME EXPRESSION ROWS: "instructions function" lines to $SCRATCH/tmp/NAME.
profile() {
    statements "$2" "$3" > "$SCRATCH/tmp/statements.sql"
    as_server_user valgrind --tool=callgrind --callgrind-out-file="$SCRATCH/tmp/$1.out" \
        "$PG_BINDIR/postgres" --single -D "$SCRATCH/bench/data" -c jit=off -c work_mem=64MB \
        -c shared_buffers=64MB bench < "$SCRATCH/tmp/statements.sql" > "$SCRATCH/tmp/$1.log" 2>&1
    if grep -E 'ERROR|FATAL|PANIC' "$SCRATCH/tmp/$1.log"; then return 1; fi
    # "1,234 ( 5.6%)  src/core/lookup.cpp:cache_ext::core::lookup(unsigned int) [library.so]";
    # what has no name is an address.
    callgrind_annotate --threshold=100 --auto=no "$SCRATCH/tmp/$1.out" |
        sed -n 's/^ *\([0-9,]*\) ([ 0-9.]*%)  *\([^ ].*\]\)$/\1 \2/p' |
        sed -e 's/ \[.*\/\([^/]*\)\]$/ [\1]/' -e 's/ [^ ]*\(\.[A-Za-z]*\|???\):/ /' \
            -e 's/(anonymous namespace):://' -e 's/([^[]* \[/ [/' |
        awk '{ n = $1; gsub(",", "", n); sub(/^[^ ]* /, ""); sum[$0] += n }
             END { for (f in sum) printf "%d\t%s\n", sum[f], f }' > "$SCRATCH/tmp/$1"
}

profiles() {
    profile few "$EXPRESSION" $FEW
    profile many "$EXPRESSION" $MANY
}

report() {
    awk -F '\t' -v rows=$((MANY - FEW)) '
        NR == FNR { few[$2] = $1; next }
        { print ($1 - few[$2]) / rows "\t" $2 }' "$SCRATCH/tmp/few" "$SCRATCH/tmp/many" |
        sort -g -r | awk -F '\t' -v top="$TOP" '
        { if (++n <= top) printf "%9.1f  %s\n", $1, $2; sum += $1 }
        END { printf "%9.1f  all\n", sum }'
}

command -v valgrind > /dev/null || die "This needs valgrind."
find_postgres
scratch_with_extension bench
run prepare
run profiles
if [ -n "$PREPARED" ]; then
    echo "Instructions per EXECUTE of $EXPRESSION, all that the server does for it included:"
else
    echo "Instructions per row of $EXPRESSION, loop included:"
fi
report
