#!/usr/bin/env bash
# check.sh [STEP...]: installs what is missing, builds, and runs the tests, all or only the steps that are named
# (or listed in ONLY). TESTS names the tests of a step that runs on a server: all, if it is empty. Goes on after
# a failure; ends with what each step counted, and non-zero unless everything passed.
# shellcheck source=scripts/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
# shellcheck source=scripts/count.sh
source "$ROOT/scripts/count.sh"
# shellcheck source=scripts/server_tests.sh
source "$ROOT/scripts/server_tests.sh"
cd "$ROOT"

readonly SERVER_STEPS=(regress security isolation guarded valgrind races pgtap tap fuzz consistency)
readonly STEPS=(lint format layers unit model "${SERVER_STEPS[@]}")
JOBS=$(nproc)
SUMMARY=()
PASSED=0
FAILED=0
BROKEN=

# step NAME FUNCTION: runs it as a job and adds up. A step that counts nothing counts as one test; a step that
# fails counts as one failure at least, whatever its runner said. Nothing runs once something is BROKEN that the
# rest needs.
step() {
    local passed failed
    heading "$1"
    if [ -n "$BROKEN" ]; then
        echo "not run: $BROKEN"
        conclude "$1" 0 1
        return
    fi
    : > "$TALLY"
    run_job "$2"
    read -r passed failed < <(awk '{ p += $1; f += $2 } END { print p + 0, f + 0 }' "$TALLY")
    if [ "$JOB_STATUS" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
    if [ "$JOB_STATUS" -eq 0 ] && [ "$((passed + failed))" -eq 0 ]; then passed=1; fi
    conclude "$1" "$passed" "$failed"
}

# needed NAME FUNCTION: a step that those after it need.
needed() {
    step "$@"
    if [ -z "$BROKEN" ] && [ "$JOB_STATUS" -ne 0 ]; then BROKEN="$1 failed"; fi
}

conclude() {
    PASSED=$((PASSED + $2))
    FAILED=$((FAILED + $3))
    if [ "$3" -gt 0 ]; then echo "FAILED: $1"; fi
    SUMMARY+=("$(printf '%-10s %5d passed, %d failed' "$1" "$2" "$3")")
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
    local tests test program log status=0 prefix=()
    mapfile -t tests < <(test_names test/unit _test.cpp)
    if [ ${#tests[@]} -eq 0 ]; then die "test/unit has no tests"; fi
    make --no-print-directory -s -f test/unit/Makefile -j "$JOBS" SANITIZER="$1"
    if setarch -R true 2> /dev/null; then prefix=(setarch -R); fi
    for test in "${tests[@]}"; do
        program=build/$1/${test}_test
        log=$program.log
        echo "$test"
        timeout --foreground 900 "${prefix[@]}" "$program" --gtest_brief=1 2>&1 | tee "$log" || status=1
        tally_googletest "$log" || status=1
    done
    return "$status"
}

unit_tests_asan() {
    unit_tests asan
}

# In which order locks are taken, TestLocks looks at, which knows that readers do not wait for readers.
unit_tests_tsan() {
    TSAN_OPTIONS=detect_deadlocks=0 unit_tests tsan
}

model_tests() {
    local status=0
    test/model/run.sh 2>&1 | tee "$TALLY.log" || status=1
    tally_closing_line "$TALLY.log"
    return "$status"
}

# wants STEP...: whether one of them is to be run. valgrind and races, which need a server of their own, are not
# among `all`.
wants() {
    local name
    for name in "$@"; do
        case " ${WANTED[*]} " in
            *" $name "*) return 0 ;;
            *" all "*) [ "$name" = valgrind ] || [ "$name" = races ] || return 0 ;;
        esac
    done
    return 1
}

main() {
    local name
    read -r -a WANTED <<< "${*:-${ONLY:-all}}"
    for name in "${WANTED[@]}"; do
        case " all ${STEPS[*]} " in
            *" $name "*) ;;
            *) die "no such step: $name (${STEPS[*]})" ;;
        esac
    done

    heading "Dependencies"
    if wants format lint unit; then
        "$ROOT/scripts/install_dependencies.sh" check
    else
        "$ROOT/scripts/install_dependencies.sh" server
    fi
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

    if wants all; then step version "$ROOT/scripts/check_version.sh"; fi
    if wants format lint; then step format check_format; fi
    if wants lint; then step shellcheck check_scripts; fi
    if wants lint layers "${SERVER_STEPS[@]}"; then needed build build; fi
    if wants lint layers; then step layers check_layers; fi
    if wants lint; then step tidy check_tidy; fi
    if wants unit; then
        step asan unit_tests_asan
        step tsan unit_tests_tsan
    fi
    if wants model; then step model model_tests; fi
    if wants "${SERVER_STEPS[@]}"; then
        PG_TEST=$(readlink -f "$(dirname "$("$PG_CONFIG" --pgxs)")/../../src/test")
        scratch_create check
        if [ -z "$BROKEN" ]; then extension_install || BROKEN='the extension could not be installed'; fi
        needed install copy_tests
        for name in "${SERVER_STEPS[@]}"; do
            if wants "$name"; then step "$name" "${name}_tests"; fi
        done
    fi

    heading "Summary"
    printf '%s\n' "${SUMMARY[@]}"
    echo "$PASSED passed, $FAILED failed"
    [ "$FAILED" -eq 0 ]
}

main "$@"
