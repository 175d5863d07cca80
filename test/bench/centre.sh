#!/usr/bin/env bash
# centre.sh: the call centre's dashboard, agents and agent_performance, as they are composed of aggregate caches, and by the rows of
# calls, each anew after a change (the oracle of the tests). Of CALLS calls (100000), USERS users (100) and AGENTS agents (500).
# Clients (2) read, and change or make a call, in the ratios of MIXES, SECONDS_EACH seconds (3) a round, ROUNDS rounds (3) of all
# contestants in turn. Prints, as markdown, the medians of statements a second and of hits of a hundred reads. A benchmark, not a
# test. PGHOST: measures there, in databases of its own, instead of on a cluster of its own.
set -euo pipefail
shopt -s inherit_errexit
readonly MIXES=${MIXES:-999:1 99:1 90:10 50:50} EACH=${SECONDS_EACH:-3} ROUNDS=${ROUNDS:-3}
readonly CALLS=${CALLS:-100000} USERS=${USERS:-100} AGENTS=${AGENTS:-500} KINDS='by_rows composed'

REPOSITORY=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
readonly REPOSITORY
# shellcheck source=test/bench/own_server.sh
source "$REPOSITORY/test/bench/own_server.sh" centre

of() {
    local database=centre_$1
    shift
    PGOPTIONS='-c client_min_messages=warning' "$BIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 -d "$database" "$@"
}

databases() {
    local kind
    for kind in template $KINDS; do sql -c "DROP DATABASE IF EXISTS centre_$kind" 2> /dev/null; done
    sql -c 'CREATE DATABASE centre_template'
    of template -c 'CREATE SCHEMA app' -c 'ALTER DATABASE centre_template SET search_path = app, public'
    of template -f "$REPOSITORY/examples/call_center/schema.sql" -v users="$USERS" -v agents="$AGENTS" -v calls="$CALLS" \
        -f "$REPOSITORY/examples/call_center/generate.sql"
    for kind in $KINDS; do
        sql -c "CREATE DATABASE centre_$kind TEMPLATE centre_template" -c "ALTER DATABASE centre_$kind SET search_path = app, public"
        of "$kind" -c 'CREATE EXTENSION cache_ext SCHEMA public'
    done
    of composed -c "SELECT cache_install_call_center('app')"
    of by_rows -v zone=UTC -f "$REPOSITORY/test/pgtap/call_center/by_rows.sql" -f - << 'END'
DROP INDEX calls_user_id_day_idx, calls_agent_id_day_idx;
SELECT cache_create('dashboard', 'by_rows_dashboard(uuid)', ttl => NULL, expires => 'day UTC', max_entries => 500),
       cache_create('agents', 'by_rows_agents(uuid)', ttl => NULL, expires => 'day UTC', max_entries => 1000),
       cache_create('agent_performance', 'by_rows_agent_performance(uuid)', ttl => NULL, expires => 'day UTC', max_entries => 200);
END
    for kind in $KINDS; do of "$kind" -c 'VACUUM ANALYZE'; done
}

# As many calls are read about as there are: the busy users' are half of all.
scripts() {
    cat > "$TMP/read.sql" << END
\\set c random(1, $CALLS)
\\set what random(1, 3)
SELECT user_id AS u, agent_id AS a FROM calls WHERE id = md5('call' || :c)::uuid
\\gset
\\if :what = 1
SELECT cache_get_dashboard(:u);
\\elif :what = 2
SELECT cache_get_agents(:u);
\\else
SELECT cache_get_agent_performance(:a);
\\endif
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
    local rate
    of "$1" -c 'SELECT cache_stat_reset()'
    "$BIN/pgbench" -n -M prepared -c 2 -j 1 -T "$EACH" -f "$TMP/read.sql@$2" -f "$TMP/write.sql@$3" "centre_$1" > "$TMP/log" 2>&1
    rate=$(sed -n 's/^tps = \([0-9.]*\) .*/\1/p' "$TMP/log")
    echo "$rate" >> "$TMP/$1.$2.$3"
    of "$1" -c "SELECT round(100.0 * sum(hits) / nullif(sum(hits + misses + bypasses), 0), 1) FROM cache_stat
                WHERE cache IN ('dashboard', 'agents', 'agent_performance')" >> "$TMP/$1.$2.$3.hits"
}

median() {
    sort -g "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

main() {
    local mix kind i
    {
        databases
        scripts
        for kind in $KINDS; do
            of "$kind" -c 'SELECT count(cache_get_dashboard(id)), count(cache_get_agents(id)) FROM users' \
                -c 'SELECT count(cache_get_agent_performance(id)) FROM agents'
        done
        for ((i = 0; i < ROUNDS; i++)); do
            for mix in $MIXES; do
                for kind in $KINDS; do round "$kind" "${mix%:*}" "${mix#*:}"; done
            done
        done
    } > /dev/null
    echo '| reads to writes | by rows/s | hits | composed/s | hits | ratio |'
    echo '| --- | ---: | ---: | ---: | ---: | ---: |'
    for mix in $MIXES; do
        local rows=$TMP/by_rows.${mix/:/.} composed=$TMP/composed.${mix/:/.}
        printf '| %s | %.0f | %s %% | %.0f | %s %% | %s |\n' "$mix" "$(median "$rows")" "$(median "$rows.hits")" \
            "$(median "$composed")" "$(median "$composed.hits")" \
            "$(awk "BEGIN { printf \"%.2f\", $(median "$composed") / $(median "$rows") }")"
    done
}

main
