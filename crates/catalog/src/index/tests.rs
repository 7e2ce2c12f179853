//! What only an importer does to the tables: data files that go while others come.

use std::path::Path;
use std::sync::Arc;

use deltalake::kernel::Action;
use fonoteca_model::fold::fold;
use fonoteca_model::{Id, Silent, Timestamp};
use object_store::local::LocalFileSystem;

use super::{Hit, Index, Query};
use crate::catalog::Catalog;
use crate::delta;
use crate::rows::{encode, stamp};
use crate::schema::{Album, Batch, Credit, Listens, Row, Track};

fn credits() -> Vec<Credit> {
    vec![Credit { artist_id: Id(7), role: "main".into(), name: "Band".into() }]
}

fn track(number: i64, title: &str, album: i64) -> Track {
    Track {
        id: Id(number),
        source: "dump".into(),
        source_id: number.to_string(),
        title: title.into(),
        artist_credit: "Band".into(),
        artists: credits(),
        album_id: Some(Id(album)),
        disc: None,
        number: None,
        duration_ms: None,
        isrc: Some(format!("ZZFON26{number:05}")),
        mbid: None,
        date: None,
        label: None,
        language: None,
        explicit: None,
        raw: None,
    }
}

fn album(id: i64, title: &str) -> Album {
    Album {
        id: Id(id),
        source: "dump".into(),
        source_id: id.to_string(),
        title: title.into(),
        fold: fold(title),
        artist_credit: "Band".into(),
        artists: credits(),
        upc: Some("0036000291452".into()),
        mbid: Some("b1a9c0e9-d987-4042-ae91-78d6a3267d69".into()),
        label: None,
        catalogue_number: None,
        date: Some("1999".into()),
        kind: None,
        language: None,
        cover_root: None,
        raw: None,
    }
}

async fn commit(catalog: &Catalog, number: i64, batch: Batch) {
    catalog.writer().await.expect("writer").commit("dump", number, batch).await.expect("commit");
}

/// Replaces the first data file of a table by one with these rows, in one commit.
async fn replace_first<T: Row>(catalog: &Catalog, rows: &[T], number: i64) {
    let first = catalog.snapshot().await.expect("snapshot").table_files(T::TABLE).expect("files").remove(0);
    let mut table = catalog.shared.table(T::TABLE).await.expect("table");
    let rows = stamp(T::TABLE, &encode(rows).expect("rows"), None).expect("rows");
    let adds = delta::write_file(&table, T::TABLE, rows).await.expect("write");
    let mut actions: Vec<Action> = adds.into_iter().map(Action::Add).collect();
    let state = table.snapshot().expect("snapshot").clone();
    let gone = state.log_data().iter().find(|file| file.path() == first.path).expect("the file").remove_action(true);
    actions.push(Action::Remove(gone));
    delta::commit(&mut table, T::TABLE, actions, "replacement", number).await.expect("commit");
}

fn answers(index: &Index) -> Vec<Vec<Hit>> {
    let words = ["", "one", "two", "three", "first", "second", "band", "renamed"];
    let search = |words| index.search(&Query { limit: 100, ..Query::new(words) }).expect("search");
    let mut answers: Vec<Vec<Hit>> = words.map(search).into();
    let keys = ["ZZFON2600001", "ZZFON2600002", "ZZFON2600003", "036000291452", "0000000000000001", "1", "3"];
    let uuid = "B1A9C0E9-D987-4042-AE91-78D6A3267D69";
    answers.extend(keys.into_iter().chain([uuid]).map(|key| index.lookup(key).expect("lookup")));
    answers
}

async fn same_as_rebuilt(folder: &Path, catalog: &Catalog, index: &Index, number: usize) -> Vec<Vec<Hit>> {
    let snapshot = catalog.snapshot().await.expect("snapshot");
    assert!(index.catch_up(&snapshot, &Silent).await.expect("catch up"));
    let fresh = Index::open(&folder.join(format!("fresh-{number}"))).expect("open");
    fresh.rebuild(&snapshot, &Silent).await.expect("rebuild");
    let found = answers(index);
    assert_eq!(found, answers(&fresh), "step {number}");
    index.verify().expect("sound");
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn data_files_that_are_replaced_take_their_rows_along() {
    let folder = tempfile::tempdir().expect("folder");
    let objects = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).expect("object store"));
    let catalog = Catalog::create(objects, &folder.path().join("state")).await.expect("create");
    let listens = |id, popularity| Listens {
        recording_id: Id(id),
        as_of: Timestamp::from_seconds(i64::from(popularity)),
        count: 3,
        popularity,
    };
    let first = Batch {
        albums: vec![album(101, "First")],
        tracks: vec![track(1, "One", 101), track(2, "Two", 101)],
        listens: vec![listens(1, 50), listens(2, 20)],
        ..Batch::default()
    };
    commit(&catalog, 1, first).await;
    let index = Index::open(&folder.path().join("index")).expect("open");
    let found = same_as_rebuilt(folder.path(), &catalog, &index, 1).await;
    assert_eq!(found[4].first().map(|hit| hit.popularity), Some(50), "the album stands where its best track stands");

    // The best track goes, the other one has another title, and there is a third.
    replace_first(&catalog, &[track(2, "Two Renamed", 101), track(3, "Three", 102)], 1).await;
    let found = same_as_rebuilt(folder.path(), &catalog, &index, 2).await;
    assert!(found[1].is_empty() && found[8].is_empty(), "the track is gone, by words and by key");
    assert_eq!(found[4].first().map(|hit| hit.popularity), Some(20), "the album sank with it");
    assert_eq!(found[7].first().map(|hit| hit.id), Some(Id(2)));

    // An album that another replaces is not what its tracks are found by.
    replace_first(&catalog, &[album(101, "Renamed"), album(102, "Second")], 2).await;
    let found = same_as_rebuilt(folder.path(), &catalog, &index, 3).await;
    assert!(found[4].is_empty(), "{:?}", found[4]);
    assert!(found[5].iter().any(|hit| hit.id == Id(3)), "{:?}", found[5]);
    // Files of tables that were there before stay what they are: the numbers of their rows.
    commit(&catalog, 2, Batch { tracks: vec![track(4, "Four", 102)], ..Batch::default() }).await;
    same_as_rebuilt(folder.path(), &catalog, &index, 4).await;

    // Two that stated the same at once left two rows: they are one.
    commit(&catalog, 3, Batch { tracks: vec![track(4, "Four", 102), track(4, "Four", 102)], ..Batch::default() }).await;
    let found = same_as_rebuilt(folder.path(), &catalog, &index, 5).await;
    assert_eq!(found[0].iter().filter(|hit| hit.id == Id(4)).count(), 1);
}
