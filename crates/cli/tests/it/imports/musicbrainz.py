"""Puts MusicBrainz entities into archives shaped as the dumps are, and counts what an import must find in them.

usage: musicbrainz.py ENTITIES OUT

Written without a look at the importer: from the description of the dumps, and of what goes into which table.
"""

import collections
import io
import json
import lzma
import pathlib
import sys
import tarfile

ENTITIES = ["artist", "label", "recording", "release", "release-group"]


def tracks(release):
    for medium in release.get("media") or []:
        if medium.get("pregap"):
            yield medium["pregap"]
        for key in ("tracks", "track", "data-tracks"):
            yield from medium.get(key) or []


def supplements(entity):
    told = [x for key in ("genres", "tags") for x in entity.get(key) or [] if x.get("name") and (x.get("count") or 1) > 0]
    rating = entity.get("rating") or {}
    return len(told) + (rating.get("value") is not None) + bool(entity.get("annotation"))


def count(kind, entities):
    found = collections.Counter(read=len(entities))
    # Some stand in several files; said again, they add nothing.
    named = list({x["id"]: x for x in reversed(entities) if x.get("id")}.values())
    found["passed_over"] = len(entities) - len(named)
    if kind == "artist":
        found["artists"] = len(named)
    elif kind == "recording":
        found["tracks"] = len(named)
    elif kind == "release-group":
        found["albums"] = len(named)
    elif kind == "release":
        found["albums"] = len(named)
        found["tracks"] = sum(1 for release in named for track in tracks(release) if track.get("id"))
    found["supplements"] = sum(map(supplements, named)) + (len(named) if kind == "label" else 0)
    for table in ("artists", "albums", "tracks", "supplements"):
        found.setdefault(table, 0)
    return found


def add(archive, name, text):
    info = tarfile.TarInfo(name)
    info.size = len(text)
    archive.addfile(info, io.BytesIO(text))


def main():
    source, out = map(pathlib.Path, sys.argv[1:])
    by_kind = collections.defaultdict(list)
    for path in sorted(source.glob("*.json")):
        name = path.stem.replace("_", "-")
        kind = max((kind for kind in ENTITIES if name.startswith(kind)), key=len)
        by_kind[kind].append(json.loads(path.read_text()))
    lines = {kind: "".join(json.dumps(x, ensure_ascii=False) + "\n" for x in xs).encode() for kind, xs in by_kind.items()}
    stamp = ("TIMESTAMP", b"2026-11-18 00:10:01.123456+00\n")
    for name, kinds in [("all", sorted(lines))] + [(kind, [kind]) for kind in lines]:
        with lzma.open(out / f"{name}.tar.xz", "w") as packed, tarfile.open(fileobj=packed, mode="w|") as archive:
            add(archive, *stamp)
            for kind in kinds:
                add(archive, f"mbdump/{kind}", lines[kind])
    print(json.dumps({kind: count(kind, xs) for kind, xs in by_kind.items()}))


main()
