#!/usr/bin/env bash
# deb.sh: installs what is missing, builds the Debian packages for every PostgreSQL that this system's release has,
# and puts them into build/deb. An error or a warning of lintian is a failure; what may be overlooked, and why, is in
# debian/*.lintian-overrides.
# shellcheck source=scripts/jobs.sh
source "$(dirname "${BASH_SOURCE[0]}")/jobs.sh"
cd "$ROOT"

readonly RESULT=$ROOT/build/deb

# Built in a copy: debhelper and dpkg leave files beside the sources and above them.
copy_tree() {
    mkdir "$WORK/cache-ext"
    tar --exclude='*.[od]' --exclude='*.so' --exclude=./build --exclude=./.git --exclude='./sql/cache_ext--*.sql' \
        -cf - . | tar -C "$WORK/cache-ext" --no-same-owner -xf -
}

build() {
    cd "$WORK/cache-ext"
    # The control file that is committed is that of one release; another has other PostgreSQLs.
    pg_buildext updatecontrol
    dpkg-buildpackage --unsigned-source --unsigned-changes -j"$(nproc)"
}

check() {
    local options=(--fail-on 'error,warning' --tag-display-limit 0)
    if [ "$(id -u)" -eq 0 ]; then options+=(--allow-root); fi
    lintian "${options[@]}" "$WORK"/*.changes
}

hand_over() {
    rm -rf "$RESULT"
    mkdir -p "$RESULT"
    find "$WORK" -maxdepth 1 -type f -exec cp -t "$RESULT" {} +
}

heading "Dependencies"
scripts/install_dependencies.sh deb
WORK=$(mktemp -d /tmp/cache_ext_deb.XXXXXX)
remove_work() { rm -rf "$WORK"; }
on_exit remove_work
heading "Build"
run copy_tree
run build
run hand_over
heading "lintian"
run check
heading "In build/deb"
find "$RESULT" -name '*.deb' -printf '%f\n' | LC_ALL=C sort
