#!/usr/bin/env bash
# run.sh [OPTION...]: builds the history checker and runs it against a running cluster, whose
# extension is preloaded and whose max_prepared_transactions is at least 20: PGHOST (the socket's
# folder), PGPORT, PGUSER, PGDATABASE. SECONDS_TO_RUN (30) are divided between everything at once and
# the lookups of path dependencies by themselves: in the full mix, whatever widens to the whole cache
# hides mistakes there. SEED (1) chooses the plans. Options go to the checker.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=${SECONDS_TO_RUN:-30}
paths=insert,multirow,update,keymove,delete,upsert,savepoint,exception,prepared,repeatable,lead
make -s --no-print-directory -f test/consistency/Makefile >&2

check() {
    build/consistency/consistency --socket "${PGHOST:?}" --port "${PGPORT:-5432}" \
        --user "${PGUSER:-postgres}" --db "${PGDATABASE:-postgres}" --seed "${SEED:-1}" "$@"
}

check --seconds "$((seconds * 3 / 4))" "$@"
check --seconds "$((seconds - seconds * 3 / 4))" --only "$paths" "$@"
