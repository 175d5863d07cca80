#!/usr/bin/env bash
# check_image.sh: the tree that images/Dockerfile.cnpg makes an image of, under a server of the newest PostgreSQL that
# is announced, in a Debian of its own (debian_root.sh). It takes no container engine: what the Dockerfiles do beside
# scripts/image_tree.sh is not tested.
# shellcheck source=scripts/jobs.sh
source "$(dirname "${BASH_SOURCE[0]}")/jobs.sh"
# shellcheck source=scripts/debian_root.sh
source "$ROOT/scripts/debian_root.sh"
cd "$ROOT"

readonly MAJOR=18
readonly TREE=cache_ext_image

test_image() {
    local folder=$ROOTS/$MAJOR releases
    read -r -a releases <<< "$(sed -n "s/^always $MAJOR //p" scripts/majors)"
    open_root "$folder" "$TREE" "$MAJOR" "${releases[@]}"
    in_root "$folder" PG_MAJOR="$MAJOR" "/$TREE/scripts/install_dependencies.sh" server
    in_root "$folder" PG_MAJOR="$MAJOR" "/$TREE/scripts/image_test.sh"
}

heading "Dependencies"
scripts/install_dependencies.sh matrix
heading "PostgreSQL $MAJOR"
run test_image
