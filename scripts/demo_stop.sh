#!/usr/bin/env bash
# demo_stop.sh: stops and removes the cluster that `make demo KEEP=1` left running.
# shellcheck source=scripts/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
# shellcheck source=scripts/demo_state.sh
source "$ROOT/scripts/demo_state.sh"

find_postgres
demo_find || die "No demo of yours is running."
if [ -n "$(scratch_processes postgres)" ]; then run_job cluster_stop demo; fi
scratch_remove
rm -f "$DEMO_STATE"
echo "The demo is stopped and removed."
