# pgbench's TPC-B-like transactions with and without invalidation.
# shellcheck shell=bash

writers_databases() {
    local kind
    as_server_user "$PG_BINDIR/createdb" -h "$SCRATCH/bench/socket" -U postgres tpcb_plain
    as_server_user "$PG_BINDIR/pgbench" -i -s 5 -q -h "$SCRATCH/bench/socket" -U postgres \
        tpcb_plain > "$SCRATCH/tmp/tpcb.log" 2>&1
    for kind in branch all aggregate; do
        bench_psql -c "CREATE DATABASE tpcb_$kind TEMPLATE tpcb_plain STRATEGY file_copy"
        bench_psql -v kind=$kind -d tpcb_$kind -f "$SCRATCH/bench_files/tpcb.sql" > /dev/null
    done
}

writers() {
    local round name
    mkdir -p "$SCRATCH/samples/writers"
    writers_databases
    all_cores
    for ((round = 0; round < ROUNDS; round++)); do
        for name in plain branch all aggregate; do
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
        cells 'pgbench_branches (the busiest table)' "$(figure writers/branch)" \
            "$(ratio writers/branch writers/plain)"
        cells 'branches, tellers and accounts' "$(figure writers/all)" \
            "$(ratio writers/all writers/plain)"
        cells 'an aggregate of pgbench_branches' "$(figure writers/aggregate)" \
            "$(ratio writers/aggregate writers/plain)"
    } | table
    target 'TPC-B with invalidation on the busiest table / without' \
        "$(ratio writers/branch writers/plain)" ge 0.95
    target 'TPC-B with invalidation on three tables / without' \
        "$(ratio writers/all writers/plain)" ge 0.95
    target 'TPC-B with an aggregate of the busiest table / without' \
        "$(ratio writers/aggregate writers/plain)" ge 0.95
}
