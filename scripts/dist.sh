#!/usr/bin/env bash
# dist.sh: makes the archive for PGXN, build/cache_ext-VERSION.zip, of the tag vVERSION if there is one, else of what
# was committed last. The version, in three numbers, is that of the control file.
# shellcheck source=scripts/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

scripts/check_version.sh
version=$(release_version)
tag=v$version
name=cache_ext-$version
# The sources could be unpacked inside of somebody else's repository.
if [ "$(git rev-parse --show-toplevel 2> /dev/null)" != "$(pwd -P)" ]; then
    die "This folder is no clone of the repository."
fi
if git rev-parse --quiet --verify "refs/tags/$tag^{commit}" > /dev/null; then
    commit=refs/tags/$tag
    echo "From the tag $tag."
else
    commit=HEAD
    echo "There is no tag $tag: this is HEAD, $(git rev-parse --short HEAD)."
    if ! git diff --quiet HEAD --; then echo "What is not committed is not in it."; fi
fi
# The tag may be of a time when the version was another.
in_commit=$(git show "$commit:cache_ext.control" | sed -n "s/^default_version *= *'\(.*\)'.*/\1/p")
if [ "$in_commit" != "$(extension_version)" ]; then die "There the version is $in_commit, not $(extension_version)."; fi
mkdir -p build
git archive --format=zip --prefix="$name/" --output="build/$name.zip" "$commit"
echo "build/$name.zip"
