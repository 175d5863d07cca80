# The tests that need a server: one function per runner. Source cluster.sh and count.sh first.
#
# Each runs as the unprivileged user in a copy of the tests ($SCRATCH/tree), against a cluster of
# its own, to whose settings a file postgresql.conf beside the tests is appended. `examples`
# is in the folder that the tests run in.
# shellcheck shell=bash

readonly TREE='tree/test'

# Copies what the tests need to where the server's user can read and write.
copy_tests() {
    local test=$SCRATCH/$TREE suite
    mkdir -p "$test"
    cp -R "$ROOT/examples" "$ROOT/docs" "$SCRATCH/tree"
    mkdir -p "$SCRATCH/tree/sql"
    if [ -d "$ROOT/sql/released" ]; then cp -R "$ROOT/sql/released" "$SCRATCH/tree/sql"; fi
    cp -R "$ROOT/test/." "$test"
    mkdir -p "$test"/{regress/{sql,expected},security/{sql,expected},isolation/{specs,expected},pgtap,t}
    for suite in regress security; do
        find "$test/$suite" -maxdepth 1 -name '*.sql' -exec mv -t "$test/$suite/sql" {} +
    done
    find "$test/isolation" -maxdepth 1 -name '*.spec' -exec mv -t "$test/isolation/specs" {} +
    # A spec's expected file may lie beside the specs or with the others.
    for suite in regress isolation; do
        find "$ROOT/expected" -name '*.out' -exec cp -n -t "$test/$suite/expected" {} +
    done
    for suite in . regress isolation pgtap; do
        ln -s "$SCRATCH/tree/examples" "$test/$suite/examples"
    done
    scratch_hand_over
    echo "in $SCRATCH, servers run as $SERVER_USER"
}

# start_for SUITE: the suite's cluster.
start_for() {
    local settings=$SCRATCH/$TREE/$1/postgresql.conf
    if [ -e "$settings" ]; then cluster_start "$1" "$settings"; else cluster_start "$1"; fi
}

# stop_for SUITE STATUS: stops its cluster; what the runner could not see, a server process that
# crashed, fails the suite as well.
stop_for() {
    local log=$SCRATCH/$1/log status=$2
    cluster_stop "$1" || status=1
    if grep -E 'PANIC:|TRAP:|was terminated by signal' "$log"; then
        echo "a server process crashed"
        status=1
    fi
    if [ "$status" -ne 0 ]; then
        echo "--- the end of the server's log"
        tail -n 30 "$log"
        keep_logs "$1" "$log"
    fi
    return "$status"
}

# keep_logs SUITE FILE...: leaves the files of a failed suite in build/logs.
keep_logs() {
    local target=$ROOT/build/logs/$1
    shift
    rm -rf "$target"
    mkdir -p "$target"
    cp -R "$@" "$target"
    if [ "$(id -u)" -eq 0 ]; then chown -hR root: "$target"; fi
    echo "logs: ${target#"$ROOT/"}"
}

