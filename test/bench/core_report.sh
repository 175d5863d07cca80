#!/usr/bin/env bash
# core_report.sh BUILD [TRACES]: the core's benchmarks in short, as markdown.
set -euo pipefail

build=$1
status=0

# section TITLE COMMAND...
section() {
    echo "#### $1"
    echo
    shift
    echo '```'
    "$@" 2> /dev/null || status=1
    echo '```'
    echo
}

section 'Growth' "$build/growth" --benchmark_min_time=0.05
section 'Eviction by cost' "$build/costs" 0.5
section 'Memory' "$build/memory" 1
if [ -n "${2:-}" ]; then
    section 'Recorded traces' "$(dirname "${BASH_SOURCE[0]}")/replay.sh" "$build/replay" "$2"
fi
exit "$status"
