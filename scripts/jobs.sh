# Long commands that a signal can interrupt, and cleaning up behind them.
#
# bash runs a trap only after the command in the foreground has ended, so what takes long runs as a
# background job in a process group of its own: a signal reaches us at once and we end the group.
# shellcheck shell=bash disable=SC2034
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

JOB=
JOB_STATUS=0
EXIT_ACTIONS=()
# Called before an interrupted job is ended.
BEFORE_KILL=:

# Registers a function to be called when this script ends, in whatever way. Last in, first out.
on_exit() {
    EXIT_ACTIONS=("$1" "${EXIT_ACTIONS[@]}")
}

# Runs a command or function; its exit status goes to JOB_STATUS. To be called as a plain statement:
# inside `if` or before `||` bash would ignore errors within the function.
run_job() {
    set -m
    (
        set -e +m
        trap - EXIT INT TERM HUP PIPE
        "$@"
    ) < /dev/null &
    JOB=$!
    set +m
    JOB_STATUS=0
    wait "$JOB" || JOB_STATUS=$?
    JOB=
}

# run COMMAND...: as a job, without which we do not go on.
run() {
    run_job "$@"
    if [ "$JOB_STATUS" -ne 0 ]; then die "FAILED: $1; nothing more was done."; fi
}

# Whether a process of the job's group still runs. A zombie does not: kill -0 could not tell.
job_runs() (
    set +o pipefail
    cat /proc/[0-9]*/stat 2> /dev/null | awk -v group="$JOB" '
        { sub(/^.*\) /, "") }
        $1 != "Z" && $3 == group { found = 1 }
        END { exit !found }'
)

# Ends the job's process group: politely, then not.
stop_job() {
    local tries
    [ -n "$JOB" ] || return 0
    "$BEFORE_KILL"
    kill -TERM -- "-$JOB" 2> /dev/null
    for ((tries = 0; tries < 100; tries++)); do
        job_runs || return 0
        sleep 0.1
    done
    kill -KILL -- "-$JOB" 2> /dev/null
}

finish() {
    local status=$? action
    trap '' INT TERM HUP PIPE
    trap - EXIT
    set +e
    stop_job
    for action in "${EXIT_ACTIONS[@]}"; do
        "$action"
    done
    exit "$status"
}

trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM
