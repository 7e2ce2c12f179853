"""The same rows in DuckDB: Parquet sorted by ISRC, as one does for point queries, and the aggregate on it.

usage: duckdb_peer.py DIR TRACKS KEYS.json; writes DIR/phases/duckdb.json
"""

import glob
import json
import os
import resource
import sys
import time

import duckdb


def percentiles(name, times, figures):
    times.sort()
    for label, share in (("p50", 0.5), ("p99", 0.99)):
        figures[f"{name}_{label}_ms"] = times[min(int(len(times) * share), len(times) - 1)] * 1e3


def main():
    folder, tracks, keys = sys.argv[1], int(sys.argv[2]), json.load(open(sys.argv[3]))
    start = time.monotonic()
    connection = duckdb.connect()
    connection.execute("SET threads = 2; SET memory_limit = '6GB'")
    connection.execute(f"SET temp_directory = '{folder}/duckdb-spill'")
    out = f"{folder}/peer-by-isrc.parquet"
    ours = f"{folder}/archive/catalog/tracks/*.parquet"
    connection.execute(
        f"COPY (SELECT * EXCLUDE (job, batch) FROM read_parquet('{ours}') ORDER BY isrc) TO '{out}' "
        "(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)"
    )
    figures = {"copy_rows_per_second": tracks / (time.monotonic() - start)}
    # Albums and artists as they are: it is the tracks that one sorts.
    rest = sum(
        os.path.getsize(file)
        for table in ("artists", "albums", "listens", "links")
        for file in glob.glob(f"{folder}/archive/catalog/{table}/*.parquet")
    )
    figures["bytes_a_track"] = (os.path.getsize(out) + rest) / tracks
    for name, column, values in (("by_isrc", "isrc", keys["isrc"]), ("by_id", "source_id", keys["id"])):
        times = []
        for turn, value in enumerate(values[:60]):
            begun = time.monotonic()
            rows = connection.execute(f"SELECT * FROM read_parquet('{out}') WHERE {column} = ?", [value]).fetchall()
            if turn >= 10:
                times.append(time.monotonic() - begun)
            assert rows, (name, value)
        percentiles(name, times, figures)
    query = f"SELECT count(*), sum(duration_ms), avg(number), max(disc) FROM read_parquet('{out}') WHERE NOT explicit"
    times = []
    for _ in range(4):
        begun = time.monotonic()
        connection.execute(query).fetchall()
        times.append(time.monotonic() - begun)
    figures["aggregate_seconds"] = sorted(times[1:])[1]
    kept = {
        "phase": "duckdb",
        "rows": tracks,
        "seconds": time.monotonic() - start,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "load_average": os.getloadavg()[0],
        "figures": figures,
    }
    with open(f"{folder}/phases/duckdb.json", "w") as file:
        json.dump(kept, file, indent=2)
    print(json.dumps(kept, indent=2))


main()
