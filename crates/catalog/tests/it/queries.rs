//! SQL for people: everything that reads, nothing that writes.

use fonoteca_catalog::arrow::array::{Array as _, AsArray as _, RecordBatch};
use fonoteca_catalog::arrow::datatypes::Int64Type;
use fonoteca_catalog::{Batch, Fingerprint, Holding, Table, Track};
use futures::TryStreamExt as _;

use crate::archive::{Archive, commit};
use crate::sample::{id, root, song, track};

fn number(batches: &[RecordBatch]) -> i64 {
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_reading_statements_are_taken() {
    let (archive, catalog) = Archive::new().await;
    commit(&catalog, "job", 0, song("one")).await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let outside = archive.path().join("outside.csv");
    std::fs::write(&outside, "a\n1\n").expect("a file");
    assert_eq!(number(&snapshot.sql("SELECT count(*) FROM tracks").await.expect("select")), 1);
    assert_eq!(
        number(&snapshot.sql("WITH t AS (SELECT * FROM tracks) SELECT count(*) FROM t").await.expect("with")),
        1
    );
    snapshot.sql("EXPLAIN SELECT * FROM tracks").await.expect("explain");
    snapshot.sql("DESCRIBE tracks").await.expect("describe");
    let tables = snapshot.sql("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'public'").await;
    assert_eq!(number(&tables.expect("tables")), Table::ALL.len() as i64);
    for refused in [
        "DELETE FROM tracks",
        "UPDATE tracks SET title = ''",
        "INSERT INTO tracks SELECT * FROM tracks",
        "CREATE TABLE x AS SELECT 1",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
        "DROP TABLE tracks",
        "DROP VIEW tracks",
        "COPY tracks TO 'out.parquet'",
        "SET datafusion.execution.batch_size = 1",
        "SELECT 1; DROP TABLE tracks",
        &format!("SELECT * FROM '{}'", outside.display()),
        &format!("EXPLAIN ANALYZE COPY tracks TO '{}'", archive.path().join("out.csv").display()),
        "EXPLAIN ANALYZE DELETE FROM tracks",
        "",
        "SELECT FROM WHERE",
    ] {
        assert!(snapshot.sql(refused).await.is_err(), "{refused}");
    }
    assert!(!archive.path().join("out.csv").exists());
    let snapshot = catalog.snapshot().await.expect("snapshot");
    assert_eq!(number(&snapshot.sql("SELECT count(*) FROM tracks").await.expect("still there")), 1);
    let error = snapshot.sql("SELECT nothing FROM tracks").await.expect_err("no such column").to_string();
    assert_eq!(error, "the query failed: SELECT nothing FROM tracks");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_filtered_and_streamed() {
    let (_archive, catalog) = Archive::new().await;
    let tracks: Vec<Track> =
        (0..20_000).map(|number| Track { number: Some(number), ..track(&format!("t{number}"), "x", None) }).collect();
    commit(&catalog, "import", 0, Batch { tracks, ..Batch::default() }).await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let found: Vec<Track> = snapshot.rows("\"number\" = 7 OR title = 't8'").await.expect("rows");
    assert_eq!(found.len(), 2);
    let mut seen = Vec::new();
    let mut parts = 0;
    let mut stream = snapshot.stream::<Track>("ORDER BY \"number\" DESC").await.expect("stream");
    while let Some(some) = stream.try_next().await.expect("rows") {
        parts += 1;
        seen.extend(some.into_iter().filter_map(|track| track.number));
    }
    assert!(parts > 1, "20,000 rows do not come in one piece");
    assert!(seen.iter().copied().eq((0..20_000).rev()));
    // Look-ups by few keys and by many, by keys that are there and that are not, by none.
    for count in [0, 1, 64, 65, 5000] {
        let mut ids: Vec<_> = (0..count).map(|number| id(&format!("t{number}"))).collect();
        assert_eq!(snapshot.tracks(&ids).await.expect("tracks").len(), count, "{count} keys");
        ids.push(id("nowhere"));
        ids.extend(ids.clone());
        assert_eq!(snapshot.tracks(&ids).await.expect("tracks").len(), count, "{count} keys, twice, and a wrong one");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn look_ups_by_blob_and_name() {
    let (_archive, catalog) = Archive::new().await;
    let mut batch = song("Straße");
    batch.append(song("two"));
    batch.holdings.push(Holding { start_ms: Some(500), ..crate::sample::holding("two", "Straße bytes") });
    for (name, duration_ms) in [("Straße bytes", 179_999), ("two bytes", 180_000)] {
        let file = batch.files.iter_mut().find(|file| file.root == root(name)).expect("a file");
        file.duration_ms = duration_ms;
        // The fingerprint covers the first two minutes only.
        batch.fingerprints.push(Fingerprint {
            root: root(name),
            algorithm: 1,
            version: "1".into(),
            duration_ms: 120_000,
            chromaprint: vec![1, 2, 3, 4],
        });
    }
    commit(&catalog, "job", 0, batch).await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let known = snapshot.known_roots(&[root("Straße bytes"), root("nowhere")]).await.expect("known");
    assert_eq!(known.into_iter().collect::<Vec<_>>(), [root("Straße bytes")]);
    let asked = [(1, 0..120_000, 0), (1, 119_999..120_001, 2), (1, 120_001..999_999, 0), (2, 0..999_999, 0)];
    for (algorithm, range, expected) in asked {
        let within = snapshot.fingerprints_within(algorithm, range.clone()).await.expect("fingerprints");
        assert_eq!(within.try_concat().await.expect("rows").len(), expected, "{algorithm} {range:?}");
    }
    let plays = snapshot.tracks_of_roots(&[root("Straße bytes")]).await.expect("holdings");
    let plays: Vec<_> = plays[&root("Straße bytes")].iter().map(|holding| holding.track_id).collect();
    assert_eq!(plays, [id("Straße"), id("two")]);
    assert_eq!(snapshot.roots_of_tracks(&[id("two")]).await.expect("holdings")[&id("two")].len(), 2);
    let artists = snapshot.local_artists_by_fold(&["strasse artist".into(), "nobody".into()]).await.expect("artists");
    assert_eq!(artists.keys().collect::<Vec<_>>(), ["strasse artist"]);
    let right = ("strasse album".to_owned(), "strasse artist".to_owned());
    let wrong = ("two album".to_owned(), "strasse artist".to_owned());
    let albums = snapshot.local_albums_by_fold(&[right.clone(), wrong]).await.expect("albums");
    assert_eq!(albums.keys().collect::<Vec<_>>(), [&right]);
}

/// What is said about a query that has no answer.
async fn said(snapshot: &fonoteca_catalog::Snapshot, query: &str) -> String {
    match snapshot.query(query, false).await {
        Err(error) => error.to_string(),
        Ok(answer) => match answer.batches.try_collect::<Vec<_>>().await {
            Err(error) => error.to_string(),
            Ok(_) => panic!("{query} has an answer"),
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_where_and_what_was_perhaps_meant() {
    let (_archive, catalog) = Archive::new().await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    for (query, expected) in [
        ("SELECT *\nFROM trakcs", "no table `trakcs`"),
        ("SELECT titel FROM tracks", "no column `titel` (line 1, column 8); did you mean `title`?"),
        ("SELECT title FORM tracks WHERE", "the query cannot be read (line 1, column 19)"),
        ("SELECT lenght(title) FROM tracks", "length"),
        ("DELETE FROM tracks", "queries only read"),
        ("CREATE TABLE x AS SELECT 1", "queries only read"),
        ("SELECT parse_id('xyz')", "parse_id"),
        ("SELECT 1; SELECT 2", "the query makes no sense"),
    ] {
        let said = said(&snapshot, query).await;
        assert!(said.contains(expected), "{query}: {said}");
    }
    assert!(said(&snapshot, "SELECT * FROM trakcs").await.ends_with("did you mean `tracks`?"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_are_written_and_read_as_people_see_them() {
    let (_archive, catalog) = Archive::new().await;
    commit(&catalog, "job", 0, song("one")).await;
    let snapshot = catalog.snapshot().await.expect("snapshot");
    let hex = id("one").to_string();
    let query = format!("SELECT hex_id(id) FROM tracks WHERE id = parse_id('{hex}')");
    let found = snapshot.sql(&query).await.expect("found");
    assert_eq!(found[0].column(0).as_string::<i32>().value(0), hex);
    let both = snapshot.sql("SELECT hex_id(-1) AS a, parse_id(NULL) AS b").await.expect("constants");
    assert_eq!(both[0].column(0).as_string::<i32>().value(0), "ffffffffffffffff");
    assert_eq!(both[0].column(1).null_count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_needs_more_than_its_memory_goes_to_disk_or_says_so() {
    let (_archive, catalog) = Archive::new().await;
    let snapshot = catalog.snapshot().await.expect("snapshot").with_memory(48 << 20).await.expect("limited");
    // 3 million rows of some 40 bytes, and as many groups.
    let sorted =
        "SELECT sum(n) FROM (SELECT value AS n, md5(cast(value AS text)) AS h FROM range(0, 1500000) ORDER BY h)";
    assert_eq!(number(&snapshot.sql(sorted).await.expect("sorted on disk")), 1_499_999 * 750_000);
    let ranked =
        "SELECT max(r) FROM (SELECT row_number() OVER (ORDER BY md5(cast(value AS text))) AS r FROM range(0, 1000000))";
    let ranked = snapshot.query(ranked, false).await.expect("planned").batches.try_collect::<Vec<_>>().await;
    assert!(ranked.is_ok(), "{:?}", ranked.err());
    let joined = "SELECT count(*) FROM (SELECT value AS a, repeat('x', 200) AS b FROM range(0, 1000000)) l \
                  JOIN (SELECT value AS a, repeat('y', 200) AS b FROM range(0, 1000000)) r ON l.a = r.a AND l.b <> r.b";
    let refused = snapshot.query(joined, false).await.expect("planned").batches.try_collect::<Vec<_>>().await;
    if let Err(error) = refused {
        assert!(error.to_string().contains("more memory than it may take"), "{error}");
    }
}
