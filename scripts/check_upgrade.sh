#!/usr/bin/env bash
# check_upgrade.sh [OLD-NEW...]: pg_upgrade from one PostgreSQL to another, with caches that were declared in the old
# one: those named, as 17-18, or all of scripts/upgrades; each in a Debian of its own that has both
# (debian_root.sh), one after the other. What each prints goes to build/upgrade/OLD-NEW.log.
#
# One whose Debian or packages cannot be had fails, unless MISSING=tolerated.
# shellcheck source=scripts/jobs.sh
source "$(dirname "${BASH_SOURCE[0]}")/jobs.sh"
# shellcheck source=scripts/debian_root.sh
source "$ROOT/scripts/debian_root.sh"
cd "$ROOT"

readonly LOGS=$ROOT/build/upgrade
readonly TREE=cache_ext_upgrade
NAMES=("$@")
if [ ${#NAMES[@]} -eq 0 ]; then
    mapfile -t NAMES < <(sed -n 's/^\([0-9]*\) \([0-9]*\) .*/\1-\2/p' scripts/upgrades)
fi

# where OLD-NEW: the releases that have them.
where() {
    sed -n "s/^${1/-/ } //p" scripts/upgrades
}
for name in "${NAMES[@]}"; do
    if [ -z "$(where "$name")" ]; then die "scripts/upgrades has no $name"; fi
done

upgrade() {
    local name=$1 folder=$ROOTS/upgrade-$1 old=${1%-*} new=${1#*-} releases
    read -r -a releases <<< "$(where "$name")"
    open_root "$folder" "$TREE" "$old" "${releases[@]}" || return
    in_root "$folder" PG_MAJOR="$old" "/$TREE/scripts/install_dependencies.sh" server || return 2
    in_root "$folder" PG_MAJOR="$new" "/$TREE/scripts/install_dependencies.sh" server || return 2
    in_root "$folder" "/$TREE/scripts/upgrade_test.sh" "$old" "$new"
}

upgrade_all() {
    local name status
    for name in "${NAMES[@]}"; do
        status=0
        (upgrade "$name") > "$LOGS/$name.log" 2>&1 || status=$?
        echo "$status" > "$LOGS/$name.status"
        heading "$name: $(tail -n 1 "$LOGS/$name.log")"
    done
}

heading "Dependencies"
scripts/install_dependencies.sh matrix
mkdir -p "$LOGS"
heading "Upgrades ${NAMES[*]}: see build/upgrade"
run_job upgrade_all
report_runs "$LOGS" upgrade "${NAMES[@]}"
