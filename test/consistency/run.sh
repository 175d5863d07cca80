#!/usr/bin/env bash
# run.sh [OPTION...]: builds the history checker and runs it against a running cluster, whose
# extension is preloaded and whose max_prepared_transactions is at least 20: PGHOST (the socket's
# folder), PGPORT, PGUSER, PGDATABASE. SECONDS_TO_RUN (60) are divided between everything at once, the
# lookups of path dependencies by themselves (in the full mix, whatever widens to the whole cache hides
# mistakes there), what readers' sessions decide by itself, DDL by itself (in the full mix there is little of it, or there would be no hits), and everything with
# nothing declared, or what the loaders' texts prove. SEED (1) chooses the plans. RESTART is a command that lets the server crash and
# starts it again, for the first part; without it there is no crash. Options go to the checker.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=${SECONDS_TO_RUN:-60}
paths=insert,multirow,update,keymove,delete,upsert,savepoint,exception,prepared,repeatable,lead
catalogs=oper,right,role,swap,fresh
readers=claim,reader,role
make -s --no-print-directory -f test/consistency/Makefile >&2

check() {
    build/consistency/consistency --socket "${PGHOST:?}" --port "${PGPORT:-5432}" \
        --user "${PGUSER:-postgres}" --db "${PGDATABASE:-postgres}" --seed "${SEED:-1}" "$@"
}

part=$((seconds / 7))
check --seconds "$((seconds - 5 * part))" --restart "${RESTART:-}" "$@"
check --seconds "$part" --only "$paths" "$@"
check --seconds "$part" --only "$catalogs" "$@"
check --seconds "$part" --only "$readers" "$@"
check --seconds "$part" --declared none "$@"
check --seconds "$part" --declared auto "$@"
