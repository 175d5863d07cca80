#!/usr/bin/env bash
# demo.sh: installs what is missing, builds, starts a throwaway cluster, loads the call-centre
# example and shows the cache at work. USERS, AGENTS and CALLS set the size of the data; with KEEP=1
# the cluster goes on running until demo_stop.sh.
# shellcheck source=scripts/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
# shellcheck source=scripts/demo_state.sh
source "$ROOT/scripts/demo_state.sh"
cd "$ROOT"

readonly EXAMPLE=$ROOT/examples/call_center
size=(-v "users=${USERS:-1000}" -v "agents=${AGENTS:-5000}" -v "calls=${CALLS:-1000000}")

demo_psql() {
    "$PG_BINDIR/psql" -X -q -v ON_ERROR_STOP=1 -P pager=off -h "$SCRATCH/demo/socket" -U postgres \
        "$@"
}

heading "Dependencies"
"$ROOT/scripts/install_dependencies.sh" demo
find_postgres

if demo_find; then
    if [ -n "$(scratch_processes postgres)" ]; then
        SCRATCH=
        die "A demo is running already; make demo-stop ends it."
    fi
    SCRATCH=
fi

heading "Build"
scratch_with_extension demo

heading "Start a throwaway cluster"
cat > "$SCRATCH/demo.conf" << 'END'
shared_buffers = 256MB
max_wal_size = 4GB
jit = off
END
run cluster_start demo "$SCRATCH/demo.conf"
echo "in $SCRATCH/demo, as $SERVER_USER, on a private socket"

heading "Load the call-centre example"
run demo_psql -d postgres -c 'CREATE DATABASE demo'
run demo_psql -d demo -f "$EXAMPLE/schema.sql"
run demo_psql -d demo "${size[@]}" -f "$EXAMPLE/generate.sql"

heading "Declare the caches"
run demo_psql -d demo -c 'CREATE EXTENSION cache_ext' -c 'SELECT cache_install_call_center()'

heading "The tour"
run demo_psql -d demo "${size[@]}" -f "$EXAMPLE/demo.sql"

if [ "${KEEP:-0}" != 0 ]; then
    demo_remember
    heading "The cluster goes on running"
    echo "connect:  $PG_BINDIR/psql -h $SCRATCH/demo/socket -U postgres demo"
    echo "stop it:  make demo-stop"
    SCRATCH=
else
    heading "Done: the cluster is removed"
    echo "To look around yourself: make demo KEEP=1 leaves it running and prints how to connect."
fi
