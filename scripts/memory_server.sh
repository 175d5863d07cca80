#!/usr/bin/env bash
# memory_server.sh: builds the PostgreSQL that check-memory runs on, in build/memory/server, from the
# distribution's source package, unless it is there already. It has assertions, fills memory that is
# handed out with junk and what is given back with 0x7f, and tells valgrind about both.
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/postgres_source.sh
source "$ROOT/scripts/postgres_source.sh"

readonly FOLDER=$ROOT/build/memory
readonly SERVER=$FOLDER/server
# Assertions bring CLOBBER_FREED_MEMORY with them.
readonly DEFINES='-DRANDOMIZE_ALLOCATED_MEMORY -DUSE_VALGRIND'
OPTIONS=(--enable-cassert --enable-debug --enable-tap-tests --with-icu --with-lz4 --with-libxml
    --without-readline)
PARTS=(. contrib src/test/regress src/test/isolation src/test/perl)
# With points at which a test can hold a transaction, from the major that has them.
if [ "$PG_MAJOR" -ge 17 ]; then
    OPTIONS+=(--enable-injection-points)
    PARTS+=(src/test/modules/injection_points)
fi
readonly OPTIONS PARTS

# The distribution's folders are not ours: its patch that names them is taken back, and everything is
# installed below a folder of our own first, so that nothing can land elsewhere.
build() {
    local part stage=$FOLDER/stage
    cd "$FOLDER/source"
    if [ -e debian/patches/50-per-version-dirs.patch ]; then
        patch -R -p1 < debian/patches/50-per-version-dirs.patch
    fi
    ./configure --quiet --prefix="$SERVER" "${OPTIONS[@]}" CFLAGS='-O1 -g' CPPFLAGS="$DEFINES"
    grep -q 'define CLOBBER_FREED_MEMORY' src/include/pg_config_manual.h
    make -s -j "$(nproc)" all
    for part in "${PARTS[@]}"; do
        make -s -C "$part" install DESTDIR="$stage"
    done
    mv "$stage$SERVER" "$SERVER"
    if [ -n "$(find "$stage" '!' -type d)" ]; then die "some of it belongs elsewhere"; fi
}

wanted="$PG_MAJOR ${OPTIONS[*]} $DEFINES"
if [ "$(cat "$FOLDER/built" 2> /dev/null)" = "$wanted" ]; then
    echo "build/memory has $("$SERVER/bin/postgres" --version)"
    exit
fi
rm -rf "$SERVER" "$FOLDER/source" "$FOLDER/stage" "$FOLDER/built"
postgres_source "$FOLDER"
# In a shell of its own: where its status is asked for, bash would go on after an error.
(build) > "$FOLDER/build.log" 2>&1 &
wait $! || {
    tail -n 30 "$FOLDER/build.log"
    die "PostgreSQL could not be built; see build/memory/build.log"
}
rm -rf "$FOLDER/source" "$FOLDER/stage"
printf '%s\n' "$wanted" > "$FOLDER/built"
echo "built $("$SERVER/bin/postgres" --version)"
