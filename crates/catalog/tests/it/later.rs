//! Later rows of `files`: what was looked at again counts once, as it was found last.

use fonoteca_catalog::{Batch, File, FileState, LATER_JOB, Sameness, Table};
use fonoteca_model::Timestamp;
use futures::TryStreamExt as _;

use crate::archive::{Archive, all, commit};
use crate::maintenance::optimize;
use crate::sample::{AT, file, root, song};

fn later(blob: &str, bit_rate: i32, seconds: i64) -> File {
    let at = Timestamp(AT.0 + seconds * 1_000_000);
    File { bit_rate: Some(bit_rate), state: FileState::Malformed, at, ..file(blob) }
}

fn files(rows: Vec<File>) -> Batch {
    Batch { files: rows, ..Batch::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_rows_of_one_blob_the_latest_counts() {
    let (archive, catalog) = Archive::new().await;
    let one = song("one");
    let blob = one.files[0].clone();
    commit(&catalog, "job", 0, one.clone()).await;
    commit(&catalog, "job", 1, song("two")).await;
    let before = catalog.snapshot().await.expect("snapshot");
    let mut found = File { bit_rate: Some(1), at: Timestamp(AT.0 + 1_000_000), ..blob.clone() };
    commit(&catalog, &format!("{LATER_JOB}1"), 0, files(vec![found.clone()])).await;
    found = File { bit_rate: Some(2), at: Timestamp(AT.0 + 2_000_000), ..blob.clone() };
    commit(&catalog, &format!("{LATER_JOB}2"), 0, files(vec![found.clone(), later("other", 3, 1)])).await;
    for round in 0..2 {
        let snapshot = archive.open().await.snapshot().await.expect("snapshot");
        let rows: Vec<File> = all(&snapshot).await;
        assert_eq!(rows.len(), 3, "{round}: {rows:?}");
        assert_eq!(rows.iter().filter(|row| row.root == blob.root).collect::<Vec<_>>(), [&found], "{round}");
        assert_eq!(snapshot.files(&[blob.root, root("other")]).await.expect("files")[&blob.root], found);
        assert_eq!(snapshot.rows_by::<File, _>("root", [&blob.root]).await.expect("rows"), [found.clone()]);
        assert_eq!(snapshot.known_roots(&[blob.root, root("other")]).await.expect("roots").len(), 2);
        assert_eq!(snapshot.stats().await.expect("stats").files, 3);
        assert_eq!(snapshot.stats().await.expect("stats").tracks, 2, "the batches of the first rows count as before");
        let changed: Vec<Vec<File>> =
            snapshot.changes::<File>(before.versions()).await.expect("changes").try_collect().await.expect("rows");
        assert_eq!(changed.concat().iter().filter(|row| row.root == blob.root).count(), 1, "{round}");
        let held: Vec<_> = snapshot.held_by_popularity().await.expect("held").try_collect().await.expect("rows");
        assert_eq!(held.concat().len(), 2, "{round}");
        let twins: Vec<_> = snapshot.twins(Sameness::Essence).await.expect("twins").try_collect().await.expect("rows");
        assert_eq!(twins.concat(), [], "a row is no copy of the one before it");
        if round == 0 {
            optimize(&catalog).await;
        }
    }
    assert!(catalog.snapshot().await.expect("snapshot").versions().contains_key(&Table::Files));
}
