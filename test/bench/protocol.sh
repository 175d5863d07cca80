# One statement per value, through the protocol: pgbench with prepared statements, or the small
# client. One client shares a core with its server; two clients have the whole machine.
# shellcheck shell=bash

readonly DASHBOARD_USERS=200 DASHBOARD_BUSY=5

# The call-centre example with about 1,000 calls for each user but the busy ones.
load_call_center() {
    local example=$SCRATCH/examples/call_center
    bench_psql -f "$example/schema.sql" -v users=$DASHBOARD_USERS -v agents=1000 -v calls=400000 \
        -f "$example/generate.sql" > "$SCRATCH/tmp/call_center.log"
    bench_psql -c 'SELECT cache_install_call_center()' -c 'VACUUM ANALYZE' \
        -c "SELECT count(cache_get_dashboard(u.id)) FROM users AS u" > /dev/null
}

# name, label, the constant function of its type
protocol_contestants() {
    cells select_1 'SELECT 1' constant_json
    cells constant_json 'constant function, json' constant_json
    cells constant_jsonb 'constant function, jsonb' constant_jsonb
    cells kept_json 'one of 10,000 values that the session keeps, json' constant_json
    cells kept_jsonb 'one of 10,000 values that the session keeps, jsonb' constant_jsonb
    cells hot_json 'cache_get_<name> of one key, json' constant_json
    cells hot_jsonb 'cache_get_<name> of one key, jsonb' constant_jsonb
    cells cache_json 'cache_get_<name>, json' constant_json
    cells cache_jsonb 'cache_get_<name>, jsonb' constant_jsonb
    cells table_json 'table by primary key, json' constant_json
    cells table_jsonb 'table by primary key, jsonb' constant_jsonb
    cells view_json 'materialized view by key, json' constant_json
    cells cache_dashboard 'cache_get_dashboard' constant_json
    cells live_dashboard "cache_get_dashboard's loader" constant_json
    cells live_sums 'live aggregate over 1,000 rows by index' constant_json
    if [ -n "$WITH_PGMEMCACHE" ]; then cells pgmemcache 'pgmemcache, text' constant_json; fi
    if [ -n "$REDIS_PORT" ]; then
        cells redis_tcp 'Redis, TCP' constant_json
        cells redis_socket 'Redis, Unix socket' constant_json
    fi
    if [ -n "$MEMCACHED_PORT" ]; then cells memcached 'memcached, TCP' constant_json; fi
}

protocol_statements() {
    local key='\set k random(1, 10000)'
    local user="\\set k random($((DASHBOARD_BUSY + 1)), $DASHBOARD_USERS)"
    statement select_1 "$key" 'SELECT 1;'
    statement constant_json "$key" 'SELECT bench_constant_json(:k);'
    statement constant_jsonb "$key" 'SELECT bench_constant_jsonb(:k);'
    statement kept_json "$key" 'SELECT bench_kept_json(:k);'
    statement kept_jsonb "$key" 'SELECT bench_kept_jsonb(:k);'
    statement hot_json "$key" 'SELECT cache_get_bench_json(:k * 0 + 1);'
    statement hot_jsonb "$key" 'SELECT cache_get_bench_jsonb(:k * 0 + 1);'
    statement cache_json "$key" 'SELECT cache_get_bench_json(:k);'
    statement cache_jsonb "$key" 'SELECT cache_get_bench_jsonb(:k);'
    statement table_json "$key" 'SELECT v FROM table_json WHERE k = :k;'
    statement table_jsonb "$key" 'SELECT v FROM table_jsonb WHERE k = :k;'
    statement view_json "$key" 'SELECT v FROM view_json WHERE k = :k;'
    statement cache_dashboard "$user" "SELECT cache_get_dashboard(md5('user' || :k)::uuid);"
    statement live_dashboard "$user" "SELECT cache_load_dashboard(md5('user' || :k)::uuid);"
    statement live_sums "$user" \
        "SELECT json_build_object('calls', count(*), 'minutes', sum(duration_minutes),
         'credits', sum(credits_used), 'completed', count(*) FILTER (WHERE status = 'completed'))
         FROM calls WHERE user_id = md5('user' || :k)::uuid;"
    statement pgmemcache "$key" "SELECT memcache_get('k' || :k);"
}

