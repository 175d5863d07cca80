#!/usr/bin/env bash
# The read rule and that of accounts as models: random histories must serve nothing wrong, and every
# deliberate mistake must be caught. Then fresh traces of what rings and accounts answered are replayed
# through the C++ rules, if the unit tests have been built. HISTORIES and SEED choose others.
set -u
cd "$(dirname "$0")/../.." || exit

HISTORIES=${HISTORIES:-6000}
SEED=${SEED:-1}
SCRATCH=$(mktemp -d /tmp/cache_ext_model.XXXXXX) || exit
trap 'rm -rf "$SCRATCH"' EXIT
PASSED=0
FAILED=0

count() {
    if "$@"; then PASSED=$((PASSED + 1)); else FAILED=$((FAILED + 1)); fi
}

histories() {
    python3 -B "test/model/$1.py" --histories "$HISTORIES" --seed "$SEED"
}

mistake() {
    python3 -B "test/model/$1.py" --histories 20000 --seed "$SEED" --break "$2"
}

# Any build of the test will do: the verdicts are the same.
replay() {
    local program
    python3 -B "test/model/$1.py" --histories 150 --seed "$SEED" --trace "$SCRATCH/trace" || return
    for program in build/*/"$2"; do
        [ -x "$program" ] || continue
        env "$3=$SCRATCH/trace" "$program" --gtest_brief=1 || return
        echo "$(wc -l < "$SCRATCH/trace") operations replayed by $program"
        return 0
    done
    echo "the unit tests have not been built: nothing to replay the trace with"
}

for model in agreement aggregate; do
    count histories "$model"
    names=$(python3 -B "test/model/$model.py" --list-breaks | cut -d ' ' -f 1) || exit
    for name in $names; do count mistake "$model" "$name"; done
done
count replay agreement agreement_replay_test CACHE_EXT_TRACE
count replay aggregate account_replay_test CACHE_EXT_ACCOUNT_TRACE

echo "$PASSED passed, $FAILED failed"
[ "$FAILED" -eq 0 ]
