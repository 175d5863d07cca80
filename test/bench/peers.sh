# What the benchmarks compare with: Redis and memcached on ports and sockets of their own, pgmemcache
# in our server. Each is left out, with a word, when it is not installed.
# shellcheck shell=bash

REDIS_PORT=
MEMCACHED_PORT=
WITH_PGMEMCACHE=

# free_port: prints a port of the loopback interface that nobody listens on.
free_port() {
    local port tries
    for ((tries = 0; tries < 100; tries++)); do
        port=$((20000 + RANDOM % 10000))
        if ! (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; then
            echo "$port"
            return 0
        fi
    done
    die "no free port"
}

# Pids of the peers: programs of these names that run in our scratch folder.
peer_pids() {
    local link
    {
        find /proc -mindepth 2 -maxdepth 2 -name cwd \
            '(' -lname "$SCRATCH" -o -lname "$SCRATCH/*" ')' -printf '%h\n' 2> /dev/null || true
    } |
        while read -r link; do
            case "$(readlink "$link/exe")" in
                */redis-* | */memcached) echo "${link#/proc/}" ;;
            esac
        done
}

peers_stop() {
    local pids
    [ -n "$SCRATCH" ] || return 0
    pids=$(peer_pids)
    # shellcheck disable=SC2086
    if [ -n "$pids" ]; then kill -TERM $pids 2> /dev/null; fi
}

# wait_for_port PORT
wait_for_port() {
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        if (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; then return 0; fi
        sleep 0.05
    done
    return 1
}

# peer_start COMMAND...: in the background; ended by peers_stop. Each runs on one core when one_core
# was called last.
peer_start() {
    as_server_user setsid "$@" < /dev/null > "$SCRATCH/tmp/peer.log" 2>&1 &
}

place_peers() {
    local pid
    for pid in $(peer_pids); do taskset -a -p -c "$CORES" "$pid" > /dev/null; done
}

peers_start() {
    on_exit peers_stop
    if command -v redis-server > /dev/null; then
        REDIS_PORT=$(free_port)
        peer_start redis-server --port "$REDIS_PORT" --bind 127.0.0.1 --save '' --appendonly no \
            --unixsocket "$SCRATCH/redis.sock" --daemonize no
        wait_for_port "$REDIS_PORT" || { echo "Redis did not start" && REDIS_PORT=; }
    else
        echo "Without Redis: redis-server is not installed."
    fi
    if command -v memcached > /dev/null; then
        MEMCACHED_PORT=$(free_port)
        peer_start memcached -l 127.0.0.1 -p "$MEMCACHED_PORT" -U 0 -m 128 -t 2
        wait_for_port "$MEMCACHED_PORT" || { echo "memcached did not start" && MEMCACHED_PORT=; }
    else
        echo "Without memcached: it is not installed."
    fi
    if [ ! -e "$("$PG_CONFIG" --pkglibdir)/pgmemcache.so" ]; then
        echo "Without pgmemcache: postgresql-$PG_MAJOR-pgmemcache is not installed."
    elif [ -n "$MEMCACHED_PORT" ]; then
        WITH_PGMEMCACHE=yes
    fi
}

# Gives the peers the values that the tables have.
peers_fill() {
    bench_psql -c 'SELECT v FROM table_json WHERE k = 5000' | head -c -1 > "$SCRATCH/tmp/value"
    if [ -n "$REDIS_PORT" ]; then
        "$SCRATCH/client" redis "127.0.0.1:$REDIS_PORT" fill 10000 < "$SCRATCH/tmp/value"
    fi
    if [ -n "$MEMCACHED_PORT" ]; then
        "$SCRATCH/client" memcached "127.0.0.1:$MEMCACHED_PORT" fill 10000 < "$SCRATCH/tmp/value"
    fi
    if [ -n "$WITH_PGMEMCACHE" ]; then
        bench_psql -c 'CREATE EXTENSION pgmemcache' \
            -c "ALTER DATABASE bench SET pgmemcache.default_servers = '127.0.0.1:$MEMCACHED_PORT'"
    fi
}
