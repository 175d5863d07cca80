#!/usr/bin/env python3
"""check_meta.py VERSION FILE: is META.json what PGXN's meta specification 1.0.0 asks for? Nobody is asked for it.

VERSION is the extension's, FILE the install script, which the archive does not have before it is built."""
import json
import os
import re
import sys

SEMANTIC = r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)([-A-Za-z][-0-9A-Za-z]*)?"
LICENSES = set(
    "agpl_3 apache_1_1 apache_2_0 artistic_1 artistic_2 bsd freebsd gfdl_1_2 gfdl_1_3 gpl_1 gpl_2 gpl_3 "
    "lgpl_2_1 lgpl_3_0 mit mozilla_1_0 mozilla_1_1 openssl perl_5 postgresql qpl_1_0 ssleay sun zlib open_source "
    "restricted unrestricted unknown".split()
)
PHASES = {"configure", "build", "test", "runtime", "develop"}
RELATIONS = {"requires", "recommends", "suggests", "conflicts"}
REQUIRED = {"name", "version", "abstract", "maintainer", "license", "provides", "meta-spec"}
OPTIONAL = {"description", "generated_by", "no_index", "prereqs", "release_status", "resources", "tags"}

problems = []


def check(condition, message):
    if not condition:
        problems.append(f"META.json: {message}")
    return bool(condition)


def is_text(value):
    return isinstance(value, str) and value.strip() != ""


def is_term(value):
    """A name, of a distribution, an extension or what one needs: two characters at least, no slash, no blank."""
    return isinstance(value, str) and len(value) >= 2 and not re.search(r"[\s/\\\x00-\x1f\x7f]", value)


def is_version(value):
    return isinstance(value, str) and re.fullmatch(SEMANTIC, value) is not None


def is_range(value):
    """One version, or several with comparisons; 0 for any."""
    if value in (0, "0"):
        return True
    part = rf"\s*(<=|<|>=|>|==|!=)?\s*{SEMANTIC}\s*"
    return isinstance(value, str) and all(re.fullmatch(part, p) for p in value.split(","))


def is_url(value):
    return isinstance(value, str) and re.fullmatch(r"[a-z][a-z0-9+.-]*://\S+", value) is not None


def is_tag(value):
    return is_text(value) and len(value) <= 255 and not re.search(r"[/\\\x00-\x1f]", value)


def is_path(value):
    return is_text(value) and not value.startswith("/") and "\\" not in value and ".." not in value.split("/")


def texts(value):
    return value if isinstance(value, list) else [value]


def keys(where, value, allowed):
    if check(isinstance(value, dict), f"{where} is no object"):
        for key in value:
            check(key in allowed or re.match(r"[xX]_", key), f"{where} may not have {key}")
        return True
    return False


def licence(value):
    if isinstance(value, dict):
        return check(value and all(is_text(k) and is_url(v) for k, v in value.items()), "license names no addresses")
    return check(value and all(v in LICENSES for v in texts(value)), f"license {value} is none that PGXN knows")


def provides(value, script):
    if not check(isinstance(value, dict) and value, "provides nothing"):
        return
    for name, extension in value.items():
        where = f"provides.{name}"
        check(is_term(name), f"{where} is no name")
        if not keys(where, extension, {"file", "version", "abstract", "docfile"}):
            continue
        check(is_version(extension.get("version")), f"{where}.version is not three numbers")
        check("abstract" not in extension or is_text(extension["abstract"]), f"{where}.abstract is empty")
        file = extension.get("file")
        check(is_path(file) and (file == script or os.path.isfile(file)), f"{where}.file: there is no {file}")
        if "docfile" in extension:
            file = extension["docfile"]
            check(is_path(file) and os.path.isfile(file), f"{where}.docfile: there is no {file}")


def prereqs(value):
    if not keys("prereqs", value, PHASES):
        return
    for phase, relations in value.items():
        if not keys(f"prereqs.{phase}", relations, RELATIONS):
            continue
        for relation, needed in relations.items():
            where = f"prereqs.{phase}.{relation}"
            if not check(isinstance(needed, dict), f"{where} is no object"):
                continue
            for name, versions in needed.items():
                check(is_term(name) and is_range(versions), f"{where}.{name}: {versions} is no range of versions")


def resources(value):
    if not keys("resources", value, {"homepage", "bugtracker", "repository"}):
        return
    check("homepage" not in value or is_url(value["homepage"]), "resources.homepage is no address")
    tracker = value.get("bugtracker", {})
    if keys("resources.bugtracker", tracker, {"web", "mailto"}):
        check("web" not in tracker or is_url(tracker["web"]), "resources.bugtracker.web is no address")
        mail = tracker.get("mailto", "a@b")
        check(is_text(mail) and "@" in mail, "resources.bugtracker.mailto is no address")
    repository = value.get("repository", {})
    if keys("resources.repository", repository, {"url", "web", "type"}):
        for key in ("url", "web"):
            check(key not in repository or is_url(repository[key]), f"resources.repository.{key} is no address")
        kind = repository.get("type", "git")
        check(is_text(kind) and kind == kind.lower(), "resources.repository.type is not in small letters")


def specification(value):
    if keys("meta-spec", value, {"version", "url"}):
        check(value.get("version") == "1.0.0", "meta-spec.version is not 1.0.0")
        url = value.get("url", "https://pgxn.org/meta/spec.txt")
        check(re.fullmatch(r"https?://pgxn\.org/meta/spec\.txt", str(url)), "meta-spec.url is not the specification's")


def whole(meta, script):
    for key in sorted(REQUIRED - set(meta)):
        check(False, f"{key} is missing")
    keys("the whole", meta, REQUIRED | OPTIONAL)
    check(is_term(meta.get("name")), "name is no name")
    check(is_version(meta.get("version")), "version is not three numbers")
    check(is_text(meta.get("abstract")), "abstract is empty")
    maintainers = texts(meta.get("maintainer"))
    check(maintainers and all(map(is_text, maintainers)), "maintainer is empty")
    licence(meta.get("license"))
    provides(meta.get("provides"), script)
    specification(meta.get("meta-spec"))
    for key in ("description", "generated_by"):
        check(key not in meta or is_text(meta[key]), f"{key} is empty")
    status = meta.get("release_status", "stable")
    check(status in ("stable", "testing", "unstable"), f"release_status may not be {status}")
    tags = meta.get("tags", [])
    check(isinstance(tags, list) and all(map(is_tag, tags)), "tags are not texts of 255 characters, without slashes")
    if "no_index" in meta and keys("no_index", meta["no_index"], {"file", "directory"}):
        for kind, files in meta["no_index"].items():
            check(all(map(is_path, texts(files))), f"no_index.{kind} is no list of paths")
    if "prereqs" in meta:
        prereqs(meta["prereqs"])
    if "resources" in meta:
        resources(meta["resources"])


def no_twice(pairs):
    for name in {k for k, _ in pairs if [p[0] for p in pairs].count(k) > 1}:
        check(False, f"{name} is there twice")
    return dict(pairs)


def main():
    script = sys.argv[2]
    try:
        with open("META.json", encoding="utf-8") as file:
            meta = json.load(file, object_pairs_hook=no_twice)
    except ValueError as error:
        sys.exit(f"META.json is no JSON: {error}")
    if check(isinstance(meta, dict), "it is no object"):
        whole(meta, script)
    if not problems:
        print(f"META.json is as PGXN wants it, for cache_ext {sys.argv[1]}")
    sys.exit("\n".join(problems) if problems else 0)


main()
