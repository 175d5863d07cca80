#!/usr/bin/env bash
# periods.sh: reports of one organisation's closed months while rows of today come. For WRITES a second (0 10 100 1000),
# SECONDS_EACH seconds (5) of READERS readers (1) who ask as fast as they can for one of 23 periods of 30 days, of ROWS rows
# (2000) each. Prints, as markdown, hits of a hundred reads and reads a second, for a cache whose dependency names the
# organisation only, and for one that names the instant, too. A benchmark, not a test.
# PGHOST: measures there, in the database postgres, instead of on a cluster of its own.
set -euo pipefail
shopt -s inherit_errexit
readonly WRITES=${WRITES:-0 10 100 1000} EACH=${SECONDS_EACH:-5} READERS=${READERS:-1} ROWS=${ROWS:-2000}

# shellcheck source=test/bench/own_server.sh
source "$(dirname "${BASH_SOURCE[0]}")/own_server.sh" periods

# contest DEPENDENCY WRITES: hits of a hundred reads, and reads a second.
contest() {
    local writer=
    sql << END > /dev/null
SELECT cache_drop('report') WHERE EXISTS (SELECT FROM cache_stat WHERE cache = 'report');
DELETE FROM sale WHERE at >= date '2024-01-01' + 30 * 23;
SELECT cache_create('report', 'load_report(int,date,date)', invalidate => 'declared', ttl => NULL);
SELECT cache_invalidate_on('report', 'sale', '{org,NULL,NULL}'$1);
SELECT count(cache_get_report(1, date '2024-01-01' + 30 * m, date '2024-01-01' + 30 * m + 30)) FROM generate_series(0, 22) AS m;
SELECT cache_stat_reset();
END
    if [ "$2" != 0 ]; then
        pgbench write.sql 1 "$2" &
        writer=$!
    fi
    pgbench read.sql "$READERS" 0
    if [ -n "$writer" ]; then wait "$writer"; fi
    sql -F ' ' -c "SELECT round(100.0 * hits / reads, 1), round(reads / $EACH.0)
                   FROM (SELECT *, hits + misses + bypasses AS reads FROM cache_stat WHERE cache = 'report') AS s"
}

sql > /dev/null << END
CREATE EXTENSION IF NOT EXISTS cache_ext;
DROP TABLE IF EXISTS sale;
CREATE TABLE sale (org int NOT NULL, at date NOT NULL, amount int NOT NULL);
INSERT INTO sale SELECT 1, date '2024-01-01' + i % (30 * 23), i FROM generate_series(1, 23 * $ROWS) AS i;
CREATE INDEX ON sale (org, at);
VACUUM ANALYZE sale;
CREATE OR REPLACE FUNCTION load_report(org int, since date, until date) RETURNS bigint LANGUAGE sql STABLE
    AS 'SELECT sum(amount) FROM sale AS s WHERE s.org = \$1 AND s.at >= \$2 AND s.at < \$3';
END
cat > "$TMP/read.sql" << 'END'
\set m random(0, 22)
SELECT cache_get_report(1, date '2024-01-01' + 30 * :m, date '2024-01-01' + 30 * :m + 30);
END
echo "INSERT INTO sale VALUES (1, date '2024-01-01' + 30 * 23 + 5, 1);" > "$TMP/write.sql"

# shellcheck disable=SC2016 # backquotes of Markdown
echo '| writes/s | hits without `instant` | reads/s | hits with it | reads/s | reads with / without |'
echo '| ---: | ---: | ---: | ---: | ---: | ---: |'
for writes in $WRITES; do
    read -r hits_without without <<< "$(contest '' "$writes" | tail -n 1)"
    read -r hits_with with <<< "$(contest ", instant => 'at', since => 'since', until => 'until'" "$writes" | tail -n 1)"
    echo "| $writes | $hits_without % | $without | $hits_with % | $with | $(awk "BEGIN { printf \"%.2f\", $with / $without }") |"
done
