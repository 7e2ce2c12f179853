//! `sql`

use std::path::Path;
use std::process::{Command, Stdio};

use fonoteca_testkit::Ran;
use serde_json::Value;

use crate::world::World;

fn script(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/sql").join(name).display().to_string()
}

fn python(world: &World, script_name: &str, more: &[&str]) -> Ran {
    let mut python = Command::new(fonoteca_testkit::python());
    python.arg(script(script_name)).arg(world.path("archive")).args(more);
    let said = Ran::from(python.output().unwrap());
    assert_eq!(said.code, 0, "{script_name}: {}", said.err);
    said
}

/// The number that a query of one row and column gives.
fn number(world: &World, query: &str) -> i64 {
    let said = world.here(&["sql", query, "--format", "csv"]);
    assert_eq!(said.code, 0, "{query}: {}", said.err);
    said.out.lines().nth(1).unwrap().parse().unwrap()
}

#[test]
fn sql_and_duckdb_agree_on_twenty_queries() {
    let world = World::with_sample();
    let text = std::fs::read_to_string(script("queries.sql")).unwrap();
    let bare: Vec<&str> = text.lines().filter(|line| !line.starts_with("--")).collect();
    let bare = bare.join("\n");
    let queries: Vec<&str> =
        bare.split(";\n").chain(bare.strip_suffix(';')).filter(|query| !query.trim().is_empty()).collect();
    let queries = &queries[..20];
    let duckdb = python(&world, "rows.py", &[&script("queries.sql")]).json();
    assert_eq!(duckdb.len(), 20);
    for (query, expected) in queries.iter().zip(&duckdb) {
        let query = query.trim().trim_end_matches(';');
        let said = world.here_with_input(&["sql", "-", "--json"], query);
        assert_eq!(said.code, 0, "{query}: {}", said.err);
        let rows = said.json();
        let expected = expected.as_array().unwrap();
        assert!(!rows.is_empty(), "{query}: an empty answer shows nothing");
        assert_eq!(rows.len(), expected.len(), "{query}");
        for (row, expected) in rows.iter().zip(expected) {
            let (row, expected) = (row.as_object().unwrap(), expected.as_object().unwrap());
            assert!(row.keys().eq(expected.keys()), "{query}: {row:?}, {expected:?}");
            for (cell, expected) in row.values().zip(expected.values()) {
                assert!(alike(cell, expected), "{query}: {cell} is not {expected}, in {row:?}");
            }
        }
    }
}

/// Whole numbers exactly, others within what rounding makes of them.
fn alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) if a.is_f64() || b.is_f64() => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
        }
        (a, b) => a == b,
    }
}

#[test]
fn polars_reads_the_tables_and_counts_the_same() {
    let world = World::with_sample();
    let counted = python(&world, "polars_counts.py", &[]).one();
    let tables = counted.as_object().unwrap();
    assert!(tables.len() >= 15);
    for (table, counted) in tables {
        let described = world.here(&["sql", &format!("DESCRIBE {table}"), "--json"]).json();
        let texts = described.iter().filter(|column| column["data_type"] == "Utf8" && column["column_name"] != "job");
        let lengths: Vec<String> = texts
            .map(|column| format!("coalesce(sum(char_length(\"{}\")), 0)", column["column_name"].as_str().unwrap()))
            .chain(["0".to_owned()])
            .collect();
        let rows = number(&world, &format!("SELECT count(*) FROM {table}"));
        let length = number(&world, &format!("SELECT {} FROM {table}", lengths.join(" + ")));
        assert_eq!((&counted[0], &counted[1]), (&rows.into(), &length.into()), "{table}");
    }
}

#[test]
fn rows_come_as_a_table_as_csv_as_json_and_as_parquet() {
    let world = World::with_sample();
    let query = "SELECT title, isrc, artists, duration_ms FROM tracks WHERE title LIKE 'F%' ORDER BY title";
    let table = world.here(&["sql", query]);
    assert_eq!(table.out.lines().next().map(|line| line.split_whitespace().count()), Some(4), "{}", table.out);
    assert!(table.out.contains("Für Elise") && table.err.contains("2 rows"), "{}{}", table.out, table.err);
    let csv = world.here(&["sql", query, "--format", "csv"]);
    assert_eq!(csv.out.lines().next(), Some("title,isrc,artists,duration_ms"));
    assert!(csv.out.contains("\"\"role\"\":\"\"main\"\"") && csv.err.is_empty(), "{}{}", csv.out, csv.err);
    let json = world.here(&["sql", query, "--json"]).json();
    assert_eq!((json.len(), &json[1]["artists"][0]["name"]), (2, &"".into()), "it is what `artist_credit` says");
    assert_eq!(world.here(&["sql", query, "--format", "json"]).json(), json);

    let refused = world.here(&["sql", query, "--format", "parquet"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("--output"), "{}", refused.err);
    for (format, file) in
        [("parquet", "rows.parquet"), ("csv", "rows.csv"), ("json", "rows.json"), ("table", "rows.txt")]
    {
        let said = world.here(&["sql", query, "--format", format, "--output", file]);
        assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.err);
    }
    assert_eq!(std::fs::read_to_string(world.path("rows.csv")).unwrap(), csv.out);
    assert_eq!(std::fs::read_to_string(world.path("rows.txt")).unwrap(), table.out);
    let read = "import sys, pyarrow.parquet as p; t = p.read_table(sys.argv[1]); print(t.num_rows, t['title'][1], t.schema.field('artists').type)";
    let read = Command::new(fonoteca_testkit::python()).arg("-c").arg(read).arg(world.path("rows.parquet")).output();
    let read = Ran::from(read.unwrap());
    assert!(read.out.starts_with("2 Für Elise list<"), "{}{}", read.out, read.err);
    // A query that fails half way leaves no file.
    let failed = world.here(&["sql", "SELECT parse_id(title) FROM tracks", "--format", "csv", "--output", "bad.csv"]);
    assert_eq!(failed.code, 2, "{}", failed.err);
    let left: Vec<_> = std::fs::read_dir(world.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name == "bad.csv" || name.to_string_lossy().starts_with(".fonoteca-")), "{left:?}");
}

