#!/usr/bin/env bash
# bulk.sh [ROWS]: what triggers of cache_ext add to statements that touch many rows. Prints the time of
# each statement with and without a declaration, and the ratio; the two take turns, medians of three.
# Needs a server that has the extension preloaded: PGHOST, PGPORT, PGUSER, PGDATABASE.
set -euo pipefail

rows=${1:-1000000}
keys=$((rows / 10))
data=$(mktemp)
trap 'rm -f "$data"' EXIT
seq 1 "$rows" | awk -v keys="$keys" '{ print $1 "\t" $1 % keys + 1 "\t1" }' > "$data"

run() { psql -X -q -v ON_ERROR_STOP=1 "$@"; }

# once TABLE STATEMENT: milliseconds, commit included.
once() {
    local start end
    start=$(date +%s%N)
    run -c "${2//TABLE/$1}" < "$data"
    end=$(date +%s%N)
    echo $(((end - start) / 1000000))
}

median() { sort -n | sed -n 2p; }

run << END
DROP SCHEMA IF EXISTS bulk CASCADE;
CREATE SCHEMA bulk;
CREATE EXTENSION IF NOT EXISTS cache_ext;
SET client_min_messages = warning;
CREATE TABLE bulk.parent (id int PRIMARY KEY, region int NOT NULL);
INSERT INTO bulk.parent SELECT i, i FROM generate_series(1, $keys) AS i;
CREATE TABLE bulk.plain (id int PRIMARY KEY, parent_id int NOT NULL REFERENCES bulk.parent, n int NOT NULL);
CREATE TABLE bulk.direct (LIKE bulk.plain INCLUDING ALL, FOREIGN KEY (parent_id) REFERENCES bulk.parent);
CREATE TABLE bulk.path (LIKE bulk.plain INCLUDING ALL, FOREIGN KEY (parent_id) REFERENCES bulk.parent);
CREATE INDEX ON bulk.plain (parent_id);
CREATE INDEX ON bulk.direct (parent_id);
CREATE INDEX ON bulk.path (parent_id);
CREATE FUNCTION bulk.direct_of(int) RETURNS bigint STABLE LANGUAGE sql
    AS 'SELECT sum(n) FROM bulk.direct WHERE parent_id = \$1';
CREATE FUNCTION bulk.path_of(int) RETURNS bigint STABLE LANGUAGE sql
    AS 'SELECT sum(n) FROM bulk.path AS t JOIN bulk.parent AS p ON p.id = t.parent_id WHERE region = \$1';
SELECT cache_create('bulk_direct', 'bulk.direct_of(int)');
SELECT cache_invalidate_on('bulk_direct', 'bulk.direct', '{parent_id}');
SELECT cache_create('bulk_path', 'bulk.path_of(int)');
SELECT cache_invalidate_on('bulk_path', 'bulk.parent', '{region}');
SELECT cache_invalidate_on_path('bulk_path', 'bulk.path',
    'SELECT region FROM bulk.parent WHERE id = \$1.parent_id');
END

declare -A statements=(
    [1 COPY]='COPY bulk.TABLE FROM STDIN'
    [2 UPDATE]='UPDATE bulk.TABLE SET n = n + 1'
    [3 DELETE]='DELETE FROM bulk.TABLE')

printf '%-8s %10s %10s %10s %8s %8s   (ms; %s rows, %s keys)\n' \
    statement plain direct path direct/ path/ "$rows" "$keys"
declare -A times
for _ in 1 2 3; do
    for name in '1 COPY' '2 UPDATE' '3 DELETE'; do
        for table in plain direct path; do
            times[$name $table]+="$(once "$table" "${statements[$name]}") "
        done
    done
done
for name in '1 COPY' '2 UPDATE' '3 DELETE'; do
    for table in plain direct path; do
        declare "$table=$(tr ' ' '\n' <<< "${times[$name $table]% }" | median)"
    done
    # shellcheck disable=SC2154
    printf '%-8s %10s %10s %10s %8s %8s\n' "${name#* }" "$plain" "$direct" "$path" \
        "$(awk "BEGIN { printf \"%.2f\", $direct / $plain }")" \
        "$(awk "BEGIN { printf \"%.2f\", $path / $plain }")"
done
run -c "SELECT cache_drop('bulk_direct'), cache_drop('bulk_path')" > /dev/null
run -c 'SET client_min_messages = warning' -c 'DROP SCHEMA bulk CASCADE'
