#!/usr/bin/env bash
# own_server.sh NAME: for a benchmark that is one script. Sourced with its name: where PGHOST is not set, starts a
# cluster of its own, with SETTINGS (lines of postgresql.conf), and ends it with the script. Defines TMP, a folder that
# goes with the script, and the functions below.
readonly NAME=$1

if [ -z "${PGHOST:-}" ]; then
    # shellcheck source=scripts/cluster.sh
    source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/cluster.sh"
    cd "$ROOT"
    find_postgres
    {
        scratch_with_extension "$NAME"
        printf 'autovacuum = off\nfsync = off\n%s\n' "${SETTINGS:-}" > "$SCRATCH/$NAME.conf"
        run cluster_start "$NAME" "$SCRATCH/$NAME.conf"
    } >&2
    export PGHOST=$SCRATCH/$NAME/socket PGUSER=postgres
    readonly TMP=$SCRATCH/tmp BIN=$PG_BINDIR
else
    TMP=$(mktemp -d "/tmp/cache_ext_$NAME.XXXXXX")
    readonly TMP BIN=${BIN:-/usr/lib/postgresql/15/bin}
    trap 'rm -rf "$TMP"' EXIT
fi

sql() {
    "$BIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 -d postgres "$@"
}

# pgbench SCRIPT CLIENTS RATE: a script in TMP, for EACH seconds; 0: as fast as can be.
pgbench() {
    local limit=()
    if [ "$3" != 0 ]; then limit=(-R "$3"); fi
    "$BIN/pgbench" -n -M prepared -c "$2" -j 1 -T "$EACH" "${limit[@]}" -f "$TMP/$1" postgres > "$TMP/$1.log" 2>&1
}
