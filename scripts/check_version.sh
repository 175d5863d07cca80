#!/usr/bin/env bash
# check_version.sh: META.json, CHANGELOG.md and debian/changelog must name the version that the control file names, and
# META.json must be what PGXN takes. Before a release (release_status unstable or testing) the first section of
# CHANGELOG.md is [Unreleased]; with a stable one it is that of the version.
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

version=$(extension_version)
release=$(release_version)
wrong=0

# compare WHAT FOUND WANTED
compare() {
    if [ "$2" = "$3" ]; then return; fi
    echo "$1 is ${2:-missing}, by cache_ext.control it should be $3"
    wrong=1
}

# meta KEY...: what META.json says there.
meta() {
    python3 -c 'import functools, json, sys
print(functools.reduce(lambda value, key: value.get(key, {}), sys.argv[1:], json.load(open("META.json"))) or "")' "$@"
}

compare 'META.json: version' "$(meta version)" "$release"
compare 'META.json: provides.cache_ext.version' "$(meta provides cache_ext version)" "$release"
compare 'META.json: provides.cache_ext.file' "$(meta provides cache_ext file)" "sql/cache_ext--$version.sql"

# A package that a distribution has changed has a revision behind the version.
compare 'debian/changelog: the first version' \
    "$(sed -n '1s/^cache-ext (\([^-)]*\)\(-[^)]*\)\{0,1\}) .*/\1/p' debian/changelog)" "$version"

status=$(meta release_status)
mapfile -t sections < <(sed -n 's/^## \[\([^]]*\)\].*/\1/p' CHANGELOG.md)
if [ "${status:-stable}" = stable ]; then
    compare 'CHANGELOG.md: the first section, of a stable release,' "${sections[0]:-}" "$release"
else
    compare "CHANGELOG.md: the first section, of what is $status," "${sections[0]:-}" Unreleased
    sections=("${sections[@]:1}")
    newest=$(printf '%s\n' "$release" "${sections[@]}" | LC_ALL=C sort -V | tail -n 1)
    compare 'CHANGELOG.md: the newest version' "$newest" "$release"
fi

python3 scripts/check_meta.py "$version" "sql/cache_ext--$version.sql" || wrong=1
if [ "$wrong" -ne 0 ]; then exit 1; fi
echo "version $version everywhere"
