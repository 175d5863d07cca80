#!/usr/bin/env bash
# image_tree.sh FOLDER: builds the extension for PG_MAJOR (or PG_CONFIG) and puts into FOLDER what a container image
# takes of it, in the layout that CloudNativePG mounts: lib/ and share/extension/. FOLDER must not be there, or be empty.
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

folder=${1:?usage: image_tree.sh FOLDER}
mkdir -p "$folder"
if [ -n "$(ls -A "$folder")" ]; then die "$folder is not empty."; fi
folder=$(cd "$folder" && pwd)
find_postgres

make -C "$ROOT" --no-print-directory -s -j "$(nproc)" all
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
make -C "$ROOT" --no-print-directory -s install DESTDIR="$stage"
mkdir -p "$folder/share"
mv "$stage$("$PG_CONFIG" --pkglibdir)" "$folder/lib"
mv "$stage$("$PG_CONFIG" --sharedir)/extension" "$folder/share/extension"
# Whoever debugs a server has it from a build of his own.
strip --strip-debug "$folder"/lib/*.so
left=$(find "$stage" -type f)
if [ -n "$left" ]; then die "This has no place in an image: $left"; fi
