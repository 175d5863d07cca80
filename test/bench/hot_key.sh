#!/usr/bin/env bash
# hot_key.sh: one key that is written to while it is read, its loader slower than the writes come. For
# loaders of LOADERS ms (50 300) and WRITES writes per loader time (1 2.5 5 15), SECONDS_EACH seconds (5) of
# READERS readers (2) that read every 10 ms. Prints, as markdown, how many of a hundred reads bypassed, how many
# ran the loader, and the loads per second, those of workers included, for a plain cache, stale_for of 1 and 10 s, and
# warm_on_invalidate. A benchmark, not a test.
# PGHOST: measures there, in the database postgres, instead of on a cluster of its own.
set -euo pipefail
readonly LOADERS=${LOADERS:-50 300} WRITES=${WRITES:-1 2.5 5 15} EACH=${SECONDS_EACH:-5} READERS=${READERS:-2}

# shellcheck source=test/bench/own_server.sh
source "$(dirname "${BASH_SOURCE[0]}")/own_server.sh" hot_key

# contest OPTIONS LOADER_MS WRITES: bypasses and loads of a hundred reads, loads per second, per cent.
contest() {
    local reader
    sql << END
SELECT cache_drop('hot') WHERE EXISTS (SELECT FROM cache_stat WHERE cache = 'hot');
CREATE OR REPLACE FUNCTION load_hot(id int) RETURNS int LANGUAGE plpgsql STABLE AS \$\$
DECLARE result int := (SELECT h.n FROM hot h WHERE h.id = \$1);
BEGIN PERFORM pg_sleep($2 / 1000.0); RETURN result; END \$\$;
SELECT cache_create('hot', 'load_hot(int)', invalidate => 'declared', refresh_at => NULL $1);
SELECT cache_invalidate_on('hot', 'hot', '{id}');
SELECT cache_get_hot(1);
SELECT cache_get_hot(1);
SELECT cache_stat_reset();
END
    pgbench read.sql "$READERS" 0 &
    reader=$!
    pgbench write.sql 1 "$(awk "BEGIN { print $3 * 1000 / $2 }")"
    wait $reader
    sql -F ' ' -c "SELECT round(100.0 * bypasses / reads), round(100.0 * (misses + bypasses) / reads),
                          round((fills + bypasses) / $EACH.0, 1)
                   FROM (SELECT *, hits + stale_hits + misses + bypasses AS reads FROM cache_stat
                         WHERE cache = 'hot') AS s"
}

sql > /dev/null << 'END'
CREATE EXTENSION IF NOT EXISTS cache_ext;
DROP TABLE IF EXISTS hot;
CREATE TABLE hot AS SELECT 1 AS id, 0 AS n;
ALTER TABLE hot ADD PRIMARY KEY (id);
ALTER TABLE hot SET (fillfactor = 10);
ALTER SYSTEM SET cache_ext.warm_delay = '100ms';
SELECT pg_reload_conf();
END
printf 'SELECT cache_get_hot(1);\n\\sleep 10 ms\n' > "$TMP/read.sql"
echo 'UPDATE hot SET n = n + 1 WHERE id = 1;' > "$TMP/write.sql"

# shellcheck disable=SC2016 # backquotes of Markdown
echo '| loader | writes per loader time | plain | `stale_for` 1 s | `stale_for` 10 s | `warm_on_invalidate` |'
echo '| ---: | ---: | ---: | ---: | ---: | ---: |'
for loader in $LOADERS; do
    for writes in $WRITES; do
        line="| $loader ms | $writes |"
        for options in '' ", stale_for => '1 s'" ", stale_for => '10 s'" ', warm_on_invalidate => true'; do
            read -r bypasses loads rate <<< "$(contest "$options" "$loader" "$writes" | tail -n 1)"
            line+=" $bypasses / $loads / $rate |"
        done
        echo "$line"
    done
done
