# Debian systems in folders of their own, each with another PostgreSQL. Source jobs.sh first.
#
# They are kept in /var/cache/cache_ext, or where CACHE_EXT_ROOTS says: a system takes minutes to make and
# 2 GB. A command runs in one with mounts and process numbers of its own, so that nothing is left mounted
# and nothing goes on behind it, in whatever way it ends.
# shellcheck shell=bash

readonly ROOTS=${CACHE_EXT_ROOTS:-/var/cache/cache_ext}
# What a system in there must have been made by: another way of making them gets another number.
readonly ROOT_FORMAT=1

# in_root FOLDER COMMAND...: as that system's root.
in_root() {
    local folder=$1
    shift
    # shellcheck disable=SC2016
    as_root unshare --mount --pid --fork --kill-child -- sh -c '
        cd "$1" || exit
        mount -t proc proc proc && mount -t tmpfs -o mode=1777 tmpfs dev/shm || exit
        shift
        exec chroot . env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"' \
        in_root "$folder" "$@"
}

# The mirror that this system's packages come from.
debian_mirror() {
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI) $(COMPONENT)' 'Created-By: Packages' |
        awk '$2 == "main" && $1 ~ /\/debian\/?$/ { print $1; exit }'
}

# make_root FOLDER MAJOR SUITE [SUITE]: a Debian of the first release that can install that PostgreSQL; the packages of
# that major come from the second release, if there is one, and what these need that the first does not have.
make_root() {
    local folder=$1 major=$2 suite=$3 more=${4:-} mirror
    mirror=$(debian_mirror)
    if [ -z "$mirror" ]; then
        echo "apt names no mirror of Debian"
        return 1
    fi
    as_root rm -rf --one-file-system "$folder" || return
    as_root mkdir -p "$folder"
    # All are made as the newest is: debootstrap may not know a release that has just come.
    # What it mounts goes with it, however it ends.
    as_root unshare --mount --pid --fork --kill-child -- debootstrap --variant=minbase "$suite" "$folder" "$mirror" \
        /usr/share/debootstrap/scripts/sid || return
    for suite in "$suite" $more; do
        echo "deb $mirror $suite main"
    done | as_root tee "$folder/etc/apt/sources.list" > /dev/null || return
    # Mirrors of the releases that move may be behind.
    echo 'Acquire::Check-Valid-Until "false";' | as_root tee "$folder/etc/apt/apt.conf.d/50cache_ext" > /dev/null || return
    if [ -n "$more" ]; then
        printf 'Package: src:postgresql-%s\nPin: release a=%s\nPin-Priority: 500\n' "$major" "$more" |
            as_root tee "$folder/etc/apt/preferences.d/cache_ext" > /dev/null || return
    fi
    echo "$ROOT_FORMAT $*" | as_root tee "$folder/made" > /dev/null
}

# have_root FOLDER MAJOR SUITE [SUITE]: makes it, unless it is there.
have_root() {
    if [ "$(cat "$1/made" 2> /dev/null)" != "$ROOT_FORMAT $*" ]; then make_root "$@"; fi
}

# lock_root FOLDER: one run at a time in each, until we end (descriptors 7 and 8).
lock_root() {
    as_root mkdir -p "$ROOTS"
    exec 7< "$ROOTS"
    flock 7
    as_root mkdir -p "$1.lock"
    exec 8< "$1.lock"
    exec 7<&-
    flock 8
}

# releases_of MAJOR: the releases of Debian that have that PostgreSQL, as scripts/majors names them.
releases_of() {
    sed -n "s/^[a-z]* $1 //p" "$ROOT/scripts/majors"
}

# put_tree FOLDER: copies this tree to there, without what was built here. What was built there stays.
put_tree() {
    as_root rsync -a --delete --chown=root:root --exclude='*.[od]' --exclude='*.so' --exclude=/build --exclude=/.git \
        --exclude='/sql/cache_ext--*.sql' "$ROOT/" "$1/"
}

# open_root FOLDER TREE MAJOR SUITE [SUITE]: has that system made if need be, and this tree put into it as /TREE, which
# is ours until we end (descriptor 8). 2: the system could not be had.
open_root() {
    local folder=$1 tree=$2
    shift 2
    as_root mkdir -p "$folder.lock/$tree"
    # One makes it, the others wait for that.
    exec 7< "$folder.lock"
    flock 7
    have_root "$folder" "$@" || return 2
    exec 7<&-
    exec 8< "$folder.lock/$tree"
    flock 8
    put_tree "$folder/$tree"
}

# report_runs LOGS WHAT NAME...: what the runs said whose output is in LOGS/NAME.log, and whose status is in
# LOGS/NAME.status: 2 is that of one for which something could not be had, which fails unless MISSING=tolerated.
report_runs() {
    local logs=$1 what=$2 name status failed=0
    shift 2
    for name in "$@"; do
        status=$(cat "$logs/$name.status" 2> /dev/null || echo 1)
        if [ "$status" -eq 0 ]; then continue; fi
        heading "$name"
        if [ "$status" -eq 2 ]; then
            tail -n 15 "$logs/$name.log"
            echo "NOT TESTED: $what $name could not be had here."
            if [ "${MISSING:-}" = tolerated ]; then continue; fi
        else
            grep -E '^(FAILED|not ok|test .* FAILED)' "$logs/$name.log" || true
            tail -n 200 "$logs/$name.log"
        fi
        failed=1
    done
    heading "Summary"
    for name in "$@"; do
        printf '%-7s %s\n' "$name" "$(tail -n 1 "$logs/$name.log")"
    done
    return "$failed"
}
