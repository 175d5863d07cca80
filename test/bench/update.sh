# What a one-row UPDATE pays: in a loop inside the server, so that no protocol hides it.
# shellcheck shell=bash

readonly UPDATES=20000

# name, label, call
update_contestants() {
    cells plain_commit "no trigger" "CALL update_plain_v($UPDATES, true)"
    cells plain_rollback "no trigger, rolled back" "CALL update_plain_v($UPDATES, false)"
    cells nothing_commit "a C trigger that does nothing" "CALL update_nothing_v($UPDATES, true)"
    cells nothing_rollback "the same, rolled back" "CALL update_nothing_v($UPDATES, false)"
    cells key_commit "key dependency" "CALL update_key_v($UPDATES, true)"
    cells key_rollback "the same, rolled back" "CALL update_key_v($UPDATES, false)"
    cells other_commit "key dependency, a column that does not matter" \
        "CALL update_key_other($UPDATES, true)"
    cells plain_other_commit "no trigger, that column" "CALL update_plain_other($UPDATES, true)"
}

# microseconds NAME: per transaction.
microseconds() {
    calc "$(median "update/$1") * 1000 / $UPDATES" "${2:-%.2f}"
}

# difference A B [C D]: (A - B) - (C - D)
difference() {
    local text
    text="$(microseconds "$1" %.6f) - $(microseconds "$2" %.6f)"
    if [ $# -gt 2 ]; then
        text="$text - ($(microseconds "$3" %.6f) - $(microseconds "$4" %.6f))"
    fi
    calc "$text"
}

update() {
    local round name label call
    mkdir -p "$SCRATCH/samples/update"
    load_writers
    one_core
    for ((round = 0; round < 2 * ROUNDS + 1; round++)); do
        while IFS=$'\t' read -r name label call; do
            sample "update/$name" "$(milliseconds "$call")"
        done < <(update_contestants)
    done
    all_cores
    echo "### Writers: a one-row UPDATE"
    echo
    echo "Microseconds per transaction of one UPDATE by primary key, $UPDATES of them in a procedure,"
    echo "fsync off, on one core."
    echo
    {
        cells 'UPDATE' 'µs' 'added'
        update_contestants | while IFS=$'\t' read -r name label call; do
            case $name in
                *_rollback) base=plain_rollback ;;
                other_commit | plain_other_commit) base=plain_other_commit ;;
                *) base=plain_commit ;;
            esac
            cells "$label" "$(microseconds "$name")" "$(difference "$name" $base)"
        done
    } | table
    echo "What the invalidation adds, by what it is spent on:"
    echo
    {
        cells 'share' 'µs'
        cells 'trigger call (a trigger that does nothing)' \
            "$(difference nothing_rollback plain_rollback)"
        cells 'collecting (rolled back, above that)' "$(difference key_rollback nothing_rollback)"
        cells 'publishing (committed, above that)' \
            "$(difference key_commit plain_commit key_rollback plain_rollback)"
        cells 'all' "$(difference key_commit plain_commit)"
    } | table
}
