//! The synthetic catalogue has the tables' columns and the distributions that it promises, and loads in bulk.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::time::Duration;

use fonoteca_catalog::arrow::array::{AsArray as _, RecordBatch};
use fonoteca_catalog::arrow::compute::concat_batches;
use fonoteca_catalog::arrow::datatypes::{Int32Type, Int64Type};
use fonoteca_catalog::index::Index;
use fonoteca_catalog::schema::JOB_COLUMNS;
use fonoteca_catalog::{Catalog, Table, Track};
use fonoteca_model::{Id, Isrc, Silent, Timestamp, Upc};
use fonoteca_testkit::catalogue::{Catalogue, Rows, SOURCE, STRETCH};

use crate::archive::Archive;

/// Ends within a stretch.
const TRACKS: u64 = 10_000;

fn table(name: &str) -> Table {
    Table::ALL.iter().copied().find(|table| table.name() == name).expect("a table")
}

fn numbers(rows: &RecordBatch, column: &str) -> Vec<i64> {
    rows[column].as_primitive::<Int64Type>().values().to_vec()
}

#[test]
fn the_columns_are_those_of_the_tables() {
    for (name, rows) in Catalogue::new(1).rows(0..10).into_tables() {
        let expected = table(name).arrow_schema();
        let (own, added) = expected.fields().split_at(rows.num_columns());
        assert_eq!(rows.schema().fields()[..], *own, "{name}");
        // What is left is what the writer adds.
        assert!(
            added.iter().all(|field| field.is_nullable()) && added[0].name() == JOB_COLUMNS[0],
            "{name}: {added:?}"
        );
    }
}

#[test]
fn pieces_have_together_the_rows_of_the_whole() {
    let catalogue = Catalogue::new(7);
    let whole = catalogue.rows(0..TRACKS).into_tables();
    let cuts = [0, 1, 137, STRETCH - 1, STRETCH + 2_000, 2 * STRETCH, TRACKS];
    let pieces: Vec<_> = cuts.windows(2).map(|cut| catalogue.rows(cut[0]..cut[1]).into_tables()).collect();
    for (at, (name, rows)) in whole.iter().enumerate() {
        let parts: Vec<&RecordBatch> = pieces.iter().map(|tables| &tables[at].1).collect();
        assert_eq!(&concat_batches(&rows.schema(), parts).unwrap(), rows, "{name}");
    }
    let other = Catalogue::new(8).rows(0..10);
    assert_ne!(other.tracks, catalogue.rows(0..10).tracks, "the seed matters");
}

#[test]
fn its_distributions_are_those_of_a_real_catalogue() {
    let Rows { artists, albums, tracks, listens, links } = Catalogue::new(1).rows(0..10 * STRETCH);
    let count = tracks.num_rows() as f64;
    assert_eq!(tracks.num_rows(), 16 * artists.num_rows());
    assert_eq!(5 * tracks.num_rows(), 22 * albums.num_rows(), "4.4 tracks an album");

    let isrcs = tracks["isrc"].as_string::<i32>();
    let distinct: HashSet<&str> = isrcs.iter().flatten().collect();
    let share = distinct.len() as f64 / count;
    assert!((0.728..0.733).contains(&share), "{share} of the ISRCs are distinct");
    assert!(distinct.iter().all(|isrc| isrc.parse::<Isrc>().is_ok()));
    assert!(albums["upc"].as_string::<i32>().iter().flatten().all(|upc| upc.parse::<Upc>().is_ok()));

    // Each join is between tracks of one ISRC, and each track that is no first has one.
    let by_id: HashMap<i64, &str> = numbers(&tracks, "id").into_iter().zip(isrcs.iter().flatten()).collect();
    assert_eq!(by_id.len(), tracks.num_rows(), "ids are distinct");
    let joins: HashMap<i64, i64> = numbers(&links, "from_id").into_iter().zip(numbers(&links, "to_id")).collect();
    assert_eq!(joins.len(), tracks.num_rows() - distinct.len());
    assert!(joins.iter().all(|(from, to)| by_id[from] == by_id[to] && !joins.contains_key(to)));

    let popularity = listens["popularity"].as_primitive::<Int32Type>().values();
    let popularity: HashMap<i64, i32> =
        numbers(&listens, "recording_id").into_iter().zip(popularity.to_vec()).collect();
    let of = |track: &i64| *popularity.get(joins.get(track).unwrap_or(track)).unwrap_or(&0);
    let unpopular = by_id.keys().filter(|track| of(track) == 0).count() as f64 / count;
    assert!((0.70..0.78).contains(&unpopular), "{unpopular} have popularity 0");
    let mut counts = numbers(&listens, "count");
    counts.sort_unstable_by_key(|count| std::cmp::Reverse(*count));
    let third: i64 = counts.iter().take(distinct.len() / 3).sum();
    let share = third as f64 / counts.iter().sum::<i64>() as f64;
    assert!(share > 0.985, "the most popular third has {share} of the listens");

    let titles = tracks["title"].as_string::<i32>();
    let letters: usize = titles.iter().flatten().map(|title| title.chars().count()).sum();
    let mean = letters as f64 / count;
    assert!((14.0..24.0).contains(&mean), "titles have {mean} letters");
    let ids = tracks["source_id"].as_string::<i32>();
    assert!(ids.iter().flatten().all(|id| id.len() == 22));
    for at in [0, 17, 4_399] {
        assert_eq!(Id::of(SOURCE, ids.value(at)).0, numbers(&tracks, "id")[at]);
    }
}

