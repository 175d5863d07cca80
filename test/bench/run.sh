#!/usr/bin/env bash
# run.sh [PART...]: installs what is missing, builds, and measures the cache beside its peers, all
# parts or only those named (or listed in ONLY): protocol inserver many writers aggregate copy update stampede
# core; values runs only if it is named. Prints a markdown page and leaves it in build/bench.md. ROUNDS
# (3) is how often each contestant runs; the more, the quieter the medians.
# shellcheck source=scripts/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/cluster.sh"
# shellcheck source=test/bench/measure.sh
source "$ROOT/test/bench/measure.sh"
# shellcheck source=test/bench/peers.sh
source "$ROOT/test/bench/peers.sh"
cd "$ROOT"

readonly PARTS='protocol inserver many writers aggregate copy update stampede core'
readonly MORE_PARTS='values'  # if named
readonly BENCH=$ROOT/test/bench
readonly ROUNDS=${ROUNDS:-3}
readonly REPORT=$ROOT/build/bench.md
ALL_CORES=$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)
CORES=$ALL_CORES
for part in $PARTS $MORE_PARTS; do
    # shellcheck disable=SC1090
    if [ "$part" != core ]; then source "$BENCH/$part.sh"; fi
done

build_tools() {
    g++ -std=c++20 -O2 -pthread -o "$SCRATCH/client" "$BENCH/client.cpp"
    cc -O2 -shared -fPIC -I"$("$PG_CONFIG" --includedir-server)" -o "$SCRATCH/module.so" \
        "$BENCH/module.c"
    mkdir -p "$SCRATCH"/samples/{1,2} "$SCRATCH/statements"
    cp -R "$BENCH" "$ROOT/examples" "$SCRATCH"
    : > "$SCRATCH/targets"
    scratch_hand_over
}

settings() {
    cat << 'END'
shared_buffers = 512MB
work_mem = 64MB
max_wal_size = 8GB
checkpoint_timeout = 1h
autovacuum = off
jit = off
max_parallel_workers_per_gather = 0
max_connections = 120
cache_ext.max_transaction_tags = 10000
END
    if [ -n "$WITH_PGMEMCACHE" ]; then echo "shared_preload_libraries = 'cache_ext,pgmemcache'"; fi
}

load() {
    as_server_user "$PG_BINDIR/createdb" -h "$SCRATCH/bench/socket" -U postgres bench
    bench_psql -v "module=$SCRATCH/module" -f "$SCRATCH/bench_files/schema.sql" > /dev/null
    peers_fill
}

# Those of src/core without a server. A part that needs libbenchmark is left out without it.
core() {
    echo "### The core without a server"
    echo
    if ! make --no-print-directory -s -j "$(nproc)" -f test/bench/Makefile build/bench/memory \
        > "$SCRATCH/tmp/core.log" 2>&1; then
        echo "Not built: libbenchmark-dev is missing, or does not fit."
        return 0
    fi
    echo "A million puts of 0.2 to 20 KB into a block that is always full (\`test/bench/memory.cpp\`):"
    echo
    echo '```'
    build/bench/memory 1
    echo '```'
    echo
}

# Which machine and which versions.
about() {
    local model versions
    model=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
    echo "\`make bench${ONLY:+ ONLY=\"$ONLY\"}\` with ROUNDS=$ROUNDS, $(date -u +%Y-%m-%d)," \
        "$(nproc) cores (${model:-unknown}), Linux $(uname -r);"
    versions="$("$PG_CONFIG" --version), $(g++ --version | head -n 1)"
    if [ -n "$REDIS_PORT" ]; then
        versions+=", $(redis-server --version | sed 's/^Redis server v=\([0-9.]*\).*/Redis \1/')"
    fi
    if [ -n "$MEMCACHED_PORT" ]; then versions+=", $(memcached -V)"; fi
    if [ -n "$WITH_PGMEMCACHE" ]; then
        # shellcheck disable=SC2016
        versions+=", pgmemcache $(dpkg-query -W -f '${Version}' \
            "postgresql-$PG_MAJOR-pgmemcache" 2> /dev/null || echo '?')"
    fi
    echo "$versions."
    echo
}

# report_part NAME: runs it and adds its tables to the report.
report_part() {
    local started=$SECONDS
    run_job "$1" > "$SCRATCH/part.md"
    if [ "$JOB_STATUS" -ne 0 ]; then
        echo "FAILED: $1"
        FAILED=1
    fi
    cat "$SCRATCH/part.md"
    cat "$SCRATCH/part.md" >> "$SCRATCH/parts.md"
    echo "($((SECONDS - started)) s)"
}

main() {
    local wanted part
    read -r -a wanted <<< "${*:-${ONLY:-$PARTS}}"
    for part in "${wanted[@]}"; do
        case " $PARTS $MORE_PARTS " in
            *" $part "*) ;;
            *) die "no such part: $part ($PARTS $MORE_PARTS)" ;;
        esac
    done
    FAILED=0

    heading "Dependencies"
    "$ROOT/scripts/install_dependencies.sh" bench
    find_postgres

    heading "Build"
    scratch_with_extension bench
    run build_tools

    heading "Start a throwaway cluster and the peers"
    mv "$SCRATCH/bench" "$SCRATCH/bench_files"
    peers_start
    settings > "$SCRATCH/bench.conf"
    run cluster_start bench "$SCRATCH/bench.conf"
    run load

    for part in "${wanted[@]}"; do
        heading "$part"
        report_part "$part"
    done
    {
        about
        if [ -s "$SCRATCH/targets" ]; then
            echo "### Targets"
            echo
            { cells 'target' 'measured' 'wanted' 'met'; cat "$SCRATCH/targets"; } | table
        fi
        cat "$SCRATCH/parts.md"
    } > "$REPORT"

    heading "Targets"
    sed -n '/^### Targets/,/^$/d; /^| target/,/^$/p' "$REPORT"
    echo "All tables: ${REPORT#"$ROOT/"}, after $SECONDS s"
    [ "$FAILED" -eq 0 ]
}

main "$@"
