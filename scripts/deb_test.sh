#!/usr/bin/env bash
# deb_test.sh [MAJOR...]: does what autopkgtest would do, for the PostgreSQLs named, or all of debian/pgversions that a
# release in scripts/majors has: builds the packages in a Debian of that release (deb.sh; for this system's own
# release, too, so that every run starts from the same), installs them in a clean one with apt, which finds what they
# depend on, runs debian/tests there, and purges them again, after which nothing of them may be left. What is built and
# tested in is described in debian_root.sh.
# shellcheck source=scripts/jobs.sh
source "$(dirname "${BASH_SOURCE[0]}")/jobs.sh"
# shellcheck source=scripts/debian_root.sh
source "$ROOT/scripts/debian_root.sh"
cd "$ROOT"

readonly RESULTS=$ROOT/build/deb-test

MAJORS=("$@")
if [ ${#MAJORS[@]} -eq 0 ]; then
    while read -r major; do
        if [ -n "$(releases_of "$major")" ]; then MAJORS+=("$major"); fi
    done < debian/pgversions
fi
for major in "${MAJORS[@]}"; do
    grep -qx "$major" debian/pgversions || die "debian/pgversions has no $major"
    [ -n "$(releases_of "$major")" ] || die "scripts/majors knows no release that has PostgreSQL $major"
done

# The packages of that release go to build/deb-test/MAJOR.
build_packages() {
    local major=$1 folder=$ROOTS/deb-$1-build releases
    read -r -a releases <<< "$(releases_of "$major")"
    lock_root "$folder"
    have_root "$folder" "$major" "${releases[@]}"
    as_root find "$folder/tmp" -mindepth 1 -maxdepth 1 -name 'cache_ext_*' -exec rm -rf {} +
    put_tree "$folder/cache_ext"
    in_root "$folder" sh -c 'cd /cache_ext && exec scripts/deb.sh'
    rm -rf "${RESULTS:?}/$major"
    mkdir -p "$RESULTS/$major"
    cp "$folder"/cache_ext/build/deb/*.deb "$RESULTS/$major"
}

# What of the packages is in the clean system. Logs tell of them for ever.
traces() {
    (cd "$CLEAN" && as_root find . -xdev \
        '(' -path ./cache_ext -o -path ./packages -o -path ./var/log -o -path ./proc ')' -prune -o \
        -iname '*cache[-_]ext*' '!' -path './etc/apt/*' -print)
    # shellcheck disable=SC2016
    in_root "$CLEAN" dpkg-query -W -f '${Package} ${db:Status-Status}\n' |
        awk '/cache-ext/ && $2 != "not-installed" { print "package", $0 }'
}

# apt NAME...: in the clean system.
apt() {
    in_root "$CLEAN" DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 "$@"
}

test_packages() {
    local major=$1 base=$ROOTS/deb-$1 releases package=postgresql-$1-cache-ext left
    read -r -a releases <<< "$(releases_of "$major")"
    lock_root "$base"
    have_root "$base" "$major" "${releases[@]}"
    # It is used once. What a run has left that was killed is not.
    CLEAN=$base.clean
    as_root rm -rf "$CLEAN"
    trap 'as_root rm -rf "$CLEAN"' EXIT
    as_root cp -a --reflink=auto "$base" "$CLEAN"
    as_root mkdir "$CLEAN/packages"
    as_root cp "$RESULTS/$major"/*.deb "$CLEAN/packages"
    # No cluster of the distribution's need run here.
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$CLEAN/usr/sbin/policy-rc.d" > /dev/null
    as_root chmod 755 "$CLEAN/usr/sbin/policy-rc.d"
    if [ -n "$(traces)" ]; then die "The system is not clean: $(traces)"; fi

    apt update
    apt --no-install-recommends install "/packages/$(cd "$RESULTS/$major" && echo "${package}"_*.deb)"
    in_root "$CLEAN" dpkg-query -L "$package"
    put_tree "$CLEAN/cache_ext"
    in_root "$CLEAN" TESTS="${TESTS:-}" SUITES="${SUITES:-}" /cache_ext/debian/tests/installcheck
    in_root "$CLEAN" sh -c '! find /tmp -name "cache_ext*" | grep .' || die "The tests have left something in /tmp."
    apt purge "$package"
    left=$(traces)
    if [ -n "$left" ]; then die "Left after the purge: $left"; fi
    echo "Nothing is left after the purge."
}

heading "Dependencies"
scripts/install_dependencies.sh matrix
for major in "${MAJORS[@]}"; do
    heading "PostgreSQL $major: build"
    run build_packages "$major"
    heading "PostgreSQL $major: install, test, purge"
    run test_packages "$major"
done
heading "Summary"
for major in "${MAJORS[@]}"; do
    echo "$(cd "$RESULTS/$major" && echo postgresql-"$major"-cache-ext_*.deb) installed, tested, purged"
done
