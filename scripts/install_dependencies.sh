#!/usr/bin/env bash
# install_dependencies.sh demo|check: installs the Debian packages that are missing, nothing else.
# No server is started or restarted on the way, and no default cluster is made.
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

readonly POLICY=/usr/sbin/policy-rc.d
readonly NO_CLUSTER=/etc/postgresql-common/createcluster.d/cache_ext.conf
readonly MARK='made by cache_ext while it installs packages'

packages=(make g++)
if [ -z "${PG_CONFIG:-}" ]; then
    packages+=("postgresql-$PG_MAJOR" "postgresql-server-dev-$PG_MAJOR")
fi
case ${1:-} in
    demo) ;;
    check)
        packages+=(clang-format clang-tidy shellcheck libgtest-dev libpq-dev perl libipc-run-perl
            libtap-parser-sourcehandler-pgtap-perl python3)
        if [ -z "${PG_CONFIG:-}" ]; then packages+=("postgresql-$PG_MAJOR-pgtap"); fi
        ;;
    *) die "usage: $0 demo|check" ;;
esac

if ! command -v dpkg-query > /dev/null; then
    echo "Not a Debian system: taking for granted what corresponds to ${packages[*]}"
    exit 0
fi

missing=()
for package in "${packages[@]}"; do
    # shellcheck disable=SC2016
    case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2> /dev/null) in
        installed) ;;
        *) missing+=("$package") ;;
    esac
done
if [ ${#missing[@]} -eq 0 ]; then
    echo "All packages are there."
    exit 0
fi
echo "Missing packages: ${missing[*]}"
if [ "$(id -u)" -ne 0 ]; then
    as_root env PG_CONFIG="${PG_CONFIG:-}" bash "${BASH_SOURCE[0]}" "$1"
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

install_missing() {
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -q -y -o DPkg::Lock::Timeout=600 \
        -o Dpkg::Use-Pty=0 install --no-install-recommends --no-upgrade "${missing[@]}" \
        < /dev/null 9<&-
}
update_lists() {
    apt-get -q -o DPkg::Lock::Timeout=600 update < /dev/null 9<&-
}

# The package lists may be absent, or old and name what the mirror no longer has.
if LC_ALL=C apt-cache policy "${missing[@]}" | grep -c 'Candidate: [0-9]' |
    grep -qx "${#missing[@]}"; then
    install_missing || { update_lists && install_missing; }
else
    update_lists
    install_missing
fi
