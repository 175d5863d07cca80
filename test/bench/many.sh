# cache_get_many of 100 keys against 100 single calls, all values sent to the client.
# shellcheck shell=bash

many() {
    local round keys name single many
    mkdir -p "$SCRATCH/samples/many"
    keys="{$(seq -s , 1 97 9700)}"
    statement many_single '\set k random(1, 10000)' 'SELECT cache_get_bench_json(:k);'
    statement many_many 'SELECT * FROM cache_get_many_bench_json(:keys);'
    statement many_table 'SELECT k, v FROM table_json WHERE k = ANY (:keys);'
    fill_caches
    one_core
    for ((round = 0; round < ROUNDS; round++)); do
        for name in single many table; do
            sample "many/$name" \
                "$(transactions 1 1 bench -D "keys=$keys" -f "$SCRATCH/statements/many_$name.sql")"
        done
    done
    # With a core of its own, the client reads while the server goes on.
    all_cores
    for ((round = 0; round < ROUNDS; round++)); do
        for name in single many; do
            sample "many/two_$name" \
                "$(transactions 1 1 bench -D "keys=$keys" -f "$SCRATCH/statements/many_$name.sql")"
        done
    done
    one_core
    # Without the protocol: all keys, in the order that inserver.sh has.
    while read -r single && read -r many; do
        sample many/one_by_one "$single"
        sample many/by_array "$many"
    done < <(for ((round = 0; round < 2 * ROUNDS + 1; round++)); do
        bench_psql -c "SELECT bench_nanoseconds('cache_get_bench_json((n * 7919) % 10000 + 1)')" \
            -c 'SELECT bench_many_nanoseconds()'
    done)
    all_cores
    echo "### 100 keys at once"
    echo
    echo "Microseconds on one core, all values sent to the client."
    echo
    {
        cells read 'µs' 'share of 100 single calls'
        cells '100 calls of cache_get_<name>' "$(calc "1e8 / $(median many/single)" %.0f)" 1
        cells 'cache_get_many_<name> of 100 keys' "$(calc "1e6 / $(median many/many)" %.0f)" \
            "$(calc "$(median many/single) / $(median many/many) / 100" %.3f)"
        cells 'table, k = ANY of 100 keys' "$(calc "1e6 / $(median many/table)" %.0f)" \
            "$(calc "$(median many/single) / $(median many/table) / 100" %.3f)"
        cells 'on two cores, 100 calls' "$(calc "1e8 / $(median many/two_single)" %.0f)" 1
        cells 'on two cores, 100 keys' "$(calc "1e6 / $(median many/two_many)" %.0f)" \
            "$(calc "$(median many/two_single) / $(median many/two_many) / 100" %.3f)"
    } | table
    echo "10,000 scattered keys in one statement that only counts the values, nanoseconds per key:"
    echo
    {
        cells read ns ratio
        cells 'cache_get_<name>, once for each row' "$(figure many/one_by_one)" 1
        cells 'cache_get_many_<name> of one array' "$(figure many/by_array)" \
            "$(ratio many/by_array many/one_by_one)"
    } | table
    require_hits
    target 'cache_get_many of 100 / 100 single calls, one core' \
        "$(calc "$(median many/single) / $(median many/many) / 100" %.3f)" le 0.1
    target 'cache_get_many of 100 / 100 single calls, two cores' \
        "$(calc "$(median many/two_single) / $(median many/two_many) / 100" %.3f)" le 0.1
}
