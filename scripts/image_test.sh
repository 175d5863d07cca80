#!/usr/bin/env bash
# image_test.sh: a server of PG_MAJOR, from 18 on, that has cache_ext from the tree of the container image and from
# nowhere else, as under CloudNativePG: a hit, an invalidation, a worker. And that the tree has nothing else.
# shellcheck source=scripts/cluster.sh
source "$(dirname "${BASH_SOURCE[0]}")/cluster.sh"
cd "$ROOT"

find_postgres
version=$(sed -n "s/^default_version *= *'\(.*\)'.*/\1/p" cache_ext.control)

expected_files() {
    echo lib/cache_ext.so
    echo share/extension/cache_ext.control
    echo "share/extension/cache_ext--$version.sql"
    find sql -path 'sql/upgrade/*' -name 'cache_ext--*--*.sql' -printf 'share/extension/%f\n'
}

check_tree() {
    local tree=$1
    diff <(expected_files | LC_ALL=C sort) <(find "$tree" '!' -type d -printf '%P\n' | LC_ALL=C sort) ||
        { echo "the tree (>) is not what an image takes (<)"; return 1; }
    # What libraries the image's server has is not ours to choose.
    if ldd "$tree/lib/cache_ext.so" | grep -vE '^[[:space:]]*(linux-vdso\.so|lib[cm]\.so|/lib)'; then
        echo "cache_ext.so needs more than libc"
        return 1
    fi
    echo "$(find "$tree" -type f | wc -l) files, $(du -sk "$tree" | cut -f1) kB"
}

# says SQL WANTED: what a server answers at once.
says() {
    local answer
    answer=$(cluster_psql mounted -d postgres -At -c "$1")
    if [ "$answer" != "$2" ]; then
        echo "not ok: $1 says $answer, not $2"
        return 1
    fi
    echo "ok: $1"
}

# becomes SQL WANTED: the same, within a minute.
becomes() {
    local tries
    for ((tries = 0; tries < 600; tries++)); do
        if says "$1" "$2" > /dev/null; then break; fi
        sleep 0.1
    done
    says "$@"
}

smoke() {
    cluster_psql mounted -d postgres -o /dev/null << 'END'
CREATE EXTENSION cache_ext;
CREATE TABLE item (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO item VALUES (1, 10), (2, 20);
CREATE FUNCTION load_item(id int) RETURNS int LANGUAGE sql STABLE AS 'SELECT n FROM item AS i WHERE i.id = $1';
BEGIN;
SELECT cache_create('item', 'load_item(int)', ttl => '1 h', warm_keys => 'SELECT id FROM item', warm_every => '1 h');
SELECT cache_invalidate_on('item', 'item', '{id}');
COMMIT;
END
    says "SELECT count(*) FROM pg_extension WHERE extname = 'cache_ext' AND extversion = '$version'" 1
    says 'SELECT cache_get_item(1)' 10
    says "SELECT value::text || ' ' || source FROM cache_get_entry('item', 1)" '10 cache'
    cluster_psql mounted -d postgres -c 'UPDATE item SET n = 11 WHERE id = 1'
    says 'SELECT cache_get_item(1)' 11
    says "SELECT value::text || ' ' || source FROM cache_get_entry('item', 1)" '11 cache'
    # The key that nobody has asked for was loaded by a worker.
    becomes "SELECT state FROM cache_entries WHERE key = '2'" live
    becomes "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'cache_ext launcher'" 1
    says "SELECT count(*) FROM cache_health WHERE status <> 'ok'" 0
    # It is the image's library that runs, by one path, also for pg_upgrade, which asks for it like this.
    cluster_psql mounted -d postgres -c "LOAD 'cache_ext'"
    says "SELECT string_agg(DISTINCT probin, ' ') FROM pg_proc WHERE probin LIKE '%cache_ext%'" cache_ext
    says "SELECT pg_read_file('/proc/self/maps') LIKE '%$SCRATCH/image/lib/cache_ext.so%'" t
}

test_image() {
    local installed
    installed=$("$PG_CONFIG" --sharedir)/extension/cache_ext.control
    if [ -e "$installed" ]; then die "cache_ext is installed here, too."; fi
    if ! server_knows extension_control_path; then die "$("$PG_CONFIG" --version) has no extension_control_path."; fi
    chmod -R a-w "$SCRATCH/image"
    cat > "$SCRATCH/extension.conf" << END
extension_control_path = '\$system:$SCRATCH/image/share'
dynamic_library_path = '\$libdir:$SCRATCH/image/lib'
END
    cluster_start mounted
    smoke
    cluster_stop mounted
}

heading "The tree of the image"
scratch_create image
run scripts/image_tree.sh "$SCRATCH/image"
run check_tree "$SCRATCH/image"
scratch_hand_over
heading "A server with it"
run test_image
echo "$("$PG_CONFIG" --version): the image's tree works"
