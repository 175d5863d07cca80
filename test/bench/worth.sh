#!/usr/bin/env bash
# worth.sh: what a cache costs whose values are of no use. Reads in mode "as it is", against cache_ext.enabled = off and
# cache_ext.self_protection = off, in ROUNDS rounds (7) of interleaved runs of SECONDS_EACH seconds (4), one client,
# medians and their ratios, as markdown:
#   once      keys of two thousand million, at random: hardly one is read twice
#   written   every read comes after a write of its key, 100 keys, in the same connection
#   reused    10,000 keys, read again and again: what protection must not cost
# LOADERS names the loaders: row (one row by its key, about 1 KB of jsonb) and sum (of 1,000 rows). A benchmark, not a test.
# PGHOST: measures there, in the database postgres, instead of on a cluster of its own.
set -euo pipefail
readonly LOADERS=${LOADERS:-row sum} ROUNDS=${ROUNDS:-7} EACH=${SECONDS_EACH:-4}

# shellcheck source=test/bench/own_server.sh
source "$(dirname "${BASH_SOURCE[0]}")/own_server.sh" worth

# transactions SCRIPT MODE: per second.
transactions() {
    PGOPTIONS="-c cache_ext.$2" pgbench "$1.sql" 1 0
    sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$TMP/$1.sql.log"
}

median() {
    sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

sql > /dev/null << 'END'
CREATE EXTENSION IF NOT EXISTS cache_ext;
DROP TABLE IF EXISTS worth_item, worth_part;
CREATE TABLE worth_item AS SELECT g AS id, 0 AS n FROM generate_series(1, 100000) AS g;
ALTER TABLE worth_item ADD PRIMARY KEY (id);
ALTER TABLE worth_item SET (fillfactor = 10);
CREATE TABLE worth_part AS SELECT g AS id, g % 1000 AS item, g AS amount FROM generate_series(1, 1000000) AS g;
CREATE INDEX ON worth_part (item);
VACUUM ANALYZE worth_item, worth_part;
CREATE OR REPLACE FUNCTION load_worth_row(id int) RETURNS jsonb LANGUAGE sql STABLE AS
    $$SELECT jsonb_build_object('n', max(n), 'text', repeat('x', 1000)) FROM worth_item AS i WHERE i.id = $1 % 100000 + 1$$;
CREATE OR REPLACE FUNCTION load_worth_sum(id int) RETURNS jsonb LANGUAGE sql STABLE AS
    $$SELECT jsonb_build_object('n', (SELECT n FROM worth_item AS i WHERE i.id = $1 % 100000 + 1), 'sum', sum(amount))
      FROM worth_part AS p WHERE p.item = $1 % 1000$$;
SELECT cache_drop(cache) FROM cache_stat WHERE cache LIKE 'worth\_%';
SELECT cache_create('worth_row', 'load_worth_row(int)'), cache_create('worth_sum', 'load_worth_sum(int)');
END

# shellcheck disable=SC2016 # backquotes of Markdown
echo '| loader | reads | `enabled = off`, 1/s | as it is | `self_protection = off` |'
echo '| --- | --- | ---: | ---: | ---: |'
for loader in $LOADERS; do
    printf '\\set k random(1, 2000000000)\nSELECT cache_get_worth_%s(:k);\n' "$loader" > "$TMP/once.sql"
    printf '\\set k random(1, 100)\nUPDATE worth_item SET n = n + 1 WHERE id = :k + 1;\nSELECT cache_get_worth_%s(:k);\n' \
        "$loader" > "$TMP/written.sql"
    printf '\\set k random(1, 10000)\nSELECT cache_get_worth_%s(:k);\n' "$loader" > "$TMP/reused.sql"
    for reads in once written reused; do
        rm -f "$TMP"/mode_*
        for ((round = 0; round <= ROUNDS; round++)); do
            for mode in enabled=off self_protection=on self_protection=off; do
                tps=$(transactions $reads $mode)
                # The first round is what a new cache costs until it has been judged.
                if [ $round != 0 ]; then echo "$tps" >> "$TMP/mode_$mode"; fi
            done
        done
        awk -v loader="$loader" -v reads="$reads" -v off="$(median "$TMP/mode_enabled=off")" \
            -v on="$(median "$TMP/mode_self_protection=on")" -v without="$(median "$TMP/mode_self_protection=off")" \
            'BEGIN { printf "| %s | %s | %.0f | %.3f | %.3f |\n", loader, reads, off, on / off, without / off }'
    done
done
