# Samples, medians and tables for what is measured on a server. Source cluster.sh first.
#
# A contest is run in rounds, every contestant once a round: the machine's mood then meets all alike.
# What is reported is the median of a contestant's rounds, as a ratio to another's.
# shellcheck shell=bash

# sample NAME VALUE: one round's result.
sample() {
    echo "$2" >> "$SCRATCH/samples/$1"
}

# median NAME: of its samples; empty if there are none.
median() {
    [ -e "$SCRATCH/samples/$1" ] || return 0
    sort -g "$SCRATCH/samples/$1" |
        awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# calc EXPRESSION [FORMAT]: arithmetic; "-" when something in it is missing.
calc() {
    awk -v format="${2:-%.2f}" "BEGIN { printf format, $1 }" 2> /dev/null || printf -- '-'
}

# ratio A B [FORMAT]: of two medians.
ratio() {
    local a b
    a=$(median "$1")
    b=$(median "$2")
    if [ -n "$a" ] && [ -n "$b" ]; then calc "$a / $b" "${3:-%.2f}"; else printf -- '-'; fi
}

# figure NAME [FORMAT]: a median for people.
figure() {
    local value
    value=$(median "$1")
    if [ -n "$value" ]; then calc "$value" "${2:-%.0f}"; else printf -- '-'; fi
}

# table < lines of cells separated by tabs: a markdown table, the first line its head; all columns
# but the first are numbers.
table() {
    awk -F '\t' '
        { for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) }
          if (NF > columns) columns = NF }
        function pad(text, n, right,   s) {
            s = text
            while (length(s) < n) s = right ? " " s : s " "
            return s
        }
        END {
            for (r = 1; r <= NR; r++) {
                for (i = 1; i <= columns; i++) printf "| %s ", pad(cell[r, i], width[i], i > 1)
                print "|"
                if (r > 1) continue
                for (i = 1; i <= columns; i++) {
                    rule = "-"
                    while (length(rule) < width[i] - 1) rule = rule "-"
                    printf "| %s%s ", rule, (i > 1 ? ":" : "-")
                }
                print "|"
            }
            print ""
        }'
}

# cells TEXT...: one line for table.
cells() {
    local IFS=$'\t'
    printf '%s\n' "$*"
}

# target TEXT VALUE ge|le BOUND: a line of the table of targets.
target() {
    local sign='at least' met
    if [ "$2" = - ] || [ -z "$2" ]; then
        met='not measured'
    elif awk -v value="$2" -v bound="$4" -v op="$3" \
        'BEGIN { exit !(op == "ge" ? value >= bound : value <= bound) }'; then
        met=yes
    else
        met='**no**'
    fi
    if [ "$3" = le ]; then sign='at most'; fi
    cells "$1" "$2" "$sign $4" "$met" >> "$SCRATCH/targets"
}

bench_psql() {
    cluster_psql bench -P pager=off -A -t -d bench "$@"
}

# Fills the caches, in an order that is not that of the reads. New functions invalidate, so this
# comes after all of them.
fill_caches() {
    bench_psql -c 'SELECT count(cache_get_bench_json(k)), count(cache_get_bench_jsonb(k))
                   FROM (SELECT k FROM generate_series(1, 10000) AS k ORDER BY md5(k::text)) AS s' \
        > /dev/null
    NOT_HITS=$(not_hits)
}

# Reads of the caches that did not hit. What is measured must have none.
not_hits() {
    bench_psql -c "SELECT sum(misses + bypasses) FROM cache_stat
                   WHERE cache IN ('bench_json', 'bench_jsonb', 'dashboard')"
}

require_hits() {
    local missed=$(($(not_hits) - NOT_HITS))
    if [ "$missed" -ne 0 ]; then
        echo "**$missed reads of the cache did not hit: the figures are not those of hits.**"
        echo
    fi
}

# milliseconds SQL...: the time that each statement takes the server, one line each.
milliseconds() {
    local statement arguments=(-c '\timing on')
    for statement in "$@"; do arguments+=(-c "$statement"); done
    bench_psql "${arguments[@]}" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p'
}

# one_core, all_cores: where the server's new processes, and what `placed` starts, may run.
one_core() {
    CORES=${ALL_CORES%%[-,]*}
    place_server
}

all_cores() {
    CORES=$ALL_CORES
    place_server
}

place_server() {
    taskset -a -p -c "$CORES" "$(head -n 1 "$SCRATCH/bench/data/postmaster.pid")" > /dev/null
}

placed() {
    as_server_user taskset -c "$CORES" "$@"
}

# transactions CLIENTS SECONDS DATABASE OPTION...: transactions per second of a pgbench run.
transactions() {
    local clients=$1 seconds=$2 database=$3
    shift 3
    placed "$PG_BINDIR/pgbench" -n -M prepared -c "$clients" -j "$clients" -T "$seconds" "$@" \
        -h "$SCRATCH/bench/socket" -U postgres "$database" 2> "$SCRATCH/tmp/pgbench.err" |
        sed -n 's/^tps = \([0-9.]*\) .*/\1/p' | grep . || {
        cat "$SCRATCH/tmp/pgbench.err" >&2
        return 1
    }
}

# statement NAME LINE...: a pgbench script.
statement() {
    local name=$1
    shift
    printf '%s\n' "$@" > "$SCRATCH/statements/$name.sql"
}
