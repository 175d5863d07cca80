#!/usr/bin/env bash
# memory_server.sh: builds the PostgreSQL that check-memory runs on, in build/memory, from the source
# package of the distribution, unless it is there already. It has assertions, fills memory that is
# handed out with junk and memory that is given back with 0x7f, and tells valgrind about both. Fails
# where no source package can be had.
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

readonly FOLDER=$ROOT/build/memory
readonly SERVER=$FOLDER/server
readonly DEFINES='-DCLOBBER_FREED_MEMORY -DRANDOMIZE_ALLOCATED_MEMORY -DUSE_VALGRIND'
readonly OPTIONS=(--enable-cassert --enable-debug --enable-tap-tests --with-icu --with-lz4
    --without-readline)

# Source packages beside the packages that apt knows, without a change of the system's settings.
apt_sources() {
    mkdir -p "$FOLDER/apt/lists/partial"
    # apt reads the lists as a user of its own.
    chmod 755 "$FOLDER" "$FOLDER/apt" "$FOLDER/apt/lists"
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        LC_ALL=C sort -u |
        awk '/debian/ { print "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] " $0 }' \
            > "$FOLDER/apt/sources.list"
    APT=(-q -o "Dir::Etc::SourceList=$FOLDER/apt/sources.list" -o Dir::Etc::SourceParts=-
        -o "Dir::State::Lists=$FOLDER/apt/lists" -o APT::Sandbox::User=root)
    apt-get "${APT[@]}" update
}

# The versions that can be had, the newest first. A mirror may list what it has not.
fetch_source() {
    local version
    if [ -n "${MEMORY_SOURCE:-}" ]; then
        cp -a "$MEMORY_SOURCE" "$FOLDER/source"
        return
    fi
    apt_sources
    mkdir -p "$FOLDER/package"
    cd "$FOLDER/package"
    for version in $(apt-cache "${APT[@]}" showsrc "postgresql-$PG_MAJOR" |
        sed -n 's/^Version: //p' | LC_ALL=C sort -rVu); do
        rm -rf -- *
        if apt-get "${APT[@]}" source "postgresql-$PG_MAJOR=$version"; then
            mv postgresql-"$PG_MAJOR"-*/ "$FOLDER/source"
            return
        fi
        echo "The mirror has no source of $version."
    done
    die "No source package of PostgreSQL $PG_MAJOR could be had, so nothing was checked. MEMORY_SOURCE=
may name a folder with its unpacked source."
}

# Whoever is to run it need not be able to enter our folder: a PostgreSQL may be moved as a whole.
build() {
    cd "$FOLDER/source"
    ./configure --quiet --prefix="$SERVER" "${OPTIONS[@]}" CFLAGS='-O1 -g' CPPFLAGS="$DEFINES"
    make -s -j "$(nproc)" all
    make -s install
    make -s -C contrib install
    make -s -C src/test/regress install
    make -s -C src/test/isolation install
    make -s -C src/test/perl install
}

wanted="$PG_MAJOR ${OPTIONS[*]} $DEFINES"
if [ "$(cat "$FOLDER/built" 2> /dev/null)" = "$wanted" ]; then
    echo "build/memory has $("$SERVER/bin/postgres" --version)"
    exit
fi
rm -rf "$SERVER" "$FOLDER/source" "$FOLDER/package" "$FOLDER/built"
mkdir -p "$FOLDER"
fetch_source
build > "$FOLDER/build.log" 2>&1 || {
    tail -n 30 "$FOLDER/build.log"
    die "PostgreSQL could not be built; see build/memory/build.log"
}
rm -rf "$FOLDER/source" "$FOLDER/package"
printf '%s\n' "$wanted" > "$FOLDER/built"
echo "built $("$SERVER/bin/postgres" --version)"
