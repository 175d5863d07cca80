#!/usr/bin/env python3
"""check_layers.py [--objects]: do dependencies point down only, and does the map name every unit?

Nor does anything but pg/base/compat look at PostgreSQL's version.

By the includes: a folder includes itself and the folders below it, and core nothing of a server. With
--objects, after a build, also by the names that the object files need of each other: no folder uses what is
above it, and no circle of units is left. A unit is a header and the source of the same name; what needs
nothing of another but types and inline functions is told by its includes. The map is
docs/architecture.md: a section for each folder, in this order, and in its table each unit once.

Prints what is wrong, a line each, and fails; otherwise what was looked at.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
MAP = ROOT / "docs" / "architecture.md"

# From the top down.
LAYERS = [
    ".",
    "worker",
    "pg/startup",
    "pg/sql",
    "pg/declare",
    "pg/ahead",
    "pg/read",
    "pg/write",
    "pg/ddl",
    "pg/load",
    "pg/catalog",
    "pg/pool",
    "pg/base",
    "core",
]
HEIGHT = {folder: len(LAYERS) - place for place, folder in enumerate(LAYERS)}

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^">]+)[">]', re.MULTILINE)


def layer(path):
    return path.parent.relative_to(SRC).as_posix()


def sources(ending):
    return sorted(path for path in SRC.rglob("*" + ending))


def unknown_folders():
    for path in sources(".?pp"):
        if layer(path) not in HEIGHT:
            yield f"{path.relative_to(ROOT)}: its folder has no place among the layers"


def includes(path):
    return INCLUDE.findall(path.read_text())


def forbidden_includes():
    for path in sources(".?pp"):
        here = layer(path)
        for kind, name in includes(path):
            target = SRC / name
            if kind == '"' and target.exists():
                if HEIGHT.get(layer(target), 0) > HEIGHT.get(here, 0):
                    yield f"{path.relative_to(ROOT)}: {here} must not include {name}"
            elif here == "core" and kind == '"':
                yield f"{path.relative_to(ROOT)}: core must not include {name}"


# How C++ could tell one PostgreSQL from another, when it is compiled or when it runs.
VERSION = re.compile(r"PG_VERSION|PG_MAJORVERSION|PG_MINORVERSION|CATALOG_VERSION_NO|server_version|PgVersion")


def version_tests():
    for path in sources(".?pp"):
        if unit(path) == "pg/base/compat":
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if VERSION.search(line):
                yield f"{path.relative_to(ROOT)}:{number}: only compat may look at PostgreSQL's version"


def unit(path):
    return path.relative_to(SRC).with_suffix("").as_posix()


def symbols(path):
    """The names that an object defines for others, and those it needs."""
    listing = subprocess.run(["nm", "--format=posix", path], check=True, capture_output=True, text=True)
    defined, needed = set(), set()
    for line in listing.stdout.splitlines():
        name, kind = line.split()[:2]
        if kind in "TDBR":
            defined.add(name)
        elif kind == "U":
            needed.add(name)
    return defined, needed


def uses():
    """unit -> {unit that it uses: one of the names}"""
    home, needs = {}, {}
    for source in sources(".cpp"):
        defined, needs[unit(source)] = symbols(source.with_suffix(".o"))
        home.update(dict.fromkeys(defined, unit(source)))
    graph = {}
    for user, names in needs.items():
        graph[user] = {home[name]: name for name in sorted(names) if name in home and home[name] != user}
    # A header's includes are its unit's; a source's are told by the names it needs.
    for header in sources(".hpp"):
        for kind, name in includes(header):
            if kind == '"' and (SRC / name).exists() and unit(SRC / name) != unit(header):
                graph.setdefault(unit(header), {}).setdefault(unit(SRC / name), f'#include "{name}"')
                graph.setdefault(unit(SRC / name), {})
    return graph


def plain(name):
    if name.startswith("#"):
        return name
    return subprocess.run(["c++filt", name], check=True, capture_output=True, text=True).stdout.strip()


def upward_uses(graph):
    for user, used in sorted(graph.items()):
        for other, name in sorted(used.items()):
            here, there = layer(SRC / user), layer(SRC / other)
            if HEIGHT.get(there, 0) > HEIGHT.get(here, 0):
                yield f"{user} must not use {other}: {plain(name)}"


def circles(graph):
    """Strongly connected components of more than one unit (R. Tarjan, 1972), without recursion."""
    index, low, stack, on_stack, found = {}, {}, [], set(), []
    for root in sorted(graph):
        if root in index:
            continue
        work = [(root, iter(sorted(graph[root])))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            for other in rest:
                if other not in index:
                    index[other] = low[other] = len(index)
                    stack.append(other)
                    on_stack.add(other)
                    work.append((other, iter(sorted(graph.get(other, {})))))
                    break
                if other in on_stack:
                    low[node] = min(low[node], index[other])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    circle = []
                    while not circle or circle[-1] != node:
                        circle.append(stack.pop())
                        on_stack.discard(circle[-1])
                    if len(circle) > 1:
                        found.append(sorted(circle))
    return found


def circle_lines(graph):
    for circle in circles(graph):
        yield f"a circle of {len(circle)}: {' '.join(circle)}"
        for user in circle:
            for other, name in sorted(graph[user].items()):
                if other in circle:
                    yield f"    {user} uses {other}: {plain(name)}"


def written(name, paths):
    """How the map names a unit: by its file, if it has but one."""
    return name if len(paths) > 1 else paths[0].name


def units_of(folder):
    files = {}
    for path in sources(".?pp"):
        if layer(path) == folder:
            files.setdefault(path.stem, []).append(path)
    return sorted(written(name, paths) for name, paths in files.items())


SECTION = re.compile(r"^### src(?:/(\S+))?\n(.*?)(?=^#|\Z)", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| (`[^|]*?) \|", re.MULTILINE)


def map_faults():
    sections = [(folder or ".", text) for folder, text in SECTION.findall(MAP.read_text())]
    if [folder for folder, _ in sections] != LAYERS:
        yield f"{MAP.name}: its sections are not the layers: {' '.join(folder for folder, _ in sections)}"
    for folder, text in sections:
        named = [name for cell in ROW.findall(text) for name in re.findall(r"`([^`]+)`", cell)]
        units = units_of(folder)
        for name in sorted({*named, *units}):
            if name not in units:
                yield f"{MAP.name}: {folder} has no unit {name}"
            elif named.count(name) != 1:
                yield f"{MAP.name}: {folder} has {name}, which is named {named.count(name)} times"


def main():
    wrong = [*unknown_folders(), *forbidden_includes(), *version_tests(), *map_faults()]
    told = f"{len(sources('.?pp'))} files in {len(LAYERS)} layers"
    if "--objects" in sys.argv[1:]:
        graph = uses()
        wrong += [*upward_uses(graph), *circle_lines(graph)]
        told += f", {sum(map(len, graph.values()))} uses between {len(graph)} units"
    for line in wrong:
        print(line)
    print(told)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