/// Loads pieces of the catalogue, unless they are there.
async fn load(catalog: &Catalog, pieces: &[Range<u64>]) {
    let mut bulk = catalog.bulk("synthetic").await.expect("a bulk load");
    for (number, tracks) in (0..).zip(pieces) {
        if bulk.has(number).await.expect("asked") {
            continue;
        }
        let mut stage = bulk.stage();
        for (name, rows) in Catalogue::new(1).rows(tracks.clone()).into_tables() {
            stage.add(table(name), &rows).await.expect("added");
        }
        let staged = stage.finish().await.expect("staged");
        bulk.commit(number, staged).await.expect("committed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_loads_in_bulk_and_once() {
    let (_archive, catalog) = Archive::new().await;
    for _ in 0..2 {
        load(&catalog, &[0..STRETCH, STRETCH..TRACKS]).await;
    }
    assert!(catalog.bulk("").await.is_err(), "a job has a name");
    let snapshot = catalog.snapshot().await.unwrap();
    assert_eq!(snapshot.stats().await.unwrap().tracks, TRACKS as i64);
    let expected = Catalogue::new(1).rows(4_000..4_001).tracks;
    let id = numbers(&expected, "id")[0];
    let found: Vec<Track> = snapshot.rows(&format!("id = {id}")).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].title, expected["title"].as_string::<i32>().value(0));
    assert_eq!(found[0].artists.len(), found[0].artist_credit.split(" feat. ").count());
}

/// Every so many tracks is found by its keys, with the ids that the tables have.
fn check(index: &Index, rows: &Rows) {
    let tracks = &rows.tracks;
    let [ids, albums] = ["id", "album_id"].map(|column| numbers(tracks, column));
    let credits = tracks["artists"].as_list::<i32>();
    for at in (0..tracks.num_rows()).step_by(997) {
        for key in [Id(ids[at]).to_string(), tracks["isrc"].as_string::<i32>().value(at).to_owned()] {
            let hits = index.lookup(&key).expect("a look-up");
            let hit = hits.iter().find(|hit| hit.id == Id(ids[at])).expect("the track");
            assert_eq!(hit.title, tracks["title"].as_string::<i32>().value(at));
            assert_eq!(hit.album_id, Some(Id(albums[at])));
            let credit = credits.value(at);
            let artists = credit.as_struct().column_by_name("artist_id").expect("ids");
            let mut artists: Vec<Id> = artists.as_primitive::<Int64Type>().values().iter().map(|id| Id(*id)).collect();
            artists.sort_unstable();
            artists.dedup();
            assert_eq!(hit.artist_ids, artists);
        }
    }
    index.verify().expect("sound");
}

/// Ids of a large file are read where the tables have them: the index needs the files that it was made of, and goes on to
/// those that come in their place.
#[tokio::test(flavor = "multi_thread")]
async fn the_index_of_large_files_has_their_ids_from_them() {
    let (archive, catalog) = Archive::new().await;
    load(&catalog, &[0..4 * STRETCH, 4 * STRETCH..5 * STRETCH]).await;
    let rows = Catalogue::new(1).rows(0..5 * STRETCH);
    let dir = archive.path().join("index");
    let index = Index::rebuild_in(&dir, &catalog.snapshot().await.unwrap(), &Silent).await.unwrap();
    check(&index, &rows);

    let plan = catalog.plan_optimize(&[Table::Tracks, Table::Albums], 1 << 28).await.unwrap();
    catalog.optimize(&plan, &Silent).await.unwrap();
    check(&Index::open(&dir).unwrap(), &rows);
    assert!(index.catch_up(&catalog.snapshot().await.unwrap(), &Silent).await.unwrap());
    let later = Timestamp::from_seconds(4_000_000_000);
    let plan = catalog.plan_vacuum(later, Duration::ZERO).await.unwrap();
    assert!(catalog.vacuum(&plan, later).await.unwrap().files >= 4);
    check(&index, &rows);
    check(&Index::open(&dir).unwrap(), &rows);

    for entry in std::fs::read_dir(archive.path().join("catalog/tracks")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "parquet") {
            std::fs::remove_file(path).unwrap();
        }
    }
    check(&index, &rows);
    let error = Index::open(&dir).unwrap_err();
    assert!(error.needs_rebuild() && error.to_string().contains("fonoteca index rebuild"), "{error}");
}
