//! What came since: whoever follows the tables from version to version sees each row once.

use std::collections::BTreeMap;

use fonoteca_catalog::{Batch, Catalog, Snapshot, Table, Track, Versions};
use futures::TryStreamExt as _;

use crate::archive::{Archive, commit};
use crate::failing::Failing;
use crate::sample::{song, track};

async fn titles(snapshot: &Snapshot, since: &Versions) -> Vec<String> {
    let rows: Vec<Track> = snapshot.changes::<Track>(since).await.expect("changes").try_concat().await.expect("rows");
    let mut titles: Vec<String> = rows.into_iter().map(|track| track.title).collect();
    titles.sort_unstable();
    titles
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_is_told_once() {
    let (_archive, catalog) = Archive::new().await;
    let start = catalog.snapshot().await.expect("snapshot");
    assert_eq!(titles(&start, start.versions()).await, Vec::<String>::new());
    commit(&catalog, "job", 0, song("one")).await;
    commit(&catalog, "import", 0, Batch { tracks: vec![track("two", "x", None)], ..Batch::default() }).await;
    let then = catalog.snapshot().await.expect("snapshot");
    assert_eq!(titles(&then, start.versions()).await, ["one", "two"]);
    assert_eq!(titles(&then, &BTreeMap::new()).await, ["one", "two"], "all, where nothing was seen before");
    commit(&catalog, "job", 1, song("three")).await;
    commit(&catalog, "import", 1, Batch { tracks: vec![track("four", "x", None)], ..Batch::default() }).await;
    let now = catalog.snapshot().await.expect("snapshot");
    assert_eq!(titles(&now, then.versions()).await, ["four", "three"]);
    assert_eq!(titles(&now, start.versions()).await, ["four", "one", "three", "two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_told_when_it_comes_to_count_and_not_before() {
    let (archive, catalog) = Archive::new().await;
    let elsewhere = archive.path().join("another-machine");
    let failing = Failing::after(usize::MAX, archive.objects());
    let slow = Catalog::open(std::sync::Arc::new(failing.clone()), &elsewhere).await.expect("open");
    // Interrupted when the tracks are in and the files are not.
    for operations in (1..).step_by(5) {
        let writer = slow.writer().await.expect("writer");
        failing.allow(operations);
        let rows = song("slow");
        let rows = Batch { tracks: rows.tracks, files: rows.files, ..Batch::default() };
        let outcome = writer.commit("slow", 0, rows).await;
        failing.allow(usize::MAX);
        let versions = catalog.snapshot().await.expect("snapshot").versions().clone();
        if versions[&Table::Tracks] == 1 {
            assert!(outcome.is_err() && versions[&Table::Files] == 0, "interrupted too late");
            break;
        }
        std::fs::remove_file(elsewhere.join("pending-batch")).expect("pending");
    }
    let then = catalog.snapshot().await.expect("snapshot");
    assert_eq!(titles(&then, &BTreeMap::new()).await, Vec::<String>::new());
    commit(&catalog, "job", 0, song("quick")).await;
    let meanwhile = catalog.snapshot().await.expect("snapshot");
    assert_eq!(titles(&meanwhile, then.versions()).await, ["quick"]);
    drop(slow.writer().await.expect("finishes the batch"));
    let now = catalog.snapshot().await.expect("snapshot");
    // The tracks were committed before `meanwhile`, and count only since.
    assert_eq!(now.versions()[&Table::Tracks], meanwhile.versions()[&Table::Tracks]);
    assert_eq!(titles(&now, meanwhile.versions()).await, ["slow"]);
}
