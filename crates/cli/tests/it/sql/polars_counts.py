"""Counts the rows that count of every table with Polars, by the reader rule of the format's page.

    polars_counts.py ARCHIVE    one JSON object: {table: [rows, sum of the lengths of what is text]}
"""
import json
import pathlib
import sys

import polars as pl

catalog = pathlib.Path(sys.argv[1], "catalog")
batches = pl.read_delta(str(catalog / "files")).select("job", "batch").drop_nulls().unique()
counted = {}
for folder in sorted(path.parent for path in catalog.glob("*/_delta_log")):
    rows = pl.scan_delta(str(folder))
    alone = rows.filter(pl.col("job").is_null())
    of_batch = rows.join(batches.lazy(), on=["job", "batch"], how="semi")
    both = pl.concat([alone, of_batch], how="vertical_relaxed").collect()
    texts = [both[name].str.len_chars().sum() or 0 for name, kind in both.schema.items()
             if kind == pl.String and name != "job"]
    counted[folder.name] = [both.height, int(sum(texts))]
print(json.dumps(counted))
