# A sum by key that many write to: an aggregate cache beside a cache that is invalidated, a table that a trigger keeps, and
# the bare query.
# shellcheck shell=bash

readonly AGGREGATE_KINDS='none cache counter invalidated'

aggregate_databases() {
    local kind
    echo 'INSERT INTO hit VALUES (1, 5)' > "$SCRATCH/bench_files/aggregate_write.sql"
    echo 'SELECT total(1)' > "$SCRATCH/bench_files/aggregate_read.sql"
    for kind in $AGGREGATE_KINDS; do
        bench_psql -c "CREATE DATABASE aggregate_$kind"
        bench_psql -v "kind=$kind" -d "aggregate_$kind" -f "$SCRATCH/bench_files/aggregate.sql" > /dev/null
    done
}

aggregate() {
    local round kind files=$SCRATCH/bench_files
    mkdir -p "$SCRATCH/samples/aggregate"
    aggregate_databases
    all_cores
    for ((round = 0; round < ROUNDS; round++)); do
        for kind in $AGGREGATE_KINDS; do
            sample "aggregate/write_$kind" \
                "$(transactions 100 10 "aggregate_$kind" -f "$files/aggregate_write.sql")"
            sample "aggregate/mixed_$kind" \
                "$(transactions 4 2 "aggregate_$kind" -f "$files/aggregate_write.sql@1" -f "$files/aggregate_read.sql@1")"
        done
    done
    echo "### A sum that is written to"
    echo
    echo "200,000 rows of 20 keys; all write to and read the sum of one key. A hundred clients that only write, ten seconds a"
    echo "round; four whose every other statement reads, two seconds. fsync is off."
    echo
    {
        cells 'the sum is' 'writes/s' 'ratio' 'mixed/s' 'ratio'
        for kind in $AGGREGATE_KINDS; do
            cells "$(aggregate_name "$kind")" "$(figure "aggregate/write_$kind")" \
                "$(ratio "aggregate/write_$kind" aggregate/write_none)" \
                "$(figure "aggregate/mixed_$kind")" "$(ratio "aggregate/mixed_$kind" aggregate/mixed_none)"
        done
    } | table
    echo "Hits of the key in the mixed runs, of all reads: $(bench_psql -d aggregate_cache -c \
        "SELECT round(hit_ratio::numeric, 4) FROM cache_stat")"
    echo
    target 'writers of one key with an aggregate cache / without' \
        "$(ratio aggregate/write_cache aggregate/write_none)" ge 0.95
    target 'hit ratio of the hottest written key' \
        "$(bench_psql -d aggregate_cache -c 'SELECT hit_ratio FROM cache_stat')" ge 0.9
}

aggregate_name() {
    case $1 in
        none) echo 'computed by each reader' ;;
        cache) echo 'in an aggregate cache' ;;
        counter) echo 'in a table that a trigger keeps' ;;
        *) echo 'in a cache that is invalidated' ;;
    esac
}
