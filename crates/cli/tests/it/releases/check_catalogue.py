"""Reads the tables of a release as anybody would: checksums, the data package, the queries that come with it, and the delta.

    check_catalogue.py FOLDER [PREVIOUS]    one JSON object; fails where anything is not as it says
"""
import hashlib
import json
import os
import pathlib
import sys

import duckdb

folder = pathlib.Path(sys.argv[1]).resolve()
previous = pathlib.Path(sys.argv[2]).resolve() if len(sys.argv) > 2 else None
os.chdir(folder)
db = duckdb.connect()

listed = dict(reversed(line.split("  ", 1)) for line in pathlib.Path("SHA256SUMS").read_text().splitlines())
there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
assert set(listed) == there - {"SHA256SUMS"}, set(listed) ^ there
for name, sha256 in listed.items():
    assert hashlib.sha256(pathlib.Path(name).read_bytes()).hexdigest() == sha256, name

package = json.loads(pathlib.Path("datapackage.json").read_text())
assert package["name"] and package["licenses"][0]["name"] == "CC0-1.0"
names = [resource["name"] for resource in package["resources"]]
assert len(names) == len(set(names)) and set(there) >= {resource["path"] for resource in package["resources"]}
for resource in package["resources"]:
    path = resource["path"]
    assert os.path.getsize(path) == resource["bytes"], path
    assert resource["hash"] == "sha256:" + listed[path], path
    if resource["format"] == "parquet":
        columns = [row[0] for row in db.sql(f"DESCRIBE SELECT * FROM '{path}'").fetchall()]
        assert columns == [field["name"] for field in resource["schema"]["fields"]], path
        assert set(resource["schema"]["primaryKey"]) <= set(columns), path
        keys = ", ".join(resource["schema"]["primaryKey"])
        rows, distinct = db.sql(f"SELECT count(*), count(DISTINCT ({keys})) FROM '{path}'").fetchall()[0]
        assert rows == distinct == resource["rows"], path
    elif resource["rows"]:
        rows = db.sql(f"SELECT count(*) FROM read_json('{path}', format='newline_delimited')").fetchall()[0][0]
        assert rows == resource["rows"], path

for query in sorted(pathlib.Path("queries").glob("*.sql")):
    assert db.sql(query.read_text()).fetchall(), query

counts = {"added": 0, "changed": 0, "removed": 0}
if previous:
    for resource in package["resources"]:
        if not resource["path"].startswith("full/") or resource["format"] != "parquet":
            continue
        table = resource["path"]
        delta = table.replace("full/", "delta/")
        key = ", ".join(resource["schema"]["primaryKey"])
        db.sql(f"""CREATE OR REPLACE TEMP TABLE made AS
            SELECT * FROM '{previous}/{table}' WHERE ({key}) NOT IN (SELECT ({key}) FROM '{delta}')
            UNION ALL SELECT * EXCLUDE (change) FROM '{delta}' WHERE change <> 'removed'""")
        for one, other in [("made", f"'{table}'"), (f"'{table}'", "made")]:
            assert not db.sql(f"SELECT * FROM {one} EXCEPT ALL SELECT * FROM {other}").fetchall(), table
        for change, count in db.sql(f"SELECT change, count(*) FROM '{delta}' GROUP BY change").fetchall():
            counts[change] += count
print(json.dumps(counts))
