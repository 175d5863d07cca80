# Many calls in one statement: what a read costs without the protocol, and how two clients on two
# cores compare with one.
# shellcheck shell=bash

# name, label, expression for a key
inserver_contestants() {
    cells empty 'nothing (the loop, count of the key)' '@'
    cells constant_json 'constant function, json' 'bench_constant_json(@)'
    cells copied_json 'constant function with a copy, json' 'bench_copied_json(@)'
    cells constant_jsonb 'constant function, jsonb' 'bench_constant_jsonb(@)'
    cells cache_json 'cache_get_<name>, json' 'cache_get_bench_json(@)'
    cells cache_jsonb 'cache_get_<name>, jsonb' 'cache_get_bench_jsonb(@)'
    cells table_json 'index lookup, json' '(SELECT t.v FROM table_json AS t WHERE t.k = @)'
    cells table_jsonb 'index lookup, jsonb' '(SELECT t.v FROM table_jsonb AS t WHERE t.k = @)'
}

# All contestants in one session, in rounds.
inserver_calls() {
    local name label expression round statements=() names=() i=0 value hot
    # Every key once. In the order of the keys the rows and the index entries that a lookup reads would
    # lie beside each other.
    local any='(n * 7919) % 10000 + 1'
    for ((round = 0; round < 2 * ROUNDS + 1; round++)); do
        while IFS=$'\t' read -r name label expression; do
            statements+=(-c "SELECT bench_nanoseconds('${expression/@/$any}')")
            names+=("any/$name")
            # A lookup that does not depend on the row would be done once for all.
            case $name in table_*) hot='n - n + 1' ;; *) hot=1 ;; esac
            statements+=(-c "SELECT bench_nanoseconds('${expression/@/$hot}')")
            names+=("hot/$name")
        done < <(inserver_contestants)
    done
    one_core
    while read -r value; do
        sample "${names[i]}" "$value"
        i=$((i + 1))
    done < <(bench_psql "${statements[@]}")
    all_cores
}

# The same statement from one and from two sessions at once.
inserver_scaling() {
    local round keys key name clients
    for keys in hot any; do
        if [ $keys = hot ]; then key=1; else key='(k * 7919) % 10000 + 1'; fi
        statement "scale_empty_$keys" "SELECT count($key) FROM generate_series(1, 100000) AS k;"
        statement "scale_cache_$keys" \
            "SELECT count(cache_get_bench_json($key)) FROM generate_series(1, 100000) AS k;"
    done
    for ((round = 0; round < ROUNDS; round++)); do
        for name in empty_hot cache_hot cache_any; do
            for clients in 1 2; do
                sample "scale/$name/$clients" \
                    "$(transactions $clients 1 bench -f "$SCRATCH/statements/scale_$name.sql")"
            done
        done
    done
}

# net NAME: nanoseconds above the loop.
net() {
    local value loop
    value=$(median "$1")
    loop=$(median "${1%/*}/empty")
    calc "$value - $loop" %.0f
}

inserver() {
    local name label expression
    mkdir -p "$SCRATCH"/samples/{hot,any} "$SCRATCH"/samples/scale/{empty_hot,cache_hot,cache_any}
    fill_caches
    inserver_calls
    inserver_scaling

    echo "### Inside one statement"
    echo
    echo "\`SELECT count(f(k)) FROM generate_series(1, 10000) AS k\`, nanoseconds per row on one"
    echo "core, with the loop and without (above). All contestants are asked for the 10,000 keys in the same"
    echo "scattered order, (n * 7919) % 10000 + 1, which is neither that of the table's rows nor that in which"
    echo "the values came into the cache. The ratio is to the constant function of json, which returns a"
    echo "pointer to what it keeps."
    echo
    {
        cells call 'hot key, ns' above ratio '10,000 keys, ns' above ratio
        inserver_contestants | while IFS=$'\t' read -r name label expression; do
            cells "$label" "$(figure "hot/$name")" "$(net "hot/$name")" \
                "$(ratio "hot/$name" hot/constant_json %.1f)" \
                "$(figure "any/$name")" "$(net "any/$name")" \
                "$(ratio "any/$name" any/constant_json %.1f)"
        done
    } | table
    echo "Two clients on all cores against one, calls per second of the whole statement:"
    echo
    {
        cells statement '1 client' '2 clients' scaling
        for name in empty_hot cache_hot cache_any; do
            case $name in
                empty_hot) label='nothing (the loop)' ;;
                cache_hot) label='cache_get_<name>, hot key' ;;
                *) label='cache_get_<name>, 10,000 keys' ;;
            esac
            cells "$label" "$(calc "$(median scale/$name/1) / 10" '%.1f M')" \
                "$(calc "$(median scale/$name/2) / 10" '%.1f M')" \
                "$(ratio scale/$name/2 scale/$name/1)"
        done
    } | table
    require_hits
    target 'hit on a hot key / constant function (ns)' \
        "$(ratio hot/cache_json hot/constant_json %.1f)" le 5
    target 'index lookup / hit, 10,000 keys (ns)' \
        "$(ratio any/table_json any/cache_json %.1f)" ge 6
    target 'index lookup / hit, 10,000 keys, both above the loop (ns)' \
        "$(calc "$(net any/table_json) / $(net any/cache_json)" %.1f)" ge 6
    target 'two clients / one, hot key' "$(ratio scale/cache_hot/2 scale/cache_hot/1)" ge 1.85
    target 'two clients / one, 10,000 keys' "$(ratio scale/cache_any/2 scale/cache_any/1)" ge 1.85
}
