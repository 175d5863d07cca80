# pgbench's TPC-B-like transactions with and without invalidation.
# shellcheck shell=bash

writers_databases() {
    local all
    as_server_user "$PG_BINDIR/createdb" -h "$SCRATCH/bench/socket" -U postgres tpcb_plain
    as_server_user "$PG_BINDIR/pgbench" -i -s 5 -q -h "$SCRATCH/bench/socket" -U postgres \
        tpcb_plain > "$SCRATCH/tmp/tpcb.log" 2>&1
    for all in false true; do
        bench_psql -c "CREATE DATABASE tpcb_$all TEMPLATE tpcb_plain STRATEGY file_copy"
        bench_psql -v all=$all -d tpcb_$all -f "$SCRATCH/bench_files/tpcb.sql" > /dev/null
    done
}

writers() {
    local round name
    mkdir -p "$SCRATCH/samples/writers"
    writers_databases
    all_cores
    for ((round = 0; round < ROUNDS; round++)); do
        for name in plain false true; do
            sample "writers/$name" "$(transactions 2 2 "tpcb_$name" -b tpcb-like)"
        done
    done
    echo "### Writers: TPC-B-like transactions"
    echo
    echo "pgbench -b tpcb-like, scale 5, two clients, two seconds a round. fsync is off, so that the"
    echo "disk hides nothing."
    echo
    {
        cells 'invalidation' 'transactions/s' 'ratio'
        cells 'none' "$(figure writers/plain)" 1
        cells 'pgbench_branches (the busiest table)' "$(figure writers/false)" \
            "$(ratio writers/false writers/plain)"
        cells 'branches, tellers and accounts' "$(figure writers/true)" \
            "$(ratio writers/true writers/plain)"
    } | table
    target 'TPC-B with invalidation on the busiest table / without' \
        "$(ratio writers/false writers/plain)" ge 0.95
    target 'TPC-B with invalidation on three tables / without' \
        "$(ratio writers/true writers/plain)" ge 0.95
}
