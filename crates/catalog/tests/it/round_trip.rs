//! What goes in comes out.

use std::collections::HashSet;

use fonoteca_catalog::{Batch, Table, Track};

use crate::archive::{Archive, commit, everything, sorted};
use crate::sample::{awkward, id, root, song, track};

#[tokio::test(flavor = "multi_thread")]
async fn every_table_gives_back_its_rows() {
    let (archive, catalog) = Archive::new().await;
    commit(&catalog, "job", 0, awkward()).await;
    assert_eq!(everything(&catalog).await, sorted(awkward()));
    assert_eq!(everything(&archive.open().await).await, sorted(awkward()), "also in another process");
    let (hashes, row) =
        &catalog.snapshot().await.expect("snapshot").blobs(&[root("big")]).await.expect("blobs")[&root("big")];
    assert_eq!((hashes.piece_layer.len(), hashes.v1_pieces.len(), row.size), (3, 3, 3 << 20));
}

#[tokio::test]
async fn one_thread_is_enough() {
    let (_archive, catalog) = Archive::new().await;
    commit(&catalog, "job", 0, song("one")).await;
    assert_eq!(catalog.snapshot().await.expect("snapshot").stats().await.expect("stats").tracks, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_rows_gets_no_commit() {
    let (_archive, catalog) = Archive::new().await;
    let before = catalog.snapshot().await.expect("snapshot").versions().clone();
    let writer = catalog.writer().await.expect("writer");
    let after = writer.commit("job", 0, song("one")).await.expect("commit");
    assert_eq!(after, *catalog.snapshot().await.expect("snapshot").versions());
    let moved: Vec<Table> =
        after.iter().filter(|(table, version)| before[*table] != **version).map(|(t, _)| *t).collect();
    assert_eq!(
        moved,
        [Table::Artists, Table::Albums, Table::Tracks, Table::Blobs, Table::Holdings, Table::Rights, Table::Files]
    );
    let writer = catalog.writer().await.expect("writer");
    assert_eq!(writer.commit("job", 1, Batch::default()).await.expect("an empty batch"), after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_committed_again_changes_nothing() {
    let (_archive, catalog) = Archive::new().await;
    commit(&catalog, "job", 3, song("one")).await;
    commit(&catalog, "job", 3, song("one")).await;
    commit(&catalog, "job", 2, song("two")).await;
    assert_eq!(everything(&catalog).await, sorted(song("one")));
    commit(&catalog, "other", 2, song("two")).await;
    assert_eq!(everything(&catalog).await.tracks.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_batches_make_checkpoints_and_all_is_there() {
    let (archive, catalog) = Archive::new().await;
    let titles: Vec<String> = (0..45).map(|number| format!("song {number}")).collect();
    for (number, title) in titles.iter().enumerate() {
        let batch = Batch { tracks: vec![track(title, "a", None)], ..Batch::default() };
        commit(&catalog, "import", number as i64, batch).await;
    }
    assert!(archive.path().join("catalog/tracks/_delta_log/_last_checkpoint").exists());
    let opened = archive.open().await;
    let ids: Vec<_> = titles.iter().map(|title| id(title)).collect();
    assert_eq!(opened.snapshot().await.expect("snapshot").tracks(&ids).await.expect("tracks").len(), 45);
    // The transaction outlives the checkpoint.
    commit(&opened, "import", 44, Batch { tracks: vec![track("again", "a", None)], ..Batch::default() }).await;
    let rows: Vec<Track> = opened.snapshot().await.expect("snapshot").rows("").await.expect("rows");
    assert_eq!(rows.iter().map(|row| row.id).collect::<HashSet<_>>(), ids.into_iter().collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_snapshot_stays_as_it_was() {
    let (_archive, catalog) = Archive::new().await;
    commit(&catalog, "job", 0, song("one")).await;
    let pinned = catalog.snapshot().await.expect("snapshot");
    commit(&catalog, "job", 1, song("two")).await;
    assert_eq!(pinned.rows::<Track>("").await.expect("rows").len(), 1);
    let again = catalog.snapshot_at(pinned.versions()).await.expect("pinned");
    assert_eq!(again.versions(), pinned.versions());
    assert_eq!(again.rows::<Track>("").await.expect("rows"), pinned.rows::<Track>("").await.expect("rows"));
    assert_eq!(catalog.snapshot().await.expect("snapshot").rows::<Track>("").await.expect("rows").len(), 2);
    let mut future = pinned.versions().clone();
    future.insert(Table::Tracks, 99);
    let error = catalog.snapshot_at(&future).await.err().expect("no such version").to_string();
    assert_eq!(error, "no version 99 of the table `tracks`");
}
