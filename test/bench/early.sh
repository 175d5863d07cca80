#!/usr/bin/env bash
# early.sh: loads and waits of one key that CLIENTS sessions (4) read RATE times a second all together, EACH seconds (20)
# long: refreshed after a share of its life (refresh_at => 0.8), and by its load time (refresh_beta => 1), for each of
# RATES x LOADS x TTLS, e.g. RATES='2000 20' LOADS='20ms 200ms' TTLS='2s 10s'. As markdown. A benchmark, not a test.
# PGHOST: measures there, in the database postgres, instead of on a cluster of its own.
set -euo pipefail
readonly CLIENTS=${CLIENTS:-4} EACH=${EACH:-20}
readonly RATES=${RATES:-2000 20} LOADS=${LOADS:-20ms 200ms} TTLS=${TTLS:-2s 10s}

# shellcheck source=test/bench/own_server.sh
source "$(dirname "${BASH_SOURCE[0]}")/own_server.sh" early

sql -f - > /dev/null << 'END'
CREATE EXTENSION IF NOT EXISTS cache_ext;
DROP TABLE IF EXISTS early_load;
CREATE TABLE early_load (takes float8);
INSERT INTO early_load VALUES (0);
CREATE OR REPLACE FUNCTION load_early(id int) RETURNS int LANGUAGE plpgsql STABLE AS
    $$BEGIN PERFORM pg_sleep((SELECT takes FROM early_load)); RETURN id; END$$;
SELECT cache_drop(cache) FROM cache_stat WHERE cache = 'early';
SELECT cache_create('early', 'load_early(int)', invalidate => 'declared', undeclared => 'ttl', refresh_min => '0');
END
echo 'SELECT cache_get_early(1);' > "$TMP/early.sql"

# one RATE LOAD TTL HOW BETA: a row.
one() {
    sql -c "UPDATE early_load SET takes = extract(epoch FROM interval '$2')" \
        -c "SELECT cache_alter('early', '{\"ttl\": \"$3\", \"refresh_beta\": $5}')" \
        -c 'SELECT cache_get_early(1)' -c "SELECT cache_stat_reset('early')" > /dev/null
    pgbench early.sql "$CLIENTS" "$1"
    sql -F ' | ' -c "SELECT '| $1', '$2', '$3', '$4', fills, round(fills / ($EACH / extract(epoch FROM interval '$3')), 2),
            misses, waits || ' |'
        FROM cache_stat WHERE cache = 'early'"
}

# shellcheck disable=SC2016 # backquotes of Markdown
echo '| reads a second | load | ttl | refreshed by | loads | per ttl | by readers | reads that waited |'
echo '| ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: |'
for rate in $RATES; do
    for load in $LOADS; do
        for ttl in $TTLS; do
            # shellcheck disable=SC2016
            one "$rate" "$load" "$ttl" '`refresh_at => 0.8`' null
            # shellcheck disable=SC2016
            one "$rate" "$load" "$ttl" '`refresh_beta => 1`' 1
        done
    done
done
