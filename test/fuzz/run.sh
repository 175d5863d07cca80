#!/usr/bin/env bash
# run.sh [OPTION...]: builds the fuzzer and runs it against a running cluster, a throwaway whose
# extension is preloaded and whose max_prepared_transactions is at least 10: PGHOST (the socket's
# folder), PGPORT, PGUSER (a superuser). For FUZZ_SECONDS (20), with SEED (1). It makes and drops roles
# and databases whose names begin with fuzz.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

make -s --no-print-directory -f test/fuzz/Makefile >&2
exec build/fuzz/fuzz --socket "${PGHOST:?}" --port "${PGPORT:-5432}" --user "${PGUSER:-postgres}" \
    --seed "${SEED:-1}" --seconds "${FUZZ_SECONDS:-20}" --setup test/fuzz "$@"
