#!/usr/bin/env bash
# centre_peers.sh: the figures of a user of the call centre (calls, completed ones, minutes and credits, of all time and of the last
# 7 and 30 days), while calls are made and changed: by query, in a cache that is made of aggregate caches, in a table that a trigger
# keeps, in a materialized view that is refreshed each second, and in an incremental view of pg_ivm, where that is installed. Of CALLS
# calls (100000) and USERS users (100). Clients (2) read, and make or change a call, in the ratios of MIXES, SECONDS_EACH seconds (3) a
# round, ROUNDS rounds (3) of all contestants in turn. Prints, as markdown, the medians of statements a second, and how many reads of
# a check at the end were not what the query says. A benchmark, not a test. PGHOST: measures there, in databases of its own, instead of
# on a cluster of its own.
set -euo pipefail
shopt -s inherit_errexit
readonly MIXES=${MIXES:-999:1 90:10 50:50 0:1} EACH=${SECONDS_EACH:-3} ROUNDS=${ROUNDS:-3}
readonly CALLS=${CALLS:-100000} USERS=${USERS:-100}

REPOSITORY=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
readonly REPOSITORY
# shellcheck source=test/bench/own_server.sh
source "$REPOSITORY/test/bench/own_server.sh" centre_peers

of() {
    local database=peers_$1
    shift
    PGOPTIONS='-c client_min_messages=warning' "$BIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 -d "$database" "$@"
}

databases() {
    local kind
    for kind in template "${KINDS[@]}"; do sql -c "DROP DATABASE IF EXISTS peers_$kind" 2> /dev/null; done
    sql -c 'CREATE DATABASE peers_template'
    of template -f "$REPOSITORY/examples/call_center/schema.sql" -v users="$USERS" -v agents=500 -v calls="$CALLS" \
        -f "$REPOSITORY/examples/call_center/generate.sql"
    for kind in "${KINDS[@]}"; do
        sql -c "CREATE DATABASE peers_$kind TEMPLATE peers_template"
        of "$kind" -v kind="$kind" -f "$REPOSITORY/test/bench/centre_peers.sql"
    done
}

# As many calls are read about as there are: the busy users' are half of all.
scripts() {
    cat > "$TMP/read.sql" << END
\\set c random(1, $CALLS)
SELECT user_id AS u FROM calls WHERE id = md5('call' || :c)::uuid
\\gset
SELECT figures(:u);
END
    cat > "$TMP/write.sql" << END
\\set c random(1, $CALLS)
\\set what random(1, 2)
\\if :what = 1
INSERT INTO calls (user_id, agent_id) SELECT user_id, agent_id FROM calls WHERE id = md5('call' || :c)::uuid;
\\else
UPDATE calls SET status = 'completed', duration_minutes = duration_minutes + 1, credits_used = credits_used + 2
WHERE id = md5('call' || :c)::uuid;
\\endif
END
}

# round KIND READS WRITES
round() {
    local refresher=
    if [ "$1" = matview ]; then
        (while sleep 1; do of matview -c 'REFRESH MATERIALIZED VIEW CONCURRENTLY figure' || exit; done) &
        refresher=$!
    fi
    "$BIN/pgbench" -n -M prepared -c 2 -j 1 -T "$EACH" -f "$TMP/read.sql@$2" -f "$TMP/write.sql@$3" "peers_$1" > "$TMP/log" 2>&1
    sed -n 's/^tps = \([0-9.]*\) .*/\1/p' "$TMP/log" >> "$TMP/$1.$2.$3"
    # At once, before anything is refreshed.
    of "$1" -c 'SELECT count(*) FILTER (WHERE figures(id)::text <> by_query(id)::text) FROM users' >> "$TMP/$1.wrong"
    if [ -n "$refresher" ]; then
        kill "$refresher"
        wait "$refresher" 2> /dev/null || true
    fi
}

median() {
    sort -g "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

main() {
    local kind mix i
    KINDS=(query cache counter matview)
    if [ "$(sql -c "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_ivm'")" = 1 ]; then
        KINDS+=(pg_ivm)
    else
        echo 'pg_ivm is not installed, and left out' >&2
    fi
    readonly KINDS
    {
        databases
        scripts
        for ((i = 0; i < ROUNDS; i++)); do
            for mix in $MIXES; do
                for kind in "${KINDS[@]}"; do round "$kind" "${mix%:*}" "${mix#*:}"; done
            done
        done
    } > /dev/null
    printf '| reads to writes |'
    printf ' %s |' "${KINDS[@]}"
    printf '\n| --- |%s\n' "$(printf ' ---: |%.0s' "${KINDS[@]}")"
    for mix in $MIXES; do
        printf '| %s |' "$mix"
        for kind in "${KINDS[@]}"; do printf ' %.0f |' "$(median "$TMP/$kind.${mix/:/.}")"; done
        echo
    done
    printf '| wrong at the end, users of %s a round |' "$USERS"
    for kind in "${KINDS[@]}"; do printf ' %s |' "$(awk '{ s += $1; n++ } END { printf "%.1f", s / n }' "$TMP/$kind.wrong")"; done
    echo
}

main
