#!/usr/bin/env bash
# upgrade_test.sh OLD NEW: pg_upgrade from one major version to another on a Debian that has both, with everything
# that test/t/pg_upgrade.pl declares and asks. The library is built for either, the old one first.
PG_MAJOR=${1:?usage: upgrade_test.sh OLD NEW}
new=${2:?usage: upgrade_test.sh OLD NEW}
# shellcheck source=scripts/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
cd "$ROOT"

unset PG_CONFIG
find_postgres
heading "PostgreSQL $PG_MAJOR"
# Beside the other, so that either stays built.
readonly FROM=$ROOT/build/upgrade_from
run copy_sources "$FROM"
run make -C "$FROM" --no-print-directory -s -j "$(nproc)" WERROR=1 all
scratch_create upgrade
if [ -z "$(extension_path "$SCRATCH")" ]; then die "PostgreSQL $PG_MAJOR has no setting for extensions in folders of their own."; fi
run extension_install_below "$SCRATCH/extension" "$SCRATCH/extension.conf" "$FROM"
scratch_hand_over
heading "PostgreSQL $new"
run_job env -u PG_CONFIG PG_MAJOR="$new" TESTS=pg_upgrade UPGRADE_FROM="$(dirname "$PG_BINDIR")" \
    UPGRADE_CONFIG="$SCRATCH/extension.conf" "$ROOT/scripts/check.sh" tap
exit "$JOB_STATUS"
