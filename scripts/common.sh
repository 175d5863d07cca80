# What every script starts with: source it. Sets ROOT and, unless it is set, PG_MAJOR, and a clean
# environment.
# shellcheck shell=bash disable=SC2034
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly ROOT
readonly PG_MAJOR=${PG_MAJOR:-15}

# The makes that we start are no part of the one above us.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES GNUMAKEFLAGS

# libpq's variables could lead psql, or pg_regress which drops databases, to somebody's server.
for variable in "${!PG@}"; do
    case $variable in
        PG_CONFIG | PG_MAJOR) ;;
        *) unset "$variable" ;;
    esac
done
unset variable

# Output that is parsed must not be translated.
export LC_ALL=C.UTF-8
unset LANGUAGE

heading() {
    printf '\n== %s\n' "$*"
}

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Runs a command as root, through sudo if need be.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif ! command -v sudo > /dev/null; then
        die "This needs root: $*. Become root, or install sudo."
    elif [ -t 0 ] || sudo -n true 2> /dev/null; then
        sudo "$@"
    else
        die "This needs root: $*. sudo wants a password and there is no terminal to ask for it."
    fi
}

# Sets PG_CONFIG, if it is not given, to that of PG_MAJOR.
find_postgres() {
    local debian=/usr/lib/postgresql/$PG_MAJOR/bin/pg_config
    if [ -z "${PG_CONFIG:-}" ]; then
        if [ -x "$debian" ]; then PG_CONFIG=$debian; else PG_CONFIG=pg_config; fi
    fi
    command -v "$PG_CONFIG" > /dev/null || die "No pg_config: set PG_CONFIG to its path."
    export PG_CONFIG
    PG_BINDIR=$(readlink -f "$("$PG_CONFIG" --bindir)")
    readonly PG_BINDIR
}

# The version of the extension. It has one source, the control file.
extension_version() {
    sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" "$ROOT/cache_ext.control"
}

# The same as three numbers, which PGXN wants.
release_version() {
    local version
    version=$(extension_version)
    while [ "$(tr -cd . <<< "$version" | wc -c)" -lt 2 ]; do version+=.0; done
    echo "$version"
}
