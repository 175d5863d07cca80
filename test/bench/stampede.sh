# 64 sessions ask for one cold key at the same moment: how often does the loader run?
# shellcheck shell=bash

readonly STAMPEDE=64
# Switches waiting for another's load off.
readonly ALONE=cache_ext.load_wait=0

loader_calls() {
    grep -c 'load_cold runs' "$SCRATCH/bench/log" || true
}

# stampede_once NAME KEY OPTIONS: loader calls and milliseconds until all had their answer.
stampede_once() {
    local before started ended
    before=$(loader_calls)
    started=${EPOCHREALTIME/./}
    placed env PGOPTIONS="$3" "$PG_BINDIR/pgbench" -n -c $STAMPEDE -j 2 -t 1 -D "k=$2" \
        -f "$SCRATCH/statements/$1.sql" -h "$SCRATCH/bench/socket" -U postgres bench \
        > "$SCRATCH/tmp/stampede" 2>&1 || { cat "$SCRATCH/tmp/stampede" >&2; return 1; }
    ended=${EPOCHREALTIME/./}
    sample "stampede/$4/ms" "$(calc "($ended - $started) / 1000")"
    sample "stampede/$4/calls" $(($(loader_calls) - before))
}

stampede() {
    local round name
    mkdir -p "$SCRATCH"/samples/stampede/{live,alone,cache}
    load_writers
    all_cores
    statement stampede_live 'SELECT load_cold(:k);'
    statement stampede_cache 'SELECT cache_get_cold(:k);'
    for ((round = 1; round <= (ROUNDS + 1) / 2; round++)); do
        stampede_once stampede_live $round '' live
        stampede_once stampede_cache $((1000 + round)) "-c $ALONE" alone
        stampede_once stampede_cache $((2000 + round)) '' cache
    done
    echo "### A stampede"
    echo
    echo "$STAMPEDE sessions ask for one cold key at the same moment. Milliseconds until all have an"
    echo "answer, connecting included."
    echo
    {
        cells 'read' 'loader executions' 'ms'
        cells 'the loader itself' "$(figure stampede/live/calls)" "$(figure stampede/live/ms)"
        cells "cache_get_<name>, $ALONE" "$(figure stampede/alone/calls)" \
            "$(figure stampede/alone/ms)"
        cells 'cache_get_<name>' "$(figure stampede/cache/calls)" "$(figure stampede/cache/ms)"
    } | table
    target "loader executions for $STAMPEDE sessions and one cold key" \
        "$(figure stampede/cache/calls)" le 1
}
