# Throwaway clusters. Call find_postgres first.
#
# Everything of a run lives in one folder that only the server's user can enter: the copy of the
# extension, the clusters, their sockets and logs. A server is ours if it runs in there.
# shellcheck shell=bash
# shellcheck source=scripts/jobs.sh
source "$(dirname "${BASH_SOURCE[0]}")/jobs.sh"

SCRATCH=
SERVER_USER=

# PostgreSQL refuses to run as root.
choose_server_user() {
    if [ "$(id -u)" -ne 0 ]; then
        SERVER_USER=$(id -un)
    elif id postgres > /dev/null 2>&1; then
        SERVER_USER=postgres
    else
        SERVER_USER=nobody
    fi
}

# Runs a command as the unprivileged user, in the scratch folder unless we are in it already: the
# user may not be able to read where we are. Descriptors 8 and 9 are our locks: a server that
# inherited them would hold them.
as_server_user() (
    switch=()
    if [ "$(id -u)" -eq 0 ]; then
        switch=(setpriv "--reuid=$SERVER_USER" "--regid=$(id -g "$SERVER_USER")" --init-groups --)
    fi
    case $PWD/ in
        "$SCRATCH"/*) ;;
        *) cd "$SCRATCH" || exit ;;
    esac
    exec "${switch[@]}" env HOME="$SCRATCH" TMPDIR="$SCRATCH/tmp" USER="$SERVER_USER" \
        LOGNAME="$SERVER_USER" "$@" 8>&- 9>&-
)

# Makes the scratch folder. In /tmp whatever TMPDIR says: a socket's path is at most 107 bytes, and
# the server's user may not be able to enter ours.
scratch_create() {
    choose_server_user
    SCRATCH=$(mktemp -d "/tmp/cache_ext_$1.XXXXXX")
    mkdir "$SCRATCH/tmp"
    scratch_hand_over
    on_exit scratch_remove
    BEFORE_KILL=wait_for_initdb
}

# Gives what we put there to the server's user.
scratch_hand_over() {
    if [ "$(id -u)" -eq 0 ]; then
        chown -hR "$SERVER_USER:$(id -g "$SERVER_USER")" "$SCRATCH"
    fi
}

# scratch_processes NAME: prints the pids of PostgreSQL's program of that name that run in the
# scratch folder. Processes that vanish meanwhile are no error.
scratch_processes() {
    local link
    {
        find /proc -mindepth 2 -maxdepth 2 -name cwd \
            '(' -lname "$SCRATCH" -o -lname "$SCRATCH/*" ')' -printf '%h\n' 2> /dev/null || true
    } |
        while read -r link; do
            # A process under valgrind runs valgrind's program.
            case $(readlink "$link/exe") in
                "$PG_BINDIR/$1" | */memcheck-*) echo "${link#/proc/}" ;;
            esac
        done
}

# Waits for an initdb to finish. A signal kills its server outright, and shared memory would be left
# behind.
wait_for_initdb() {
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        [ -n "$(scratch_processes initdb)" ] || return 0
        sleep 0.1
    done
}

# Ends the servers, those included that were just starting when we were interrupted.
scratch_stop() {
    local pids quiet=0 tries
    for ((tries = 0; tries < 100 && quiet < 2; tries++)); do
        pids=$(scratch_processes postgres)
        if [ -z "$pids" ]; then
            quiet=$((quiet + 1))
        elif [ "$tries" -lt 50 ]; then
            # shellcheck disable=SC2086
            kill -QUIT $pids 2> /dev/null
        else
            # shellcheck disable=SC2086
            kill -KILL $pids 2> /dev/null
        fi
        sleep 0.1
    done
}

scratch_remove() {
    [ -n "$SCRATCH" ] || return 0
    scratch_stop
    rm -rf "$SCRATCH"
    SCRATCH=
}

# Whether the server has this setting.
server_knows() {
    as_server_user "$PG_BINDIR/postgres" -C "$1" -c config_file=/dev/null -D "$SCRATCH" \
        > /dev/null 2>&1
}

# extension_path PREFIX: the setting by which a server finds an extension that was installed below PREFIX; nothing
# where there is no such setting.
extension_path() {
    if server_knows extension_destdir; then
        echo "extension_destdir = '$1'"
    elif server_knows extension_control_path; then
        echo "extension_control_path = '$1$("$PG_CONFIG" --sharedir):\$system'"
    fi
}