# Prints the names of the tests in a folder without their ending, in order. since_NN... is for a PostgreSQL of
# that major or a later one.
test_names() {
    local major
    major=$("$PG_CONFIG" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
    find "$1" -maxdepth 1 -name "*$2" -printf '%f\n' | sed "s/\\$2\$//" |
        awk -v major="$major" '!/^since_/ || substr($0, 7) + 0 <= major' | LC_ALL=C sort
}

# chosen_tests FOLDER ENDING: sets TESTS_TO_RUN to those in TESTS, or to all that there are.
chosen_tests() {
    local name
    read -r -a TESTS_TO_RUN <<< "${TESTS:-}"
    if [ ${#TESTS_TO_RUN[@]} -eq 0 ]; then mapfile -t TESTS_TO_RUN < <(test_names "$1" "$2"); fi
    if [ ${#TESTS_TO_RUN[@]} -eq 0 ]; then die "no tests in ${1#"$SCRATCH/"}"; fi
    for name in "${TESTS_TO_RUN[@]}"; do
        [ -e "$1/$name$2" ] || die "no test $name in ${1#"$SCRATCH/"}"
    done
}

# run_regress RUNNER SUITE OPTION...: pg_regress or its sibling for isolation specs.
run_regress() {
    local runner=$1 suite=$2 folder=$SCRATCH/$TREE/$2 status=0
    shift 2
    start_for "$suite"
    cd "$folder"
    as_server_user env PGUSER=postgres "$PG_TEST/$runner" --host="$SCRATCH/$suite/socket" \
        --bindir="$PG_BINDIR" "$@" 2>&1 | tee "$SCRATCH/tmp/$suite.log" || status=1
    tally_regress "$SCRATCH/tmp/$suite.log"
    if [ "$status" -ne 0 ] && [ -e regression.diffs ]; then
        head -n 400 regression.diffs
        keep_logs "$suite-diffs" regression.diffs results
    fi
    stop_for "$suite" "$status"
}

regress_tests() {
    chosen_tests "$SCRATCH/$TREE/regress/sql" .sql
    run_regress regress/pg_regress regress --dbname=contrib_regression "${TESTS_TO_RUN[@]}"
}

# The library once more, with guard pages between control blocks and in front of the allocator, which is
# checked all the time. Built in a folder of its own, for the same server.
guarded_tests() {
    local build=$ROOT/build/guarded prefix=$SCRATCH/guarded_extension folder=$SCRATCH/$TREE/guarded status=0
    copy_sources "$build"
    make -C "$build" --no-print-directory -s -j "$(nproc)" EXT_GUARD=1 all
    if [ -s "$SCRATCH/extension.conf" ]; then
        make -C "$build" --no-print-directory -s install EXT_GUARD=1 DESTDIR="$prefix"
    else
        as_root make -C "$build" --no-print-directory -s install EXT_GUARD=1 PG_CONFIG="$PG_CONFIG"
    fi
    cp -R "$SCRATCH/$TREE/regress" "$folder"
    rm -rf "$folder/results"
    sed "s|$SCRATCH/extension|$prefix|g" "$SCRATCH/extension.conf" >> "$folder/postgresql.conf"
    echo 'huge_pages = off' >> "$folder/postgresql.conf"
    scratch_hand_over
    chosen_tests "$folder/sql" .sql
    run_regress regress/pg_regress guarded --dbname=contrib_regression "${TESTS_TO_RUN[@]}" || status=1
    if [ ! -s "$SCRATCH/extension.conf" ]; then
        as_root make -C "$ROOT" --no-print-directory -s install PG_CONFIG="$PG_CONFIG"
    fi
    return "$status"
}

# pg_regress with every server process under memcheck. What it reports fails the suite.
valgrind_tests() {
    local program=$SCRATCH/valgrind_postgres logs=$SCRATCH/valgrind status=0
    as_server_user mkdir "$logs"
    cp "$ROOT/test/memory/valgrind.supp" "$SCRATCH"
    cat > "$program" << END
#!/bin/sh
exec valgrind --quiet --trace-children=yes --track-origins=yes --leak-check=no --gen-suppressions=all \\
    --suppressions='$SCRATCH/valgrind.supp' --log-file='$logs/%p.log' '$PG_BINDIR/postgres' "\$@"
END
    chmod 755 "$program"
    scratch_hand_over
    POSTGRES_PROGRAM=$program
    printf "statement_timeout = 0\nauthentication_timeout = 300s\n" >> "$SCRATCH/$TREE/regress/postgresql.conf"
    regress_tests || status=1
    unset POSTGRES_PROGRAM
    find "$logs" -type f -size +0 -exec cat {} + > "$SCRATCH/tmp/valgrind.log"
    if [ ! -s "$SCRATCH/tmp/valgrind.log" ]; then
        echo "valgrind reports nothing"
    else
        head -n 200 "$SCRATCH/tmp/valgrind.log"
        keep_logs valgrind "$SCRATCH/tmp/valgrind.log"
        status=1
    fi
    [ -n "$(find "$logs" -type f)" ] || { echo "valgrind did not run"; status=1; }
    return "$status"
}

# What each kind of role must not be able to do; a file each.
security_tests() {
    chosen_tests "$SCRATCH/$TREE/security/sql" .sql
    run_regress regress/pg_regress security --dbname=contrib_regression "${TESTS_TO_RUN[@]}"
}

isolation_tests() {
    chosen_tests "$SCRATCH/$TREE/isolation/specs" .spec
    run_regress isolation/pg_isolation_regress isolation --dbname=isolation_regression "${TESTS_TO_RUN[@]}"
}

# restart_script NAME: a command, for whatever user runs us, that lets that cluster crash and starts it
# again: $SCRATCH/restart_NAME.
restart_script() {
    local script=$SCRATCH/restart_$1 base=$SCRATCH/$1 switch=()
    if [ "$(id -u)" -eq 0 ]; then
        switch=(setpriv "--reuid=$SERVER_USER" "--regid=$(id -g "$SERVER_USER")" --init-groups --)
    fi
    cat > "$script" << END
#!/bin/sh
cd '$SCRATCH' || exit
exec ${switch[*]} env HOME='$SCRATCH' TMPDIR='$SCRATCH/tmp' '$PG_BINDIR/pg_ctl' restart -w -s -m immediate \\
    -D '$base/data' -l '$base/log' < /dev/null > /dev/null 2>&1 8>&- 9>&-
END
    chmod 755 "$script"
}

# The history checker: random transactions against the loader as oracle, for SECONDS_TO_RUN.
consistency_tests() {
    local status=0
    start_for consistency
    restart_script consistency
    RESTART=$SCRATCH/restart_consistency PG_CONFIG=$PG_CONFIG PGHOST=$SCRATCH/consistency/socket PGPORT=5432 PGUSER=postgres \
        PGDATABASE=postgres "$ROOT/test/consistency/run.sh" 2>&1 || status=1
    stop_for consistency "$status"
}

# Random SQL by random roles, for FUZZ_SECONDS.
fuzz_tests() {
    local status=0
    start_for fuzz
    PGHOST=$SCRATCH/fuzz/socket PGPORT=5432 PGUSER=postgres "$ROOT/test/fuzz/run.sh" 2>&1 || status=1
    stop_for fuzz "$status"
}

# All files share one database, which has pgtap and cache_ext.
pgtap_tests() {
    local folder=$SCRATCH/$TREE/pgtap status=0
    chosen_tests "$folder" .sql
    start_for pgtap
    cd "$folder"
    as_server_user mkdir "$SCRATCH/pgtap/tap"
    {
        cluster_psql pgtap -d postgres -c 'CREATE DATABASE pgtap' -c '\connect pgtap' \
            -c 'CREATE EXTENSION pgtap' -c 'CREATE EXTENSION cache_ext' &&
            as_server_user env PERL_TEST_HARNESS_DUMP_TAP="$SCRATCH/pgtap/tap" \
                PATH="$PG_BINDIR:$PATH" pg_prove -h "$SCRATCH/pgtap/socket" -U postgres -d pgtap \
                "${TESTS_TO_RUN[@]/%/.sql}"
    } 2>&1 || status=1
    tally_tap "$SCRATCH/pgtap/tap"
    stop_for pgtap "$status"
}

# Tests in Perl.
tap_tests() {
    perl_tests t
}

# The same that hold a transaction at a point that a server with assertions has for that.
races_tests() {
    perl_tests races
}

# perl_tests SUITE: these start clusters themselves, with PostgreSQL::Test::Cluster; the environment is what
# PGXS's installcheck gives them. TEMP_CONFIG is added to each cluster's settings.
perl_tests() {
    local suite=$1 folder=$SCRATCH/$TREE status=0 tests name tap log
    chosen_tests "$folder/$suite" .pl
    tests=("${TESTS_TO_RUN[@]/#/$suite/}")
    cd "$folder"
    as_server_user mkdir -p tmp_check "$SCRATCH/tap"
    as_server_user env PERL_TEST_HARNESS_DUMP_TAP="$SCRATCH/tap" PATH="$PG_BINDIR:$folder:$PATH" \
        TESTDIR="$folder" TESTDATADIR="$folder/tmp_check" TESTLOGDIR="$folder/tmp_check/log" \
        PGPORT=65432 PG_REGRESS="$PG_TEST/regress/pg_regress" \
        TEMP_CONFIG="$SCRATCH/extension.conf" PERL5LIB="$PG_TEST/perl:$folder/t" \
        prove --failures --comments "${tests[@]/%/.pl}" 2>&1 || status=1
    tally_tap "$SCRATCH/tap"
    if [ "$status" -ne 0 ]; then
        for name in "${TESTS_TO_RUN[@]}"; do
            tap=$SCRATCH/tap/$suite/$name.pl
            log=tmp_check/log/regress_log_$name
            # Failed, or ended before its plan.
            if grep -qs '^not ok' "$tap" || ! grep -qs '^1\.\.' "$tap"; then
                echo "--- the end of $name's log"
                if [ -e "$log" ]; then tail -n 40 "$log"; fi
            fi
        done
        keep_logs "$suite" tmp_check/log
    fi
    return "$status"
}
