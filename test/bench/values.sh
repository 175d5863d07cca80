# How values are kept: compressed or not, as jsonb or as text. Not one of the parts that run by
# themselves.
# shellcheck shell=bash

readonly VALUES_KEYS=400 VALUES_READS=30000

# set_compression METHOD: for the sessions to come.
set_compression() {
    bench_psql -c "ALTER SYSTEM SET cache_ext.compression = '$1'" \
        -c "ALTER SYSTEM SET cache_ext.compress_above = '512B'" -c 'SELECT pg_reload_conf()' > /dev/null
    until [ "$(bench_psql -c 'SHOW cache_ext.compression')" = "$1" ]; do :; done
}

# value_fill NAME: sample the microseconds that the fill of a key takes.
value_fill() {
    bench_psql -c "SELECT cache_invalidate_all('values_$1')" > /dev/null
    sample "fill/$1" "$(bench_psql -c "SELECT values_fill('values_$1')")"
}

# value_hits NAME: sample nanoseconds of a hit inside one statement.
value_hits() {
    sample "hit/$1" "$(bench_psql -c "SELECT values_hit('cache_get_values_$1')")"
}

# value_protocol NAME: sample microseconds of a statement. Of the processor, client and server: on one core
# the rest is what others do there. The server's are those of its children that have ended.
value_protocol() {
    local pid children before after client TIMEFORMAT='%U %S' tries
    pid=$(head -n 1 "$SCRATCH/bench/data/postmaster.pid")
    children=$(cat "/proc/$pid/task/$pid/children")
    before=$(awk '{ print $16 + $17 }' "/proc/$pid/stat")
    client=$({ time placed "$PG_BINDIR/pgbench" -n -M prepared -c 1 -t "$VALUES_READS" \
        -f "$SCRATCH/statements/values_$1.sql" -h "$SCRATCH/bench/socket" -U postgres bench \
        > /dev/null 2> "$SCRATCH/tmp/pgbench.err"; } 2>&1)
    for ((tries = 0; tries < 100; tries++)); do
        if [ "$(cat "/proc/$pid/task/$pid/children")" = "$children" ]; then break; fi
        sleep 0.02
    done
    after=$(awk '{ print $16 + $17 }' "/proc/$pid/stat")
    sample "protocol/$1" \
        "$(calc "(($after - $before) / $(getconf CLK_TCK) + ${client/ /+}) * 1e6 / $VALUES_READS" %.3f)"
}

value_entry_bytes() {
    bench_psql -c "SELECT round(bytes / entries::numeric) FROM cache_stat WHERE cache = 'values_$1'"
}

# added NAME OTHER: microseconds that a fill takes more.
added() {
    calc "$(median "fill/$1") - $(median "fill/$2")" %.0f
}

# spread NAME: of its samples, in percent of the median.
spread() {
    local sorted
    mapfile -t sorted < <(sort -g "$SCRATCH/samples/$1")
    calc "100 * (${sorted[-1]} - ${sorted[0]}) / $(median "$1")" %.0f
}

# every size and form
values_contestants() {
    local kb form
    for kb in 1 4 20; do
        for form in off pglz lz4; do cells "$kb" "$form"; done
    done
    cells 1 jsonb
    cells 10 jsonb
    cells 10 off
}

values() {
    local round kb form name json jsonb
    mkdir -p "$SCRATCH"/samples/{fill,hit,protocol}
    bench_psql -f "$SCRATCH/bench_files/values.sql" > /dev/null
    while read -r kb form; do
        statement "values_${kb}_$form" "\\set k random(1, $VALUES_KEYS)" \
            "SELECT cache_get_values_${kb}_$form(:k);"
    done < <(values_contestants)
    one_core
    for ((round = 0; round < ROUNDS; round++)); do
        while read -r kb form; do
            case $form in pglz | lz4) set_compression "$form" ;; *) set_compression off ;; esac
            value_fill "${kb}_$form"
        done < <(values_contestants)
        while read -r kb form; do
            value_hits "${kb}_$form"
            value_protocol "${kb}_$form"
        done < <(values_contestants)
    done
    all_cores

    echo "### Values compressed"
    echo
    echo "$VALUES_KEYS keys; processor time of a hit inside one statement that only counts the values, ns; of a"
    echo "statement through the protocol, client and server together, µs; what compressing adds to a fill, µs;"
    echo "bytes of an entry. Spread: of the rounds, in percent of the median."
    echo
    {
        cells value 'hit, ns' ratio spread 'statement, µs' ratio spread fill 'entry, bytes' ratio
        while read -r kb form; do
            name=${kb}_$form
            if [ "$form" = jsonb ] || [ "$kb" = 10 ]; then continue; fi
            cells "$kb KB, $form" "$(figure "hit/$name")" \
                "$(ratio "hit/$name" "hit/${kb}_off")" "$(spread "hit/$name")" \
                "$(figure "protocol/$name" %.1f)" "$(ratio "protocol/$name" "protocol/${kb}_off")" \
                "$(spread "protocol/$name")" "$(added "$name" "${kb}_off")" "$(value_entry_bytes "$name")" \
                "$(calc "$(value_entry_bytes "$name") / $(value_entry_bytes "${kb}_off")")"
        done < <(values_contestants)
    } | table
    echo "### Text beside jsonb"
    echo
    echo "The same data as json and as jsonb: processor time of a statement through the protocol, client and server."
    echo
    {
        cells value 'statement, µs' ratio spread 'entry, bytes' ratio
        for kb in 1 10; do
            jsonb=$(value_entry_bytes "${kb}_jsonb")
            json=$(value_entry_bytes "${kb}_off")
            cells "$kb KB, jsonb" "$(figure "protocol/${kb}_jsonb" %.1f)" 1 "$(spread "protocol/${kb}_jsonb")" \
                "$jsonb" 1
            cells "$kb KB, json" "$(figure "protocol/${kb}_off" %.1f)" \
                "$(ratio "protocol/${kb}_off" "protocol/${kb}_jsonb")" "$(spread "protocol/${kb}_off")" \
                "$json" "$(calc "$json / $jsonb")"
            # Once more without what an entry costs beside its value.
            cells "$kb KB, both forms in one entry" - - - "$((jsonb + json - 100))" \
                "$(calc "($jsonb + $json - 100) / $jsonb")"
        done
    } | table
}
