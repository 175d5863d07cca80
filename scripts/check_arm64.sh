#!/usr/bin/env bash
# check_arm64.sh: compiles the library and the unit tests for 64-bit ARM, looks whether the instructions that order
# memory are where the core relies on them, and runs the unit tests under qemu. TESTS names unit tests: all, if it is
# empty. All of it happens in a Debian of its own (debian_root.sh), so nothing but that has to be installed here.
#
# qemu runs ARM's programs on this processor, with this processor's order of memory: that the tests pass there says
# nothing about an order that is too weak. See docs/architecture.md.
# shellcheck source=scripts/jobs.sh
source "$(dirname "${BASH_SOURCE[0]}")/jobs.sh"
# shellcheck source=scripts/debian_root.sh
source "$ROOT/scripts/debian_root.sh"
cd "$ROOT"

readonly FOLDER=$ROOTS/arm64
readonly LOGS=$ROOT/build/arm64

# The compiler runs here and PostgreSQL's headers are ARM's: they are not installed, as their package would bring
# ARM's compilers, but unpacked to /arm64. pg_config finds its folders by its own place.
prepare() {
    local releases
    read -r -a releases <<< "$(releases_of "$PG_MAJOR")"
    [ ${#releases[@]} -gt 0 ] || die "scripts/majors knows no release that has PostgreSQL $PG_MAJOR"
    lock_root "$FOLDER"
    have_root "$FOLDER" "$PG_MAJOR" "${releases[@]}"
    put_tree "$FOLDER/cache_ext"
    # shellcheck disable=SC2016
    in_root "$FOLDER" PG_MAJOR="$PG_MAJOR" bash -euo pipefail -c '
        wanted="$PG_MAJOR 1"
        if [ "$(cat /arm64/made 2> /dev/null)" = "$wanted" ]; then exit; fi
        dpkg --add-architecture arm64
        apt-get -q update
        DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 install --no-install-recommends \
            make crossbuild-essential-arm64 qemu-user libgtest-dev:arm64
        rm -rf /arm64
        mkdir /arm64
        cd /arm64
        apt-get -q -o APT::Sandbox::User=root download "postgresql-server-dev-$PG_MAJOR:arm64" \
            "postgresql-client-$PG_MAJOR:arm64"
        for package in *.deb; do dpkg -x "$package" .; done
        rm ./*.deb
        printf "#!/bin/sh\nexec qemu-aarch64 -L /usr/aarch64-linux-gnu %s \"\$@\"\n" \
            "/arm64/usr/lib/postgresql/$PG_MAJOR/bin/pg_config" > pg_config
        chmod 755 pg_config
        echo "$wanted" > made'
}

# make_arm64 ARGUMENT...: in the tree's copy there.
make_arm64() {
    in_root "$FOLDER" make -C /cache_ext --no-print-directory -s -j "$(nproc)" CC=aarch64-linux-gnu-gcc \
        CXX=aarch64-linux-gnu-g++ "$@"
}

build_library() {
    make_arm64 PG_CONFIG=/arm64/pg_config WERROR=1 all
    in_root "$FOLDER" file -b /cache_ext/cache_ext.so 2> /dev/null || true
    # Here as in check.sh: a dependency on the C++ run-time would make the server load it.
    if in_root "$FOLDER" aarch64-linux-gnu-readelf -d /cache_ext/cache_ext.so | grep NEEDED |
        grep -vE 'lib(c|m)\.so|ld-linux'; then
        die "cache_ext.so needs more than libc"
    fi
    in_root "$FOLDER" aarch64-linux-gnu-readelf -h /cache_ext/cache_ext.so | grep -q 'Machine: *AArch64'
}

# code_of FILE FUNCTION: its instructions, a line each. The function as objdump writes its name before the bracket.
code_of() {
    in_root "$FOLDER" aarch64-linux-gnu-objdump --disassemble --demangle --no-show-raw-insn "/cache_ext/src/core/$1.o" |
        awk -v name="<$2(" '/^[0-9a-f]+ </ { inside = index($0, name) > 0 } inside && /^ / { $1 = ""; print }'
}

# expect FILE FUNCTION INSTRUCTION...: whether these instructions are there, in this order, with others between them.
expect() {
    local file=$1 function=$2 code
    shift 2
    code=$(code_of "$file" "$function")
    if [ -z "$code" ]; then die "$file.o has no $function"; fi
    if [ "$function" != "$SHOWN" ]; then
        printf '%s:' "${function##*::}"
        grep -oE '^ (ldar|ldapr|stlr|dmb ish[a-z]*|bl .*<__aarch64_[a-z0-9_]*)' <<< "$code" | sed 's/bl .*<//' |
            uniq -c | awk '{ n = $1; $1 = ""; printf "%s%s (%d)", comma, $0, n; comma = "," } END { print "" }'
        SHOWN=$function
    fi
    awk -v wanted="$(IFS=';'; echo "$*")" '
        BEGIN { n = split(wanted, want, ";"); at = 1 }
        at <= n && $0 ~ "^ " want[at] { at++ }
        END { if (at <= n) { print "not there, or not in this place: " want[at]; exit 1 } }' <<< "$code" ||
        die "$function does not order memory as the core relies on"
}

# What the table in docs/architecture.md says, as instructions. What is inlined is looked for in its callers.
check_instructions() {
    local acquire='(ldar|ldapr) ' unlocked=cache_ext::core::lookup_unlocked
    SHOWN=
    # The version first; then the fence of a copy, or the name and the fence of a hold.
    expect unlocked $unlocked "$acquire" 'dmb ishld'
    expect unlocked $unlocked "$acquire" 'stlr ' 'dmb ish$'
    # The fence, then the look at the hazards.
    expect hazards cache_ext::core::retire_entries 'dmb ish$' 'bl .*HeldSet'
    expect hazards cache_ext::core::HeldSet::HeldSet "$acquire" "$acquire"
    expect memory 'cache_ext::core::(anonymous namespace)::clear_room' 'dmb ish$' 'bl .*HeldSet'
    expect hazards cache_ext::core::hazards_of 'bl .*_cas4_acq_rel|cas(al)? |ldaxr '
    # Odd, fence, what is written, even.
    expect tags cache_ext::core::register_writer 'str ' 'dmb ish$' 'stlr '
    expect tags cache_ext::core::distrust 'str ' 'dmb ish$' 'stlr '
    expect removal cache_ext::core::remove_entry 'str ' 'dmb ish$' 'stlr '
    expect budgets cache_ext::core::evict_locked 'str ' 'dmb ish$' 'stlr '
    expect publish 'cache_ext::core::(anonymous namespace)::link' 'str ' 'dmb ish$' 'stlr '
    # The guard, then the number; the id last.
    expect writers cache_ext::core::WriterRing::append 'stlr ' 'stlr '
    expect registry cache_ext::core::attach 'dmb ish$' 'stlr ' 'stlr '
    expect index cache_ext::core::bury_entry 'bl .*_cas4_acq_rel|cas(al)? |ldaxr '
    expect budgets cache_ext::core::collect_dead 'bl .*_swp4_acq_rel|swp(al)? |ldaxr '
}

unit_tests() {
    local tests test status=0
    make_arm64 -f test/unit/Makefile SANITIZER=none BUILD=build/arm64
    mapfile -t tests < <(find test/unit -name '*_test.cpp' -printf '%f\n' | sed 's/_test\.cpp$//' | LC_ALL=C sort)
    if [ -n "${TESTS:-}" ]; then read -r -a tests <<< "$TESTS"; fi
    for test in "${tests[@]}"; do
        echo "$test"
        in_root "$FOLDER" sh -c 'cd /cache_ext && exec timeout --foreground 900 qemu-aarch64 \
            -L /usr/aarch64-linux-gnu "$@"' test "build/arm64/${test}_test" --gtest_brief=1 2>&1 |
            tee "$LOGS/$test.log" || status=1
        tally_googletest "$LOGS/$test.log" || status=1
    done
    return "$status"
}

# shellcheck source=scripts/count.sh
source "$ROOT/scripts/count.sh"
TALLY=$(mktemp /tmp/cache_ext_tally.XXXXXX)
remove_tally() { rm -f "$TALLY"; }
on_exit remove_tally
mkdir -p "$LOGS"

heading "Dependencies"
scripts/install_dependencies.sh matrix
run prepare
heading "Build for ARM"
run build_library
heading "The instructions that order memory"
run check_instructions
heading "Unit tests under qemu, whose order of memory is this processor's"
run_job unit_tests
heading "Summary"
awk '{ p += $1; f += $2 } END { printf "%d passed, %d failed\n", p, f }' "$TALLY"
[ "$JOB_STATUS" -eq 0 ]
