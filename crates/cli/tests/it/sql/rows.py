"""Answers queries with DuckDB over the tables that the `deltalake` package opens, by the reader rule of the format's page.

    rows.py ARCHIVE QUERIES.sql    one line of JSON a query: its rows, each an object
"""
import datetime
import decimal
import json
import os
import pathlib
import re
import sys

import deltalake
import duckdb

catalog = pathlib.Path(sys.argv[1], "catalog")
db = duckdb.connect()
names = sorted(path.parent.name for path in catalog.glob("*/_delta_log"))
# The version of `files` first, those of the others after it.
for name in ["files", *(name for name in names if name != "files")]:
    db.register(f"all_{name}", deltalake.DeltaTable(catalog / name).to_pyarrow_dataset())
    db.sql(f"""CREATE VIEW {name} AS SELECT * FROM all_{name} AS r WHERE r.job IS NULL
               OR EXISTS (SELECT 1 FROM all_files AS f WHERE f.job = r.job AND f.batch = r.batch)""")


def plain(value):
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()[:10]
    return value


text = re.sub(r"^--.*$", "", pathlib.Path(sys.argv[2]).read_text(), flags=re.MULTILINE)
for query in filter(str.strip, text.split(";\n")):
    answer = db.sql(query)
    rows = [dict(zip(answer.columns, map(plain, row))) for row in answer.fetchall()]
    print(json.dumps(rows), flush=True)
# The packages' own threads may abort an orderly end.
os._exit(0)