#[test]
fn a_wrong_query_is_wrong_usage_and_says_what_to_do() {
    let world = World::with_sample();
    let mut page = String::new();
    for query in [
        "SELECT * FROM trakcs",
        "SELECT titel FROM tracks",
        "SELECT title\nFROM tracks WHERE",
        "SELECT lenght(title) FROM tracks",
        "DELETE FROM tracks",
        "DROP TABLE tracks",
        "COPY tracks TO 'out.csv'",
        "SELECT 1; SELECT 2",
        "SELECT parse_id('79f9')",
        " ",
    ] {
        let said = world.here(&["sql", query]);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{query}: {}", said.err);
        page.extend(["$ fonoteca sql ", &format!("{query:?}"), "\n", &said.err, "\n"]);
    }
    insta::assert_snapshot!(page);
    let version = world.here(&["sql", "SELECT 1", "--at", "files=99"]);
    assert_eq!(version.code, 2, "{}", version.err);
    let early = world.here(&["sql", "SELECT 1", "--at", "1999-01-01"]);
    assert!(early.code == 2 && early.err.contains("catalog history"), "{}", early.err);
    let both = world.here(&["sql", "SELECT 1", "--at", "1", "--at", "tracks=1"]);
    assert_eq!(both.code, 2, "{}", both.err);
}

#[test]
fn the_tables_can_be_asked_as_they_were() {
    let world = World::with_sample();
    let version = world.here(&["stats", "--json"]).one()["version"].to_string();
    let (now, tracks) = (number(&world, "SELECT count(*) FROM rights"), number(&world, "SELECT count(*) FROM tracks"));
    let count = |query: &str, at: &[&str]| {
        let said = world.here(&[&["sql", query, "--format", "csv"], at].concat());
        assert_eq!(said.code, 0, "{at:?}: {}", said.err);
        said.out.lines().nth(1).unwrap().parse::<i64>().unwrap()
    };
    let rights = "SELECT count(*) FROM rights";
    assert_eq!(count(rights, &["--at", "2100-01-01"]), now);
    let then = count(rights, &["--at", &version]);
    assert!(then < now && then > 0, "rights that were imported later than the files: {then} of {now}");
    assert_eq!(count("SELECT count(*) FROM tracks", &["--at", &version]), tracks);
    assert_eq!(count("SELECT count(*) FROM tracks", &["--at", "0"]), 0);
    assert_eq!(count(rights, &["--at", "rights=1"]), then);
    // What was committed without its files does not count.
    assert_eq!(count("SELECT count(*) FROM tracks", &["--at", "files=0"]), 0);
}

#[test]
fn a_large_sort_goes_to_disk_and_a_reader_may_go_away() {
    let world = World::with_sample();
    let ranks = "SELECT row_number() OVER (ORDER BY md5(cast(value AS text))) AS r FROM range(0, 700000)";
    let sorted = world.here(&["sql", &format!("SELECT max(r) FROM ({ranks})"), "--memory", "32MiB", "--format", "csv"]);
    assert_eq!(sorted.out.lines().nth(1), Some("700000"), "{}", sorted.err);
    assert_eq!(sorted.code, 0, "{}", sorted.err);
    for format in ["table", "csv", "json"] {
        let args = ["--archive", "archive", "sql", "SELECT * FROM range(0, 3000000)", "--format", format];
        let mut child = world.command(&args).stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let complaint = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), complaint.as_str()), (Some(0), ""), "{format}");
    }
    let explained = world.here(&["sql", "--explain", "SELECT count(*) FROM tracks WHERE duration_ms > 1000"]);
    assert!(explained.out.contains("physical plan") && explained.out.contains("duration_ms"), "{}", explained.out);
}