# copy_sources FOLDER: what it takes to build the extension once more, in another way. What was built there stays.
copy_sources() {
    local name
    mkdir -p "$1/src"
    find "$1/src" -name '*.[ch]pp' -printf '%P\n' | while read -r name; do
        [ -e "$ROOT/src/$name" ] || rm "$1/src/$name"
    done
    # A part of another name would be one too many.
    rm -rf "$1/sql"
    # Not the objects: those there are of another build.
    tar -C "$ROOT" --exclude='*.[od]' -cf - Makefile cache_ext.control src sql | tar -C "$1" --keep-newer-files -xf - 2> /dev/null
}

# extension_install_below PREFIX FILE [FOLDER]: installs it there, from the folder that it was built in; FILE has the
# settings that a cluster needs to find it.
extension_install_below() {
    make -C "${3:-$ROOT}" --no-print-directory -s install DESTDIR="$1" || return
    cat > "$2" << END
$(extension_path "$1")
dynamic_library_path = '$1$("$PG_CONFIG" --pkglibdir):\$libdir'
END
}

# Puts the built extension where only our clusters see it. Debian's servers until 17 have extension_destdir
# for that, all since 18 extension_control_path; with any other, or with SYSTEM_INSTALL=1, it goes into PostgreSQL's own folders until we
# end, and those are kept locked (descriptor 9) against other runs of ours. Writes the settings that
# a cluster needs to find it to $SCRATCH/extension.conf. Not to be run as a job: the lock would end
# with it.
extension_install() {
    local settings=$SCRATCH/extension.conf path
    path=$(extension_path "$SCRATCH/extension")
    if [ -z "${SYSTEM_INSTALL:-}" ] && [ -n "$path" ]; then
        extension_install_below "$SCRATCH/extension" "$settings" || return
    else
        exec 9< "$("$PG_CONFIG" --sharedir)/extension"
        run_job flock 9
        if [ ! -e "$("$PG_CONFIG" --sharedir)/extension/cache_ext.control" ]; then
            on_exit extension_uninstall
        fi
        as_root make -C "$ROOT" --no-print-directory -s install PG_CONFIG="$PG_CONFIG" || return
        : > "$settings"
    fi
    scratch_hand_over
}

# scratch_with_extension NAME [VARIABLE=VALUE]...: builds the extension (for make: the variables), makes the
# scratch folder and installs the extension for it. One build of this tree at a time.
scratch_with_extension() {
    exec 8< "$ROOT"
    run flock 8
    run make -C "$ROOT" --no-print-directory -s -j "$(nproc)" "${@:2}" all
    scratch_create "$1"
    extension_install || die "The extension could not be installed."
    exec 8<&-
}

extension_uninstall() {
    (as_root make -C "$ROOT" --no-print-directory -s uninstall PG_CONFIG="$PG_CONFIG")
}

# cluster_start NAME [FILE]: starts a cluster with the extension preloaded and FILE's settings
# appended. Its socket is in $SCRATCH/NAME/socket, its log is $SCRATCH/NAME/log, its superuser is
# postgres. POSTGRES_PROGRAM is what runs as the server, if it is another than PG_CONFIG's.
cluster_start() {
    local base=$SCRATCH/$1 extra=${2:-/dev/null}
    as_server_user mkdir -p "$base/socket"
    as_server_user "$PG_BINDIR/initdb" --no-sync -A trust -U postgres --locale=C --encoding=UTF8 \
        -D "$base/data" > /dev/null
    cat "$SCRATCH/extension.conf" - "$extra" >> "$base/data/postgresql.conf" << END
listen_addresses = ''
unix_socket_directories = '$base/socket'
shared_preload_libraries = 'cache_ext'
fsync = off
END
    as_server_user "$PG_BINDIR/pg_ctl" start -w -s -t 300 -D "$base/data" -l "$base/log" \
        ${POSTGRES_PROGRAM:+-p "$POSTGRES_PROGRAM"} || {
        cat "$base/log"
        return 1
    }
}

cluster_stop() {
    as_server_user "$PG_BINDIR/pg_ctl" stop -w -s -t 300 -m fast -D "$SCRATCH/$1/data"
}

# cluster_psql NAME ARGUMENT...
cluster_psql() {
    as_server_user "$PG_BINDIR/psql" -X -q -v ON_ERROR_STOP=1 -h "$SCRATCH/$1/socket" -U postgres "${@:2}"
}
