#!/usr/bin/env bash
# check_matrix.sh [NAME...]: builds for and tests on other PostgreSQLs than the system's: the majors named, or
# listed in MAJORS, or all of scripts/majors that are always tested; each in a Debian of its own (debian_root.sh),
# as many at a time as there are cores. `assert` is a PostgreSQL like the system's that has assertions
# (check_memory.sh). STEPS are those of check.sh to run. What each prints goes to build/matrix/NAME.log.
#
# A major whose Debian or packages cannot be had fails, unless MISSING=tolerated.
# shellcheck source=scripts/jobs.sh
source "$(dirname "${BASH_SOURCE[0]}")/jobs.sh"
# shellcheck source=scripts/debian_root.sh
source "$ROOT/scripts/debian_root.sh"
cd "$ROOT"

readonly LOGS=$ROOT/build/matrix
# TAP clusters of their own take long and differ little between majors: on the newest that is announced.
readonly TAP_ON=18
STEPS=${STEPS:-}
read -r -a NAMES <<< "${*:-${MAJORS:-}}"
if [ ${#NAMES[@]} -eq 0 ]; then
    mapfile -t NAMES < <(sed -n 's/^always \([0-9]*\) .*/\1/p' scripts/majors)
    if [ -z "$STEPS" ]; then NAMES+=(assert); fi
fi

for name in "${NAMES[@]}"; do
    if [ "$name" != assert ] && [ -z "$(releases_of "$name")" ]; then die "scripts/majors has no $name"; fi
done

steps_on() {
    local steps=${STEPS:-regress isolation security pgtap consistency}
    if [ -z "$STEPS" ] && [ "$1" = "$TAP_ON" ]; then steps+=' tap'; fi
    echo "$steps"
}

test_major() {
    local major=$1 folder=$ROOTS/$1 releases steps
    read -r -a releases <<< "$(releases_of "$major")"
    read -r -a steps <<< "$(steps_on "$major")"
    lock_root "$folder"
    have_root "$folder" "$major" "${releases[@]}" || return 2
    # What an interrupted run has left.
    as_root find "$folder/tmp" -mindepth 1 -maxdepth 1 -name 'cache_ext_*' -exec rm -rf {} +
    put_tree "$folder"
    # shellcheck disable=SC2016
    in_root "$folder" PG_MAJOR="$major" sh -c 'cd /cache_ext && scripts/install_dependencies.sh server' || return 2
    # shellcheck disable=SC2016
    in_root "$folder" PG_MAJOR="$major" SECONDS_TO_RUN="${SECONDS_TO_RUN:-60}" TESTS="${TESTS:-}" sh -c \
        'cd /cache_ext && exec scripts/check.sh "$@"' check "${steps[@]}"
}

test_one() {
    local status=0
    {
        if [ "$1" = assert ]; then
            scripts/check_memory.sh assert
        else
            test_major "$1"
        fi
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

heading "Dependencies"
scripts/install_dependencies.sh matrix
mkdir -p "$LOGS"
heading "PostgreSQL ${NAMES[*]}: see build/matrix"
run_job test_all

failed=0
for name in "${NAMES[@]}"; do
    status=$(cat "$LOGS/$name.status" 2> /dev/null || echo 1)
    if [ "$status" -eq 0 ]; then continue; fi
    heading "$name"
    if [ "$status" -eq 2 ]; then
        tail -n 15 "$LOGS/$name.log"
        echo "NOT TESTED: PostgreSQL $name could not be had here."
        if [ "${MISSING:-}" = tolerated ]; then continue; fi
    else
        grep -E '^(FAILED|not ok|test .* FAILED)' "$LOGS/$name.log" || true
        tail -n 200 "$LOGS/$name.log"
    fi
    failed=1
done
heading "Summary"
for name in "${NAMES[@]}"; do
    printf '%-7s %s\n' "$name" "$(tail -n 1 "$LOGS/$name.log")"
done
[ "$failed" -eq 0 ]
