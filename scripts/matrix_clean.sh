#!/usr/bin/env bash
# matrix_clean.sh: removes the Debian systems that check_matrix.sh has made.
# shellcheck source=scripts/jobs.sh
source "$(dirname "${BASH_SOURCE[0]}")/jobs.sh"
# shellcheck source=scripts/debian_root.sh
source "$ROOT/scripts/debian_root.sh"

for made in "$ROOTS"/*/made; do
    [ -e "$made" ] || continue
    echo "removing ${made%/made}"
    as_root rm -rf "${made%/made}" "${made%/made}.lock"
done
as_root rmdir --ignore-fail-on-non-empty "$ROOTS" 2> /dev/null || true
