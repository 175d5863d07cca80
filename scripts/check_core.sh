#!/usr/bin/env bash
# check_core.sh: PostgreSQL's own regression suite, once on a plain server and once on one that has cache_ext
# preloaded and the extension in template1. Both have to say the same: the source package may be of another minor
# version than the server, so some tests may differ from what is expected; from each other none may.
# shellcheck source=scripts/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
# shellcheck source=scripts/postgres_source.sh
source "$ROOT/scripts/postgres_source.sh"
cd "$ROOT"

readonly FOLDER=$ROOT/build/core

# The suite, with the functions in C that it loads.
prepare() {
    local include module
    include=$("$PG_CONFIG" --includedir-server)
    cp -R "$FOLDER/source/src/test/regress" "$SCRATCH/suite"
    mkdir "$SCRATCH/modules"
    for module in src/test/regress/regress contrib/spi/autoinc contrib/spi/refint; do
        cc -shared -fPIC -O1 -I"$include" -DDLSUFFIX='".so"' -o "$SCRATCH/modules/$(basename "$module").so" \
            "$FOLDER/source/$module.c"
    done
    scratch_hand_over
}

# run_suite NAME [FILE]: on a cluster of that name; what the tests print is in $SCRATCH/NAME/out/results. The settings
# of the database are those that pg_regress gives one that it makes itself.
run_suite() {
    local name=$1 setting
    cluster_start "$name" "${2:-/dev/null}"
    if [ "$name" = cached ]; then cluster_psql "$name" -d template1 -c 'CREATE EXTENSION cache_ext'; fi
    cluster_psql "$name" -d postgres -c 'CREATE DATABASE regression TEMPLATE template1'
    for setting in lc_messages=C lc_monetary=C lc_numeric=C lc_time=C bytea_output=hex timezone_abbreviations=Default; do
        cluster_psql "$name" -d postgres -c "ALTER DATABASE regression SET ${setting%=*} = '${setting#*=}'"
    done
    as_server_user mkdir "$SCRATCH/$name/out"
    as_server_user env PGUSER=postgres "$PG_TEST/regress/pg_regress" --host="$SCRATCH/$name/socket" \
        --bindir="$PG_BINDIR" --inputdir="$SCRATCH/suite" --outputdir="$SCRATCH/$name/out" \
        --dlpath="$SCRATCH/modules" --dbname=regression --use-existing \
        --schedule="$SCRATCH/suite/parallel_schedule" > "$SCRATCH/$name/suite.log" 2>&1 || true
    grep -c -E '\.\.\. (ok|FAILED)' "$SCRATCH/$name/suite.log" > "$SCRATCH/$name/tests" ||
        { cat "$SCRATCH/$name/suite.log"; return 1; }
    echo "$name: $(cat "$SCRATCH/$name/tests") tests, $(grep -c FAILED "$SCRATCH/$name/suite.log" || true) not as expected"
    if grep -E 'PANIC:|TRAP:|was terminated by signal' "$SCRATCH/$name/log"; then return 1; fi
    cluster_stop "$name"
}

compare() {
    local plain=$SCRATCH/plain cached=$SCRATCH/cached
    if [ "$(cat "$plain/tests")" != "$(cat "$cached/tests")" ]; then die "not the same number of tests"; fi
    diff -r "$plain/out/results" "$cached/out/results" || die "cache_ext changes what PostgreSQL's own tests print"
    echo "$(cat "$cached/tests") passed, 0 failed"
}

suites() {
    printf "shared_preload_libraries = ''\n" > "$SCRATCH/plain.conf"
    run_suite plain "$SCRATCH/plain.conf"
    run_suite cached
    compare
}

heading "Dependencies"
"$ROOT/scripts/install_dependencies.sh" check
find_postgres
PG_TEST=$(readlink -f "$(dirname "$("$PG_CONFIG" --pgxs)")/../../src/test")
heading "PostgreSQL's source"
run postgres_source "$FOLDER"
heading "Build"
scratch_with_extension core WERROR=1
heading "PostgreSQL's own tests, without and with cache_ext"
run prepare
run suites
