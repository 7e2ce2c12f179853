//! Parquet and SQLite, and what mutated files of any format do: no input panics or hangs.

use std::path::Path;
use std::sync::Arc;

use fonoteca_catalog::arrow::array::{
    ArrayRef, BinaryArray, Float64Array, Int64Array, ListBuilder, StringArray, StringBuilder,
};
use fonoteca_catalog::arrow::record_batch::RecordBatch;
use fonoteca_catalog::import::Records;
use fonoteca_catalog::import::table::{Input, Map, Tables, guess, shipped};
use fonoteca_catalog::{Batch, Track};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use tempfile::tempdir;

use crate::tables::{AT, read, rejects, stream};

const MAP: &str = "source = 'test'\n[[file]]\n[file.track]\nid = 'id'\ntitle = 'title'\nduration = { column = 'seconds', \
    unit = 's' }\n[[file.supplement]]\nof = 'track'\nkind = 'tag'\nvalue = { column = 'tags', split = ';' }";
const CSV: &str = "id,title,seconds,tags,other\n1,One,61.5,a;b,\n2,\"Two, too\",,,x\n3,Three,7,c,\n";

fn write_parquet(path: &Path) {
    let mut tags = ListBuilder::new(StringBuilder::new());
    tags.append_value([Some("a"), Some("b")]);
    tags.append_null();
    tags.append_value([Some("c"), None]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("title", Arc::new(StringArray::from(vec!["One", "Two, too", "Three"]))),
        ("seconds", Arc::new(Float64Array::from(vec![Some(61.5), None, Some(7.0)]))),
        ("tags", Arc::new(tags.finish())),
        ("bytes", Arc::new(BinaryArray::from(vec![&b"x"[..], b"y", b"z"]))),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)));
    let batch = batch.expect("a batch");
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(path).expect("create"), batch.schema(), None).expect("writer");
    writer.write(&batch).expect("write");
    writer.close().expect("close");
}

fn write_sqlite(path: &Path) {
    let connection = rusqlite::Connection::open(path).expect("create");
    connection
        .execute_batch(
            "CREATE TABLE songs (id INTEGER, title TEXT, seconds REAL, tags TEXT, bytes BLOB);
             INSERT INTO songs VALUES (1, 'One', 61.5, 'a;b', x'00'), (2, 'Two, too', NULL, NULL, NULL), (3, 'Three', 7, 'c', '');
             CREATE VIEW forever AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
                 SELECT i AS id, 'x' AS title, 1 AS seconds, '' AS tags FROM n;",
        )
        .expect("rows");
}

fn tracks(name: &str, input: Input) -> (Vec<Track>, Vec<String>) {
    let (rows, records) = read(MAP, vec![(name, input)]).expect(name);
    assert_eq!(rejects(&records), [""; 0], "{name}");
    (rows.tracks, rows.supplements.into_iter().map(|told| told.value).collect())
}

#[test]
fn every_format_gives_the_same_rows() {
    let folder = tempdir().expect("a folder");
    let expected = tracks("t.csv", stream(CSV));
    assert_eq!((expected.0.len(), expected.1.join("")), (3, "abc".to_owned()));
    assert_eq!(
        expected,
        tracks("t.tsv", stream("id\ttitle\tseconds\ttags\n1\tOne\t61.5\ta;b\n2\tTwo, too\t\t\n3\tThree\t7\tc\n"))
    );
    let json = "{\"id\":1,\"title\":\"One\",\"seconds\":61.5,\"tags\":[\"a\",\"b\"]}\n{\"id\":2,\"title\":\"Two, too\"}\n\
                {\"id\":\"3\",\"title\":\"Three\",\"seconds\":\"7\",\"tags\":\"c\"}\n";
    assert_eq!(expected, tracks("t.jsonl", stream(json)));
    let path = folder.path().join("t.parquet");
    write_parquet(&path);
    assert_eq!(expected, tracks("t.parquet", Input::File(path.clone())));
    let path = folder.path().join("t.sqlite");
    write_sqlite(&path);
    assert_eq!(expected, tracks("t.sqlite", Input::File(path)));
}

#[test]
fn parquet_and_sqlite_say_what_is_wrong() {
    let folder = tempdir().expect("a folder");
    let error = |map: &str, name: &str| {
        read(map, vec![(name, Input::File(folder.path().join(name)))]).map(|_| ()).expect_err(name).to_string()
    };
    write_parquet(&folder.path().join("t.parquet"));
    write_sqlite(&folder.path().join("t.db"));
    std::fs::write(folder.path().join("text.parquet"), "id,title").expect("write");
    std::fs::write(folder.path().join("text.db"), "id,title".repeat(100)).expect("write");
    let other = MAP.replace("'seconds'", "'length'");
    for (map, name, problem) in [
        (&*other, "t.parquet", "no column \"length\"; its columns are: id, title, seconds, tags, bytes"),
        (&other, "t.db", "no column \"length\"; its columns are: id, title, seconds, tags, bytes"),
        (MAP, "text.parquet", "text.parquet is not Parquet: "),
        (MAP, "text.db", "text.db is not a SQLite file: "),
        (MAP, "none.parquet", "none.parquet cannot be read"),
        (MAP, "none.db", "none.db cannot be read"),
    ] {
        let error = error(map, name);
        assert!(error.contains(problem), "{error}");
    }
    let table = |table: &str| MAP.replace("[[file]]", &format!("[[file]]\ntable = '{table}'"));
    assert!(error(&table("nope"), "t.db").contains("no table \"nope\"; its tables are: songs"));
    assert!(error(&table("forever"), "t.db").contains("no table \"forever\""), "a view is no table: it may never end");
    let bytes = MAP.replace("'title'", "'bytes'");
    for name in ["t.parquet", "t.db"] {
        let (_, records) = read(&bytes, vec![(name, Input::File(folder.path().join(name)))]).expect(name);
        let found = rejects(&records);
        assert!(found[0].starts_with("1 bytes: is ") && found[0].ends_with(&format!("(row 1 of {name})")), "{found:?}");
    }
}

