#!/usr/bin/env bash
# warm_restart.sh: a restart with KEYS hot keys (10000). Prints, as markdown, the hit ratio of the
# first SECONDS_TO_RUN seconds (60) at RATE reads a second (2000), with and without the learnt list,
# and how long warming takes beside one set-based query. A benchmark, not a test.
# shellcheck source=scripts/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/cluster.sh"
cd "$ROOT"

readonly KEYS=${KEYS:-10000} RATE=${RATE:-2000} DURATION=${SECONDS_TO_RUN:-60}

sql() {
    cluster_psql warm -A -t -d postgres "$@"
}

# reads SECONDS RATE: skewed reads of the hot keys, as so many a second (0: as fast as can be).
reads() {
    local limit=()
    if [ "$2" -gt 0 ]; then limit=(-R "$2"); fi
    as_server_user "$PG_BINDIR/pgbench" -n -M prepared -c 2 -j 1 -T "$1" "${limit[@]}" \
        -f "$SCRATCH/tmp/reads.sql" -h "$SCRATCH/warm/socket" -U postgres postgres > /dev/null 2>&1
}

restart() {
    as_server_user "$PG_BINDIR/pg_ctl" restart -w -s -m fast -D "$SCRATCH/warm/data" \
        -l "$SCRATCH/warm/log"
}

set_learned() {
    sql -c "ALTER SYSTEM SET cache_ext.learned_keys = $1"
}

# first_reads NAME: a line of the table, right after a restart.
first_reads() {
    restart
    reads "$DURATION" "$RATE"
    printf '| %s | %s | %s |\n' "$1" "$(sql -c "SELECT round(hit_ratio::numeric, 3) FROM cache_stat")" \
        "$(sql -c "SELECT misses + bypasses FROM cache_stat")"
}

# milliseconds STATEMENT: its time in the server.
milliseconds() {
    sql -c '\timing on' -c "$1" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | awk '{ printf "%.0f", $1 }'
}

# warming NAME SETTINGS: a line of the table; the cache is empty before.
warming() {
    local ms
    sql -c "SELECT cache_invalidate_all('item')" > /dev/null
    ms=$(sql -c "$2" -c '\timing on' -c "SELECT cache_warm('item')" |
        sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | awk '{ printf "%.0f", $1 }')
    printf '| %s | %s | %s |\n' "$1" "$ms" "$(awk "BEGIN { printf \"%.1f\", $ms / $SET_BASED }")"
}

find_postgres
{
    scratch_with_extension warm_restart
    cat > "$SCRATCH/warm.conf" << 'END'
cache_ext.memory = 256MB
jit = off
autovacuum = off
END
    run cluster_start warm "$SCRATCH/warm.conf"
} >&2

cat > "$SCRATCH/tmp/reads.sql" << END
\\set r random_zipfian(1, $KEYS, 1.05)
\\set k permute(:r, $KEYS) + 1
SELECT cache_get_item(:k);
END
scratch_hand_over

# A value is an aggregate over 20 rows, and about 1 KB of JSON.
sql << END
CREATE EXTENSION cache_ext;
CREATE TABLE item AS
    SELECT i % (2 * $KEYS) + 1 AS owner, i AS amount FROM generate_series(1, 40 * $KEYS) AS i
    ORDER BY md5(i::text);
CREATE INDEX ON item (owner);
VACUUM ANALYZE item;
CREATE FUNCTION load_item(owner int) RETURNS json LANGUAGE sql STABLE AS
    'SELECT json_agg(json_build_object(''n'', amount, ''text'', repeat(''x'', 25)))
     FROM item AS i WHERE i.owner = \$1';
CREATE FUNCTION load_items(owners int[]) RETURNS TABLE (owner int, value json) LANGUAGE sql STABLE AS
    'SELECT i.owner, json_agg(json_build_object(''n'', amount, ''text'', repeat(''x'', 25)))
     FROM item AS i WHERE i.owner = ANY (\$1) GROUP BY i.owner';
SELECT cache_create('item', 'load_item(int)', ttl => '1 day', load_many => 'load_items(int[])');
SELECT cache_invalidate_on('item', 'item', '{owner}', '{amount}');
END

echo "$KEYS hot keys, read in a skewed way (Zipf, 1.05); a value is an aggregate over 20 rows and about"
echo "1 KB. PostgreSQL $(sql -c 'SHOW server_version'), $(nproc) processors."
echo
echo "### The first $DURATION s after a restart, at $RATE reads a second"
echo
echo '| | hit ratio | reads that ran the loader |'
echo '| --- | --- | --- |'
sql -c "SELECT count(cache_get_item(k)) FROM generate_series(1, $KEYS) AS k, generate_series(1, 2)" \
    > /dev/null
reads 5 0
# Learnt at this restart, and kept while nothing is learnt in the next one.
restart
set_learned 0
first_reads 'without the learnt list'
set_learned "$KEYS"
first_reads 'with the learnt list'

restart
for ((tries = 0; tries < 600; tries++)); do
    [ "$(sql -c 'SELECT warms FROM cache_warm_stat')" = 0 ] || break
    sleep 0.1
done
echo
echo "The worker had warmed $(sql -c 'SELECT warmed FROM cache_warm_stat') values" \
    "$(sql -c "SELECT round(extract(epoch FROM last_warm - pg_postmaster_start_time())::numeric, 2)
               FROM cache_warm_stat") s after the server's start."

echo
echo "### Warming $KEYS keys beside one set-based query"
echo
readonly LIST="SELECT array_agg(k) FROM generate_series(1, $KEYS) AS k"
sql -c "SELECT cache_alter('item', '{\"warm_keys\": \"SELECT * FROM generate_series(1, $KEYS)\"}')" \
    > /dev/null
for ((i = 0; i < 2; i++)); do
    SET_BASED=$(milliseconds "SELECT sum(length(value::text)) FROM load_items(($LIST))")
done
echo '| | ms | times the query |'
echo '| --- | --- | --- |'
echo "| one query for all keys, nothing cached | $SET_BASED | 1 |"
# The workers are busy with the same meanwhile otherwise.
sql -c 'ALTER SYSTEM SET cache_ext.workers = 0'
restart
warming 'cache_warm, cache_ext.warm_batch = 10 (default)' 'SET cache_ext.warm_batch = 10'
warming 'cache_warm, cache_ext.warm_batch = 100' 'SET cache_ext.warm_batch = 100'
warming 'cache_warm, cache_ext.warm_batch = 1000' 'SET cache_ext.warm_batch = 1000'
warming 'cache_warm, cache_ext.warm_batch = 10000' 'SET cache_ext.warm_batch = 10000'
sql -c "SELECT cache_alter('item', '{\"load_many\": null}')" > /dev/null
warming 'cache_warm without load_many' 'SET cache_ext.warm_batch = 10'
run cluster_stop warm >&2
