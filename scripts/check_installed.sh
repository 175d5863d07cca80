#!/usr/bin/env bash
# check_installed.sh [MAJOR...]: runs the tests in SQL, and those with several sessions, on the extension as packages
# have installed it: of this tree only the tests are used. For the PostgreSQLs named, or all that have the extension.
# TESTS names tests: all, if it is empty. SUITES are those to run.
# shellcheck source=scripts/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
# shellcheck source=scripts/count.sh
source "$ROOT/scripts/count.sh"
# shellcheck source=scripts/server_tests.sh
source "$ROOT/scripts/server_tests.sh"

read -r -a SUITES_TO_RUN <<< "${SUITES:-regress security isolation}"

# A process for each: what a run has found out about a PostgreSQL is constant.
if [ $# -ne 1 ]; then
    majors=("$@")
    if [ ${#majors[@]} -eq 0 ]; then
        mapfile -t majors < <(find /usr/lib/postgresql/*/lib -name cache_ext.so 2> /dev/null | cut -d / -f 5 | sort -n)
    fi
    if [ ${#majors[@]} -eq 0 ]; then die "No PostgreSQL here has cache_ext."; fi
    for major in "${majors[@]}"; do
        env PG_CONFIG= PG_MAJOR="$major" bash "${BASH_SOURCE[0]}" "$major"
    done
    exit
fi
if [ "$1" != "$PG_MAJOR" ]; then exec env PG_CONFIG= PG_MAJOR="$1" bash "${BASH_SOURCE[0]}" "$1"; fi

# Nothing of what was built in this tree may be what is tested.
of_package() {
    local file
    for file in "$("$PG_CONFIG" --pkglibdir)/cache_ext.so" "$("$PG_CONFIG" --sharedir)/extension/cache_ext.control"; do
        dpkg-query -S "$file" | grep -q "^postgresql-$PG_MAJOR-cache-ext:" || die "No package has installed $file."
    done
    cmp "$ROOT/cache_ext.control" "$("$PG_CONFIG" --sharedir)/extension/cache_ext.control"
}

find_postgres
# The folder of PGXS itself may be missing: the tests need no headers.
PG_TEST=$(dirname "$(dirname "$("$PG_CONFIG" --pgxs)")")/test
heading "PostgreSQL $PG_MAJOR"
of_package
TALLY=$(mktemp /tmp/cache_ext_tally.XXXXXX)
remove_tally() { rm -f "$TALLY"; }
on_exit remove_tally
scratch_create installed
: > "$SCRATCH/extension.conf"
run copy_tests
status=0
for suite in "${SUITES_TO_RUN[@]}"; do
    heading "$suite"
    run_job "${suite}_tests"
    if [ "$JOB_STATUS" -ne 0 ]; then status=1; fi
done
awk '{ p += $1; f += $2 } END { printf "\n%d passed, %d failed\n", p, f }' "$TALLY"
[ "$status" -eq 0 ]
