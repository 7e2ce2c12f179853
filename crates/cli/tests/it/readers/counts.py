"""Counts what is in an archive with DuckDB over the tables that the `deltalake` package opens, from the format's page alone.

    counts.py ARCHIVE    one JSON object, with the names of `fonoteca stats --json`, and `hidden`: tracks that do not count
"""
import json
import os
import pathlib
import sys

import deltalake
import duckdb

catalog = pathlib.Path(sys.argv[1], "catalog")
db = duckdb.connect()


def table(name):
    rows = deltalake.DeltaTable(catalog / name).to_pyarrow_dataset()
    db.register(f"all_{name}", rows)
    db.sql(f"""CREATE VIEW {name} AS SELECT * FROM all_{name} AS r WHERE r.job IS NULL
               OR EXISTS (SELECT 1 FROM all_files AS f WHERE f.job = r.job AND f.batch = r.batch)""")


def number(query):
    return int(db.sql(query).fetchall()[0][0] or 0)


# The version of `files` first, those of the others after it.
for name in ["files", "artists", "albums", "tracks", "links", "listens", "blobs", "events"]:
    table(name)

latest = dict(db.sql("""SELECT from_id, arg_max(to_id, {'moment': "at", 'id': id}) FROM links WHERE entity = 'recording'
    AND id NOT IN (SELECT supersedes FROM links WHERE supersedes IS NOT NULL) GROUP BY from_id""").fetchall())


def recording(track):
    seen = [track]
    while (after := latest.get(seen[-1], seen[-1])) != seen[-1]:
        if after in seen:
            return min(seen[seen.index(after):])
        seen.append(after)
    return seen[-1]


print(json.dumps({
    "artists": number("SELECT count(*) FROM artists"),
    "albums": number("SELECT count(*) FROM albums"),
    "tracks": number("SELECT count(*) FROM tracks"),
    "recordings": len({recording(id) for (id,) in db.sql("SELECT id FROM tracks").fetchall()}),
    "files": number("SELECT count(*) FROM files"),
    "blobs": number("SELECT count(*) FROM blobs"),
    "bytes": number("SELECT sum(size) FROM blobs"),
    "malformed": number("SELECT count(*) FROM files WHERE state = 'malformed'"),
    "damaged": number("""SELECT count(*) FROM (SELECT arg_max(outcome, {'moment': "at", 'id': id}) AS last FROM events
        WHERE kind = 'fixity check' AND subject_kind = 'blob' GROUP BY subject) WHERE last = 'failure'"""),
    "listens": number("""SELECT sum(last) FROM (SELECT arg_max("count", {'moment': as_of, 'n': "count"}) AS last FROM listens
        GROUP BY recording_id)"""),
    "hidden": number("SELECT (SELECT count(*) FROM all_tracks) - (SELECT count(*) FROM tracks)"),
}), flush=True)
# The packages' own threads may abort an orderly end.
os._exit(0)
