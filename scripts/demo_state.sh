# What `make demo KEEP=1` leaves for `make demo-stop`: a file with the demo's scratch folder. Source
# cluster.sh first.
# shellcheck shell=bash

DEMO_STATE=${XDG_RUNTIME_DIR:-/tmp}/cache_ext_demo.$(id -u)

# Sets SCRATCH to the folder of the demo that was left running. In /tmp anybody can have made the
# file: it counts only if it is ours, no link, and names a folder such as demo.sh makes, which
# nobody but the server's user could have made.
demo_find() {
    local folder
    [ -f "$DEMO_STATE" ] && [ ! -L "$DEMO_STATE" ] && [ -O "$DEMO_STATE" ] || return 1
    read -r folder < "$DEMO_STATE" || return 1
    [[ $folder =~ ^/tmp/cache_ext_demo\.[A-Za-z0-9]{6}$ ]] || return 1
    choose_server_user
    [ -d "$folder" ] && [ ! -L "$folder" ] || return 1
    [ "$(stat -c %U "$folder")" = "$SERVER_USER" ] || return 1
    SCRATCH=$folder
}

demo_remember() {
    rm -f "$DEMO_STATE"
    (
        umask 077
        set -o noclobber
        echo "$SCRATCH" > "$DEMO_STATE"
    )
}