# protocol_rate NAME CLIENTS: values per second in one second.
protocol_rate() {
    case $1 in
        redis_tcp) placed "$SCRATCH/client" redis "127.0.0.1:$REDIS_PORT" run 10000 1 "$2" ;;
        redis_socket) placed "$SCRATCH/client" redis "$SCRATCH/redis.sock" run 10000 1 "$2" ;;
        memcached) placed "$SCRATCH/client" memcached "127.0.0.1:$MEMCACHED_PORT" run 10000 1 "$2" ;;
        *) transactions "$2" 1 bench -f "$SCRATCH/statements/$1.sql" ;;
    esac
}

protocol() {
    local round name label base names
    load_call_center
    protocol_statements
    mapfile -t names < <(protocol_contestants | cut -f 1)
    fill_caches
    for ((round = 0; round < ROUNDS; round++)); do
        one_core
        place_peers
        for name in "${names[@]}"; do sample "1/$name" "$(protocol_rate "$name" 1)"; done
        # A few percent matter between these.
        for name in {constant,hot,kept,cache,table}_{json,jsonb}; do
            sample "1/$name" "$(protocol_rate "$name" 1)"
        done
        # Half the rounds will do: the sum of two clients spreads less.
        if ((round % 2)); then continue; fi
        all_cores
        place_peers
        for name in "${names[@]}"; do sample "2/$name" "$(protocol_rate "$name" 2)"; done
    done
    all_cores

    echo "### Through the protocol"
    echo
    echo "Values per second, 1 KB, 10,000 keys chosen at random, prepared statements. One client on one"
    echo "core with its server; two clients on all cores. The ratio is to the constant function that"
    echo "returns the same type, whose one value is always in the processor's cache; a session that keeps"
    echo "all 10,000 shows what fetching a value from memory costs whoever has it. pgbench is the client of"
    echo "all but Redis and memcached, which have a smaller one that does nothing but ask and read."
    echo
    {
        cells read '1 client/s' ratio '2 clients/s' ratio
        protocol_contestants | while IFS=$'\t' read -r name label base; do
            cells "$label" "$(figure "1/$name")" "$(ratio "1/$name" "1/$base" %.3g)" \
                "$(figure "2/$name")" "$(ratio "2/$name" "2/$base" %.3g)"
        done
    } | table
    require_hits
    target 'hit, json / constant function' "$(ratio 1/cache_json 1/constant_json)" ge 0.97
    target 'hit, jsonb / constant function' "$(ratio 1/cache_jsonb 1/constant_jsonb)" ge 0.97
    target 'hit of one key, json / constant function' "$(ratio 1/hot_json 1/constant_json)" ge 0.97
    target 'hit of one key, jsonb / constant function' "$(ratio 1/hot_jsonb 1/constant_jsonb)" ge 0.97
    target 'hit, json / value that the session keeps' "$(ratio 1/cache_json 1/kept_json)" ge 0.97
    target 'hit, jsonb / value that the session keeps' "$(ratio 1/cache_jsonb 1/kept_jsonb)" ge 0.97
    target 'hit / primary-key lookup, json' "$(ratio 1/cache_json 1/table_json)" ge 1.1
    target 'hit / primary-key lookup, jsonb' "$(ratio 1/cache_jsonb 1/table_jsonb)" ge 1.1
    target 'dashboard hit / live aggregate' "$(ratio 1/cache_dashboard 1/live_sums %.0f)" ge 15
    target 'hit, json / Redis over TCP' "$(ratio 1/cache_json 1/redis_tcp)" ge 1
}
