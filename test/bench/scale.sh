#!/usr/bin/env bash
# scale.sh: what a hit, a write, a commit, a fill, and the first read of a new session cost while the number of caches
# grows: for CACHES (1 10 100 1000) in one database, all of them on one table, by key; and again on a table each.
# Then the reads of 10,000 keys by CLIENTS (2 20 200) sessions, without and with WRITES (1000) writes a second, for EACH (5)
# seconds. ROUNDS (5) rounds, of which the least is printed: a machine's other work only adds. Prints markdown.
# A benchmark, not a test. PGHOST: measures there, in the database postgres, instead of on a cluster of its own.
set -euo pipefail
shopt -s inherit_errexit
readonly CACHES=${CACHES:-1 10 100 1000} CLIENTS=${CLIENTS:-2 20 200} WRITES=${WRITES:-1000} EACH=${EACH:-5}
readonly ROUNDS=${ROUNDS:-5}
BENCH=$(dirname "$(realpath "${BASH_SOURCE[0]}")")
# shellcheck disable=SC2034 # for the script below
readonly SETTINGS='cache_ext.max_caches = 2500
max_connections = 250
synchronous_commit = off
max_locks_per_transaction = 1000'

# shellcheck source=test/bench/own_server.sh
source "$BENCH/own_server.sh" scale

# first STATEMENT: milliseconds of a new session's first statement.
first() {
    sql -c '\timing on' -c "$1" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p'
}

# least COLUMN: of the numbers in TMP/samples.
least() {
    cut -d ' ' -f "$1" "$TMP/samples" | sort -g | head -n 1
}

# costs TEXT CACHE TABLE: a line of the table.
costs() {
    local round
    for ((round = 0; round < ROUNDS; round++)); do
        echo "$(sql -F ' ' -c "CALL measure('cache_get_$2', '$3', 0, 0, 0, 0)")" \
            "$(first "SELECT cache_get_$2(1)")" "$(first "SELECT v FROM $3 WHERE k = 1")"
    done > "$TMP/samples"
    echo "| $1 | $(least 1) | $(least 2) | $(least 3) | $(least 4) | $(least 5) | $(least 6) |"
}

drop_all_but() {
    sql -c "SELECT count(cache_drop(cache)) FROM cache_stat WHERE cache <> '$1'" > /dev/null
}

# rate SCRIPT CLIENTS: statements a second of a script.
rate() {
    pgbench "$1" "$2" 0
    sed -n 's/^tps = \([0-9]*\).*/\1/p' "$TMP/$1.log"
}

# rate_beside_writes SCRIPT CLIENTS: the same, while rows are changed.
rate_beside_writes() {
    local writer
    pgbench write.sql 1 "$WRITES" &
    writer=$!
    rate "$1" "$2"
    wait "$writer"
}

sql -f - < "$BENCH/scale.sql"
echo '| caches | hit, ns | UPDATE, µs | COMMIT, µs | fill, µs | first read of a session, ms | first SELECT of one, ms |'
echo '| --- | ---: | ---: | ---: | ---: | ---: | ---: |'
for n in $CACHES; do
    sql -c "CALL make_caches('shared', $n, false)"
    costs "$n on one table" shared1 shared
done
drop_all_but shared1
for n in $CACHES; do
    sql -c "CALL make_caches('own', $n, true)"
    costs "$n on a table each" own1 own1
done
drop_all_but shared1

printf '\\set k random(1, 10000)\nSELECT cache_get_shared1(:k);\n' > "$TMP/read.sql"
printf '\\set k random(1, 10000)\nSELECT v FROM shared WHERE k = :k;\n' > "$TMP/plain.sql"
printf '\\set k random(1, 10000)\nUPDATE shared SET v = v + 1 WHERE k = :k;\n' > "$TMP/write.sql"
sql -c 'SELECT count(cache_get_shared1(k)) FROM shared' > /dev/null
echo
echo "| sessions | reads/s of 10,000 keys | with $WRITES writes/s | hits of these | SELECT by primary key, with the writes |"
echo '| ---: | ---: | ---: | ---: | ---: |'
for clients in $CLIENTS; do
    quiet=$(rate read.sql "$clients")
    sql -c 'SELECT cache_stat_reset()' > /dev/null
    written=$(rate_beside_writes read.sql "$clients")
    hits=$(sql -c "SELECT round(100.0 * hits / (hits + misses + bypasses), 1) FROM cache_stat WHERE cache = 'shared1'")
    echo "| $clients | $quiet | $written | $hits % | $(rate_beside_writes plain.sql "$clients") |"
done
