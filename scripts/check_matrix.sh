#!/usr/bin/env bash
# check_matrix.sh [NAME...]: builds for and tests on other PostgreSQLs than the system's: the majors named, or
# listed in MAJORS, or all of scripts/majors that are always tested; each in a Debian of its own (debian_root.sh),
# as many at a time as there are cores. `assert` is a PostgreSQL like the system's that has assertions, `races` one
# of RACES_ON with assertions and injection points (check_memory.sh). STEPS are those of check.sh to run. What each
# prints goes to build/matrix/NAME.log.
#
# A major whose Debian or packages cannot be had fails, unless MISSING=tolerated.
# shellcheck source=scripts/jobs.sh
source "$(dirname "${BASH_SOURCE[0]}")/jobs.sh"
# shellcheck source=scripts/debian_root.sh
source "$ROOT/scripts/debian_root.sh"
cd "$ROOT"

readonly LOGS=$ROOT/build/matrix
# TAP's clusters take long and differ little between majors: on the newest that is announced.
readonly TAP_ON=18
readonly RACES_ON=18
STEPS=${STEPS:-}
NAMES=()

steps_on() {
    local steps=${STEPS:-regress isolation security pgtap consistency}
    if [ -z "$STEPS" ] && [ "$1" = "$TAP_ON" ]; then steps+=' tap'; fi
    echo "$steps"
}

# test_in NAME MAJOR DEPENDENCIES COMMAND...: in a tree of that name in that major's Debian.
test_in() {
    local tree=cache_ext_$1 major=$2 folder=$ROOTS/$2 dependencies=$3 releases
    shift 3
    read -r -a releases <<< "$(releases_of "$major")"
    open_root "$folder" "$tree" "$major" "${releases[@]}" || return
    in_root "$folder" PG_MAJOR="$major" "/$tree/scripts/install_dependencies.sh" "$dependencies" || return 2
    in_root "$folder" PG_MAJOR="$major" SECONDS_TO_RUN="${SECONDS_TO_RUN:-60}" TESTS="${TESTS:-}" "/$tree/scripts/$1" \
        "${@:2}"
}

test_one() {
    local status=0 steps
    {
        case $1 in
            assert) scripts/check_memory.sh assert ;;
            races) test_in races "$RACES_ON" memory check_memory.sh races ;;
            *)
                read -r -a steps <<< "$(steps_on "$1")"
                test_in "$1" "$1" server check.sh "${steps[@]}"
                ;;
        esac
    } > "$LOGS/$1.log" 2>&1 || status=$?
    echo "$status" > "$LOGS/$1.status"
    heading "$1: $(tail -n 1 "$LOGS/$1.log")"
}

test_all() {
    local name
    for name in "${NAMES[@]}"; do
        while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
        (test_one "$name") &
    done
    wait
}

# What runs in the Debian systems is root's, so an interrupted sudoer's kill does not reach it.
end_as_root() {
    if [ "$(id -u)" -ne 0 ]; then as_root kill -TERM -- "-$JOB" 2> /dev/null || true; fi
}

main() {
    local name
    read -r -a NAMES <<< "${*:-${MAJORS:-}}"
    if [ ${#NAMES[@]} -eq 0 ]; then
        mapfile -t NAMES < <(sed -n 's/^always \([0-9]*\) .*/\1/p' scripts/majors)
        if [ -z "$STEPS" ]; then NAMES+=(assert races); fi
    fi
    for name in "${NAMES[@]}"; do
        case $name in
            assert | races) ;;
            *) [ -n "$(releases_of "$name")" ] || die "scripts/majors has no $name" ;;
        esac
    done

    heading "Dependencies"
    scripts/install_dependencies.sh matrix
    mkdir -p "$LOGS"
    heading "PostgreSQL ${NAMES[*]}: see build/matrix"
    for name in "${NAMES[@]}"; do rm -f "$LOGS/$name.status"; done
    BEFORE_KILL=end_as_root
    run_job test_all

    report_runs "$LOGS" PostgreSQL "${NAMES[@]}"
}

main "$@"
