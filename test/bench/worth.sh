#!/usr/bin/env bash
# worth.sh: what a cache costs whose values are of no use: CPU time of the server process per read, as it is and with
# cache_ext.self_protection = off, as ratios to cache_ext.enabled = off, in ROUNDS rounds (5) of interleaved runs, SCALE (2)
# times 20,000 reads of a quick loader (5,000 after writes) or 1,000 of a slow one; medians, as markdown. CPU time, so that a busy machine disturbs
# less. READS:
#   once      keys of two thousand million, at random: hardly one is read twice
#   written   every read comes after a write of its key, one of 100, whose time counts, too
#   reused    10,000 keys, read again and again: what protection must not cost
# MODES leaves some out, for more rounds of the rest: 'enabled=off self_protection=on' (then the last column is 0).
# LOADERS names the loaders: row (one row by its key, about 1 KB of jsonb) and sum (of 1,000 rows). A benchmark, not a test.
# PGHOST: measures there, in the database postgres, instead of on a cluster of its own.
set -euo pipefail
readonly LOADERS=${LOADERS:-row sum} ROUNDS=${ROUNDS:-5} SCALE=${SCALE:-2}
readonly MODES=${MODES:-enabled=off self_protection=on self_protection=off}
TICKS=$(getconf CLK_TCK)
readonly TICKS

# shellcheck source=test/bench/own_server.sh
source "$(dirname "${BASH_SOURCE[0]}")/own_server.sh" worth

# microseconds STATEMENTS MODE TIMES: CPU time of the server process for one of so many, each a transaction.
microseconds() {
    sql -f - << END
SET cache_ext.$2;
CREATE FUNCTION pg_temp.ticks() RETURNS int LANGUAGE sql AS
    'SELECT sum(split_part(pg_read_file(''/proc/self/stat''), '' '', i)::int) FROM (VALUES (14), (15)) AS v (i)';
SELECT pg_temp.ticks() AS begun \\gset
DO \$\$ BEGIN FOR i IN 1 .. $3 LOOP $1; COMMIT; END LOOP; END \$\$;
SELECT (pg_temp.ticks() - :begun) * 1e6 / $TICKS / $3;
END
}

median() {
    if [ ! -e "$1" ]; then echo 0; return; fi
    sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

sql -f - > /dev/null << 'END'
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
echo '| loader | reads | `enabled = off`, us | as it is | `self_protection = off` |'
echo '| --- | --- | ---: | ---: | ---: |'
for loader in $LOADERS; do
    get="PERFORM cache_get_worth_$loader"
    for reads in ${READS:-once written reused}; do
        case $reads in
            once) statements="$get((random() * 2e9)::int)" ;;
            written) statements="UPDATE worth_item SET n = n + 1 WHERE id = i % 100 + 1; COMMIT; $get(i % 100)" ;;
            reused) statements="$get((random() * 10000)::int)" ;;
        esac
        case $loader-$reads in
            row-written) times=$((5000 * SCALE)) ;;
            row-*) times=$((20000 * SCALE)) ;;
            *) times=$((1000 * SCALE)) ;;
        esac
        rm -f "$TMP"/mode_*
        for ((round = 0; round <= ROUNDS; round++)); do
            for mode in $MODES; do
                us=$(microseconds "$statements" "$mode" $times | tail -n 1)
                # The first round is what a new cache costs until it has been judged.
                if [ $round != 0 ]; then echo "$us" >> "$TMP/mode_$mode"; fi
            done
        done
        awk -v loader="$loader" -v reads="$reads" -v off="$(median "$TMP/mode_enabled=off")" \
            -v on="$(median "$TMP/mode_self_protection=on")" -v without="$(median "$TMP/mode_self_protection=off")" \
            'BEGIN { printf "| %s | %s | %.1f | %.3f | %.3f |\n", loader, reads, off, on / off, without / off }'
    done
done
