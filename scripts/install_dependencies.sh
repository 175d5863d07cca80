#!/usr/bin/env bash
# install_dependencies.sh demo|server|check|memory|bench|matrix|deb: installs the Debian packages that are missing,
# nothing else. No server is started or restarted on the way, none that we install starts at boot, and no
# default cluster is made. What bench compares with is optional, and pgTAP, without which
# its tests fail: what cannot be installed is left out.
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

readonly POLICY=/usr/sbin/policy-rc.d
readonly NO_CLUSTER=/etc/postgresql-common/createcluster.d/cache_ext.conf
readonly MARK='made by cache_ext while it installs packages'

packages=(make g++)
if [ -z "${PG_CONFIG:-}" ]; then
    packages+=("postgresql-$PG_MAJOR" "postgresql-server-dev-$PG_MAJOR")
fi
optional=()
# Services of the optional packages.
services=()
case ${1:-} in
    demo) ;;
    bench)
        optional=(redis-server memcached libbenchmark-dev)
        services=(redis-server memcached)
        if [ -z "${PG_CONFIG:-}" ]; then optional+=("postgresql-$PG_MAJOR-pgmemcache"); fi
        ;;
    server | check)
        packages+=(libpq-dev perl libipc-run-perl libtap-parser-sourcehandler-pgtap-perl python3)
        if [ "$1" = check ]; then packages+=(clang-format clang-tidy shellcheck libgtest-dev); fi
        # There is none yet for a PostgreSQL that is to come.
        if [ -z "${PG_CONFIG:-}" ]; then optional+=("postgresql-$PG_MAJOR-pgtap"); fi
        ;;
    matrix) packages=(debootstrap rsync) ;;
    # With the headers of each PostgreSQL that the release has.
    deb) packages=(build-essential debhelper lintian postgresql-server-dev-all) ;;
    memory)
        packages+=(libpq-dev perl libipc-run-perl python3 dpkg-dev patch pkg-config bison flex libicu-dev liblz4-dev
            libxml2-dev zlib1g-dev valgrind)
        ;;
    *) die "usage: $0 demo|server|check|memory|bench|matrix|deb" ;;
esac

if ! command -v dpkg-query > /dev/null; then
    echo "Not a Debian system: taking for granted what corresponds to ${packages[*]} ${optional[*]}"
    exit 0
fi

is_installed() {
    # shellcheck disable=SC2016
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null)" = installed ]
}
missing=()
for package in "${packages[@]}"; do
    is_installed "$package" || missing+=("$package")
done
absent=()
for package in "${optional[@]}"; do
    is_installed "$package" || absent+=("$package")
done
if [ $((${#missing[@]} + ${#absent[@]})) -eq 0 ]; then
    echo "All packages are there."
    exit 0
fi
echo "Missing packages: ${missing[*]} ${absent[*]}"
if [ ${#missing[@]} -eq 0 ] && [ "$(id -u)" -ne 0 ] && ! sudo -n true 2> /dev/null; then
    echo "Going on without ${absent[*]}: installing needs root."
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    as_root env PG_CONFIG="${PG_CONFIG:-}" PG_MAJOR="$PG_MAJOR" bash "${BASH_SOURCE[0]}" "$1"
    exit
fi

# Takes back what is ours, also after a run that was killed.
restore() {
    if grep -qs "$MARK" "$POLICY"; then rm -f "$POLICY"; fi
    if [ -e "$NO_CLUSTER" ]; then
        rm -f "$NO_CLUSTER"
        rmdir --ignore-fail-on-non-empty "$(dirname "$NO_CLUSTER")"
    fi
}
trap restore EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# One run at a time: another's files are taken for left over.
exec 9< /var/lib/dpkg
flock 9
restore
if [ ! -e "$POLICY" ]; then
    printf '#!/bin/sh\n# %s\nexit 101\n' "$MARK" > "$POLICY"
    chmod 755 "$POLICY"
fi
mkdir -p "$(dirname "$NO_CLUSTER")"
printf '# %s\ncreate_main_cluster = false\n' "$MARK" > "$NO_CLUSTER"

# install_packages NAME...
install_packages() {
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -q -y -o DPkg::Lock::Timeout=600 \
        -o Dpkg::Use-Pty=0 install --no-install-recommends --no-upgrade "$@" \
        < /dev/null 9<&-
}
update_lists() {
    apt-get -q -o DPkg::Lock::Timeout=600 update < /dev/null 9<&-
}

# known NAME...: whether the package lists have all of them.
known() {
    LC_ALL=C apt-cache policy "$@" | grep -c 'Candidate: [0-9]' | grep -qx "$#"
}

# The package lists may be absent, or old and name what the mirror no longer has.
install_required() {
    if known "${missing[@]}"; then
        install_packages "${missing[@]}" || { update_lists && install_packages "${missing[@]}"; }
    else
        update_lists
        install_packages "${missing[@]}"
    fi
}

install_optional() {
    local package
    if ! known "${absent[@]}"; then update_lists || true; fi
    for package in "${absent[@]}"; do
        known "$package" && install_packages "$package" ||
            echo "Going on without $package: it could not be installed."
    done
}

# The policy above keeps a service from starting now, this from starting at the next boot.
disable_services() {
    local service
    command -v systemctl > /dev/null || return 0
    for service in "${services[@]}"; do
        case " ${absent[*]} " in
            *" $service "*) systemctl --quiet disable "$service" > /dev/null 2>&1 || true ;;
        esac
    done
}

if [ ${#missing[@]} -gt 0 ]; then install_required; fi
if [ ${#absent[@]} -gt 0 ]; then
    install_optional
    disable_services
fi
