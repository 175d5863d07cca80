# How many tests passed and failed, from what the runners print. Source it; TALLY names the file
# that a step's counts are added to.
# shellcheck shell=bash

tally() {
    echo "$1 $2" >> "$TALLY"
}

# tally_googletest LOG: "[  PASSED  ] 3 tests.", "[  FAILED  ] Suite.Test (0 ms)". Fails if there is neither: a
# program without tests, or one that crashed.
tally_googletest() {
    local passed failed
    passed=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) tests\{0,1\}\.$/\1/p' "$1")
    failed=$(grep -c '^\[  FAILED  \] [^ ]* (' "$1" || true)
    tally "${passed:-0}" "$failed"
    [ "$((passed + failed))" -gt 0 ]
}

# pg_regress and pg_isolation_regress: "All 3 tests passed.", "1 of 3 tests failed."
tally_regress() {
    awk '{ gsub(/[,.]/, " ") }
        /All [0-9]+ tests? passed/ { for (i = 1; i < NF; i++) if ($i == "All") print $(i + 1), 0 }
        /[0-9]+ of [0-9]+ tests? failed/ {
            for (i = 2; i < NF; i++) if ($i == "of") print $(i + 1) - $(i - 1), $(i - 1)
        }' "$1" >> "$TALLY"
}

# The TAP that prove saved: a skipped test did not pass, a test marked TODO did not fail.
tally_tap() {
    find "$1" -type f -exec cat {} + | awk '
        tolower($0) ~ /^(not )?ok .*# *(skip|todo)/ { next }
        /^ok / { passed++ }
        /^not ok / { failed++ }
        END { print passed + 0, failed + 0 }' >> "$TALLY"
}

# A closing line "N passed, M failed" of a runner of our own.
tally_closing_line() {
    sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$1" | tail -n 1 >> "$TALLY"
}
