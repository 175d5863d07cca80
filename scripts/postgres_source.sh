# PostgreSQL's source, from the distribution's source package. Source common.sh first.
# shellcheck shell=bash

# postgres_source FOLDER: has it in FOLDER/source, unless it is there already. POSTGRES_SOURCE names a
# folder that has it, for machines without source packages. Fails where it cannot be had.
postgres_source() {
    local folder=$1 version apt
    if [ -e "$folder/source/configure" ]; then return; fi
    mkdir -p "$folder"
    if [ -n "${POSTGRES_SOURCE:-}" ]; then
        cp -a "$POSTGRES_SOURCE" "$folder/source"
        return
    fi
    # Beside the packages that apt knows, without a change of the system's settings; apt reads the
    # lists as a user of its own.
    mkdir -p "$folder/apt/lists/partial" "$folder/package"
    chmod 755 "$folder" "$folder/apt" "$folder/apt/lists"
    # shellcheck disable=SC2016
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        LC_ALL=C sort -u |
        awk '/debian/ { print "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] " $0 }' \
            > "$folder/apt/sources.list"
    apt=(-q -o "Dir::Etc::SourceList=$folder/apt/sources.list" -o Dir::Etc::SourceParts=-
        -o "Dir::State::Lists=$folder/apt/lists" -o APT::Sandbox::User=root)
    apt-get "${apt[@]}" update
    # The newest first. A mirror may list what it has not.
    for version in $(apt-cache "${apt[@]}" showsrc "postgresql-$PG_MAJOR" |
        sed -n 's/^Version: //p' | LC_ALL=C sort -rVu); do
        rm -rf "$folder"/package/*
        if (cd "$folder/package" && apt-get "${apt[@]}" source "postgresql-$PG_MAJOR=$version"); then
            mv "$folder/package/postgresql-$PG_MAJOR"-*/ "$folder/source"
            rm -rf "$folder/package"
            return
        fi
        echo "The mirror has no source of $version."
    done
    die "No source package of PostgreSQL $PG_MAJOR could be had; POSTGRES_SOURCE may name a folder with its source."
}
