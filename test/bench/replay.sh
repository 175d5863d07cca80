#!/usr/bin/env bash
# replay.sh PROGRAM FOLDER: replays every *.trace.xz of the folder. Its README.md may have a table
# whose rows begin with a trace's name and end with the miss ratios to expect, as .578/.416.
set -euo pipefail

program=$1
folder=${2:?give the folder of the traces as TRACES=}
status=0
for file in "$folder"/*.trace.xz; do
    name=$(basename "$file" .trace.xz)
    expected=
    if [ -r "$folder/README.md" ]; then
        expected=$(awk -F'|' -v name="$name" \
            '$2 ~ "^ *" name " *$" && $(NF - 1) ~ "/" { sub("/", " ", $(NF - 1)); print $(NF - 1) }' \
            "$folder/README.md")
    fi
    # shellcheck disable=SC2086 # two words, or none
    xz -dc "$file" | "$program" "$name" $expected || status=1
done
exit "$status"
