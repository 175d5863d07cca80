#!/usr/bin/env bash
# check.sh [STEP...]: installs what is missing, builds, and runs the tests, all or only those named
# (or listed in ONLY): lint format layers unit model regress security isolation guarded
# pgtap tap fuzz consistency, and valgrind, which is run only if it is named. TESTS names the tests of a step
# that runs on a server: all, if it is empty. Goes on after a failure; ends with what each step counted, and
# non-zero unless everything passed.
# shellcheck source=scripts/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
# shellcheck source=scripts/count.sh
source "$ROOT/scripts/count.sh"
# shellcheck source=scripts/server_tests.sh
source "$ROOT/scripts/server_tests.sh"
cd "$ROOT"

JOBS=$(nproc)
SUMMARY=()
PASSED=0
FAILED=0
BROKEN=

# step NAME TITLE FUNCTION: runs it as a job and adds up. A step that counts nothing counts as one
# test; a step that fails counts as one failure at least, whatever its runner said.
step() {
    local passed failed
    heading "$2"
    : > "$TALLY"
    run_job "$3"
    read -r passed failed < <(awk '{ p += $1; f += $2 } END { print p + 0, f + 0 }' "$TALLY")
    if [ "$JOB_STATUS" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
    if [ "$JOB_STATUS" -eq 0 ] && [ "$((passed + failed))" -eq 0 ]; then passed=1; fi
    conclude "$1" "$passed" "$failed"
}

conclude() {
    PASSED=$((PASSED + $2))
    FAILED=$((FAILED + $3))
    if [ "$3" -gt 0 ]; then echo "FAILED: $1"; fi
    SUMMARY+=("$(printf '%-10s %5d passed, %d failed' "$1" "$2" "$3")")
}

# server_step NAME TITLE FUNCTION: a step that needs the extension installed.
server_step() {
    if [ -z "$BROKEN" ]; then
        step "$@"
    else
        heading "$2"
        echo "not run: $BROKEN"
        conclude "$1" 0 1
    fi
}

sources() {
    find src test -name '*.cpp' -o -name '*.hpp'
}

check_format() {
    local files
    mapfile -t files < <(sources)
    if [ ${#files[@]} -eq 0 ]; then die "no sources"; fi
    clang-format --dry-run -Werror "${files[@]}"
    echo "${#files[@]} files"
}

check_scripts() {
    local files
    # What is sourced is checked with what sources it.
    mapfile -t files < <(find .ci scripts test -type f -executable -exec grep -l '^#!.*sh$' {} +)
    shellcheck --external-sources --check-sourced "${files[@]}"
    echo "${#files[@]} scripts"
}

check_layers() {
    python3 scripts/check_layers.py --objects
}

build() {
    make --no-print-directory -j "$JOBS" WERROR=1 all
    # A dependency on the C++ run-time would make the server load it.
    if readelf -d cache_ext.so | grep NEEDED | grep -vE 'lib(c|m)\.so|ld-linux'; then
        die "cache_ext.so needs more than libc"
    fi
}

check_tidy() {
    make --no-print-directory -k -j "$JOBS" WERROR=1 tidy
}

# Runs the unit tests that are built with the sanitizer. TSan cannot work with much address space
# randomisation, so that is switched off where it is allowed.
unit_tests() {
    local tests test program log status=0 result prefix=()
    mapfile -t tests < <(test_names test/unit _test.cpp)
    if [ ${#tests[@]} -eq 0 ]; then die "test/unit has no tests"; fi
    make --no-print-directory -s -f test/unit/Makefile -j "$JOBS" SANITIZER="$1"
    if setarch -R true 2> /dev/null; then prefix=(setarch -R); fi
    for test in "${tests[@]}"; do
        program=build/$1/${test}_test
        log=$program.log
        echo "$test"
        result=0
        timeout --foreground 900 "${prefix[@]}" "$program" --gtest_brief=1 2>&1 | tee "$log" ||
            result=1
        if grep -q '^\[==========\] 0 tests' "$log"; then
            echo "$test has no tests"
            result=1
        fi
        tally_googletest "$log" "$result"
        if [ "$result" -ne 0 ]; then status=1; fi
    done
    return "$status"
}

unit_tests_asan() {
    unit_tests asan
}

unit_tests_tsan() {
    unit_tests tsan
}

model_tests() {
    local status=0
    test/model/run.sh 2>&1 | tee "$TALLY.log" || status=1
    tally_closing_line "$TALLY.log"
    return "$status"
}

# Makes the scratch folder with the extension and the tests in it.
prepare_servers() {
    heading "Install the extension for the throwaway clusters"
    PG_TEST=$(readlink -f "$(dirname "$("$PG_CONFIG" --pgxs)")/../../src/test")
    scratch_create check
    extension_install || BROKEN='the extension could not be installed'
    run_job copy_tests
    if [ "$JOB_STATUS" -ne 0 ]; then BROKEN='the tests could not be copied'; fi
    if [ -z "$BROKEN" ]; then
        echo "in $SCRATCH, servers run as $SERVER_USER"
        conclude install 1 0
    else
        conclude install 0 1
    fi
}

main() {
    local wanted name line
    read -r -a wanted <<< "${*:-${ONLY:-all}}"
    for name in "${wanted[@]}"; do
        case $name in
            all | lint | format | layers | unit | model | regress | security | isolation | guarded | pgtap | tap | fuzz | consistency | valgrind) ;;
            *) die "no such step: $name (lint format layers unit model regress security isolation guarded pgtap tap fuzz consistency valgrind)" ;;
        esac
    done
    # wants NAME...: whether one of them is to be run.
    wants() {
        local name
        for name in "$@"; do
            case " ${wanted[*]} " in *" all "* | *" $name "*) return 0 ;; esac
        done
        return 1
    }

    heading "Dependencies"
    "$ROOT/scripts/install_dependencies.sh" check
    find_postgres

    # One check of this tree at a time.
    exec 8< "$ROOT"
    if ! flock -n 8; then
        echo "Waiting for another run in this tree..."
        run_job flock 8
    fi

    TALLY=$(mktemp /tmp/cache_ext_tally.XXXXXX)
    remove_tally() { rm -f "$TALLY" "$TALLY.log"; }
    on_exit remove_tally

    if wants all; then step version "Version number" "$ROOT/scripts/check_version.sh"; fi
    if wants format lint; then step format "clang-format" check_format; fi
    if wants lint; then step shellcheck "shellcheck" check_scripts; fi
    if wants layers lint regress security isolation guarded pgtap tap fuzz consistency valgrind; then
        step build "Build" build
        if [ "$JOB_STATUS" -ne 0 ]; then BROKEN='the build failed'; fi
    fi
    if wants layers lint && [ -z "$BROKEN" ]; then step layers "Layers" check_layers; fi
    if wants lint; then step tidy "clang-tidy" check_tidy; fi
    if wants unit; then
        step asan "Unit tests with ASan and UBSan" unit_tests_asan
        step tsan "Unit tests with TSan" unit_tests_tsan
    fi
    if wants model && { [ -e test/model/run.sh ] || ! wants all; }; then
        step model "Model" model_tests
    fi
    if wants regress security isolation guarded pgtap tap fuzz consistency valgrind; then
        if [ -z "$BROKEN" ]; then prepare_servers; fi
        if wants regress; then server_step regress "pg_regress" regress_tests; fi
        if wants security; then server_step security "Roles" security_tests; fi
        if wants isolation; then server_step isolation "pg_isolation_regress" isolation_tests; fi
        if wants guarded; then server_step guarded "pg_regress with guard pages" guarded_tests; fi
        case " ${wanted[*]} " in
            *" valgrind "*) server_step valgrind "pg_regress under valgrind" valgrind_tests ;;
        esac
        if wants pgtap; then server_step pgtap "pg_prove" pgtap_tests; fi
        if wants tap; then server_step tap "prove" tap_tests; fi
        if wants fuzz; then server_step fuzz "Random SQL" fuzz_tests; fi
        if wants consistency; then server_step consistency "History checker" consistency_tests; fi
    fi

    heading "Summary"
    for line in "${SUMMARY[@]}"; do
        echo "$line"
    done
    echo "$PASSED passed, $FAILED failed"
    [ "$FAILED" -eq 0 ]
}

main "$@"
