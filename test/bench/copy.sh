# COPY of 1,000,000 rows with and without a trigger.
# shellcheck shell=bash

# The tables of writers.sql, once.
load_writers() {
    [ ! -e "$SCRATCH/copy/rows" ] || return 0
    as_server_user mkdir -p "$SCRATCH/copy"
    bench_psql -v "copy_file=$SCRATCH/copy/rows" -f "$SCRATCH/bench_files/writers.sql" > /dev/null
}

copy() {
    local round name names base file label
    names=(plain nothing key path indexed_plain indexed_key narrow_plain narrow_nothing narrow_key)
    mkdir -p "$SCRATCH/samples/copy"
    load_writers
    all_cores
    for ((round = 0; round < (ROUNDS + 1) / 2; round++)); do
        for name in "${names[@]}"; do
            bench_psql -c "TRUNCATE copy_$name"
            file=$SCRATCH/copy/rows
            case $name in narrow_*) file=${file}_narrow ;; esac
            sample "copy/$name" "$(milliseconds "COPY copy_$name FROM '$file'")"
        done
    done
    bench_psql -c "TRUNCATE ${names[0]/#/copy_}$(printf ', copy_%s' "${names[@]:1}")"
    echo "### Writers: COPY of 1,000,000 rows"
    echo
    echo "Rows like those of the call centre's calls, about 130 bytes as text; 10,000 different keys."
    echo
    {
        cells 'table' 'seconds' 'ratio'
        for name in "${names[@]}"; do
            base=plain
            case $name in indexed_* | narrow_*) base=${name%%_*}_plain ;; esac
            case $name in
                plain) label='bare, no trigger' ;;
                nothing) label='bare, a C trigger that does nothing' ;;
                key) label='bare, key dependency' ;;
                path) label='bare, path dependency by a unique index' ;;
                indexed_plain) label='two indexes, no trigger' ;;
                indexed_key) label='two indexes, key dependency' ;;
                narrow_plain) label='bare, rows of two integers, no trigger' ;;
                narrow_nothing) label='bare, two integers, a C trigger that does nothing' ;;
                narrow_key) label='bare, two integers, key dependency' ;;
            esac
            cells "$label" "$(calc "$(median copy/$name) / 1000" %.2f)" "$(ratio copy/$name copy/$base)"
        done
    } | table
    target 'COPY with a key dependency / without, bare table' "$(ratio copy/key copy/plain)" le 1.25
    target 'COPY with a key dependency / without, two indexes' \
        "$(ratio copy/indexed_key copy/indexed_plain)" le 1.25
}
