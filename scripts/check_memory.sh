#!/usr/bin/env bash
# check_memory.sh [PART...]: the tests where memory is watched, all parts or only those named (or listed in
# ONLY). `assert`: regress, isolation, TAP and the fuzzer on a PostgreSQL of its own (memory_server.sh), whose
# assertions fail aloud, with a library that has guard pages in shared memory and checks its allocator.
# `valgrind`: the tests in TESTS, or those that read, on the same, under memcheck. `races`, only when asked to and
# for PostgreSQL 17 or later: regress, isolation, and the tests that hold a transaction at a point of the server's.
# shellcheck source=scripts/jobs.sh
source "$(dirname "${BASH_SOURCE[0]}")/jobs.sh"
cd "$ROOT"

# What reads, loads and publishes, in all ways that there are.
readonly READING='access by_name load_many parallel puts read_write repeated_keys sync types'

heading "Dependencies"
"$ROOT/scripts/install_dependencies.sh" memory
heading "A PostgreSQL that watches memory"
run "$ROOT/scripts/memory_server.sh"

# The servers' user may not be able to enter our folder. PostgreSQL can be moved as a whole.
SERVER=$ROOT/build/memory/server
user=postgres
id "$user" > /dev/null 2>&1 || user=nobody
if [ "$(id -u)" -eq 0 ] &&
    ! setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups -- test -x "$SERVER/bin/postgres"; then
    copy=$(mktemp -d /tmp/cache_ext_server.XXXXXX)
    # shellcheck disable=SC2317
    remove_copy() { rm -rf "$copy"; }
    on_exit remove_copy
    chmod 755 "$copy"
    cp -R "$SERVER/." "$copy"
    SERVER=$copy
fi
export PG_CONFIG=$SERVER/bin/pg_config EXT_GUARD=1

read -r -a parts <<< "${*:-${ONLY:-assert valgrind}}"
unset ONLY
status=0
for part in "${parts[@]}"; do
    case $part in
        assert) run_job env -u TESTS "$ROOT/scripts/check.sh" regress isolation tap fuzz ;;
        races) run_job env -u TESTS "$ROOT/scripts/check.sh" regress isolation races ;;
        valgrind) run_job env TESTS="${TESTS:-$READING}" "$ROOT/scripts/check.sh" valgrind ;;
        *) die "no such part: $part (assert valgrind races)" ;;
    esac
    if [ "$JOB_STATUS" -ne 0 ]; then status=1; fi
done
exit "$status"
