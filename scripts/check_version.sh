#!/usr/bin/env bash
# check_version.sh: META.json must name the version that the control file names.
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

python3 - << 'END'
import json
import re
import sys

control = open("cache_ext.control").read()
version = re.search(r"^default_version *= *'([^']+)'", control, re.M).group(1)
# PGXN wants three numbers, PostgreSQL is content with two.
semantic = version + ".0" * (2 - version.count("."))
meta = json.load(open("META.json"))
extension = meta["provides"]["cache_ext"]
expected = {
    "version": (meta["version"], semantic),
    "provides.cache_ext.version": (extension["version"], semantic),
    "provides.cache_ext.file": (extension["file"], f"sql/cache_ext--{version}.sql"),
}
wrong = {name: pair for name, pair in expected.items() if pair[0] != pair[1]}
for name, (found, wanted) in wrong.items():
    print(f"META.json: {name} is {found}, by cache_ext.control it should be {wanted}")
if wrong:
    sys.exit(1)
print(f"version {version} everywhere")
END