#[test]
fn a_column_whose_name_is_not_utf8_is_an_error() {
    let folder = tempdir().expect("a folder");
    let path = folder.path().join("t.db");
    rusqlite::Connection::open(&path)
        .expect("create")
        .execute_batch("CREATE TABLE t (id, title, zzzz)")
        .expect("a table");
    let mut bytes = std::fs::read(&path).expect("read");
    let at = bytes.windows(4).position(|bytes| bytes == b"zzzz").expect("the name");
    bytes[at] = 0xff;
    std::fs::write(&path, bytes).expect("write");
    let error = read(MAP, vec![("t.db", Input::File(path))]).map(|_| ()).expect_err("no name").to_string();
    assert!(error.contains("t.db is not a SQLite file"), "{error}");
}

#[test]
fn an_import_that_stops_lets_the_file_go() {
    let folder = tempdir().expect("a folder");
    let path = folder.path().join("t.db");
    let connection = rusqlite::Connection::open(&path).expect("create");
    connection
        .execute_batch(
            "CREATE TABLE t (id, title, seconds, tags);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
                 INSERT INTO t SELECT i, 'x', 1, NULL FROM n;",
        )
        .expect("rows");
    let map = Map::parse(MAP).expect("a map");
    let mut tables = Tables::open(&map, vec![("t.db".to_owned(), Input::File(path))], AT).expect("open");
    assert!(tables.next(&mut Batch::default()).expect("a row").is_some());
    drop(tables);
    // The reader's thread finds that nobody listens, and closes the file: until then it cannot be locked.
    let waited = (0..200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT;").is_ok()
    });
    assert!(waited, "the file is still held");
}

fn drain(map: &str, name: &str, input: Input, most: usize) {
    let Ok(map) = Map::parse(map) else { return };
    let Ok(mut tables) = Tables::open(&map, vec![(name.to_owned(), input)], AT) else { return };
    let (mut rows, mut count) = (Batch::default(), 0);
    while let Ok(Some(_)) = tables.next(&mut rows) {
        count += 1;
        assert!(count <= most, "no end");
        rows = Batch::default();
    }
}

fn mutate(bytes: &mut Vec<u8>, edits: &[(u32, u8, u8)]) {
    for (at, what, byte) in edits {
        if bytes.is_empty() {
            return;
        }
        let at = *at as usize % bytes.len();
        match what {
            0 => bytes[at] = *byte,
            1 => {
                bytes.remove(at);
            }
            2 => bytes.insert(at, b"\",\n{}[]:\\\t"[usize::from(*byte) % 10]),
            3 => bytes[at] ^= 1 << (byte % 8),
            _ => bytes.truncate(at),
        }
    }
}

fn edits() -> impl Strategy<Value = Vec<(u32, u8, u8)>> {
    proptest::collection::vec((any::<u32>(), 0u8..5, any::<u8>()), 1..10)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn mutated_texts_never_panic_nor_hang(edits in edits(), json in any::<bool>()) {
        let json_lines = "{\"id\":1,\"title\":\"One\",\"seconds\":61.5,\"tags\":[\"a\",{\"b\":[1]}]}\n".repeat(3);
        let (name, text) = if json { ("t.jsonl", json_lines.as_str()) } else { ("t.csv", CSV) };
        let mut bytes = text.as_bytes().to_vec();
        mutate(&mut bytes, &edits);
        drain(MAP, name, stream(&bytes), bytes.len() + 1);
        if let Ok(map) = guess(name, stream(&bytes)) {
            prop_assert!(Map::parse(&map).is_ok(), "{}", map);
            drain(&map, name, stream(&bytes), bytes.len() + 1);
        }
    }

    #[test]
    fn mutated_maps_never_panic(edits in edits(), which in 0usize..4) {
        let (name, text) = fonoteca_catalog::import::table::SHIPPED[which];
        prop_assert!(shipped(name).is_some());
        let mut bytes = text.as_bytes().to_vec();
        mutate(&mut bytes, &edits);
        drain(&String::from_utf8_lossy(&bytes), "t.csv", stream(CSV), 10);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_never_panic_nor_hang(edits in edits(), sqlite in any::<bool>()) {
        let folder = tempdir().expect("a folder");
        let name = if sqlite { "t.db" } else { "t.parquet" };
        let path = folder.path().join(name);
        if sqlite { write_sqlite(&path) } else { write_parquet(&path) }
        let mut bytes = std::fs::read(&path).expect("read");
        mutate(&mut bytes, &edits);
        std::fs::write(&path, &bytes).expect("write");
        drain(MAP, name, Input::File(path), 1_000_000);
    }
}
