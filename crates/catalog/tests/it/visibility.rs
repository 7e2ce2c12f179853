//! Rows of a batch without `files` rows do not count.

use fonoteca_catalog::{Catalog, Table, Track};

use crate::archive::{Archive, commit, everything, sorted};
use crate::failing::Failing;
use crate::sample::{id, song, track};

/// An archive in which a batch got as far as its tracks, and whose owner has gone.
async fn interrupted(archive: &Archive) -> Catalog {
    let failing = Failing::after(usize::MAX, archive.objects());
    let elsewhere = archive.path().join("another-machine");
    let killed = Catalog::open(std::sync::Arc::new(failing.clone()), &elsewhere).await.expect("open");
    for operations in (1..).step_by(7) {
        let writer = killed.writer().await.expect("writer");
        failing.allow(operations);
        let outcome = writer.commit("gone", operations as i64, song("ghost")).await;
        failing.allow(usize::MAX);
        assert!(outcome.is_err(), "no longer interrupted");
        std::fs::remove_file(elsewhere.join("pending-batch")).expect("pending");
        let fresh = archive.open().await;
        if fresh.snapshot().await.expect("snapshot").versions()[&Table::Tracks] > 0 {
            return fresh;
        }
    }
    unreachable!("the loop ends by returning")
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_batch_does_not_count_in_any_read() {
    let (archive, _) = Archive::new().await;
    let catalog = interrupted(&archive).await;
    commit(&catalog, "job", 0, song("one")).await;
    assert_eq!(everything(&catalog).await, sorted(song("one")));
    let snapshot = catalog.snapshot().await.expect("snapshot");
    assert!(snapshot.tracks(&[id("ghost")]).await.expect("tracks").is_empty());
    assert_eq!(snapshot.stats().await.expect("stats").tracks, 1);
    let counted =
        snapshot.sql("SELECT count(*) AS tracks, count(DISTINCT batch) AS batches FROM tracks").await.expect("sql");
    assert_eq!(format!("{:?}", counted[0].columns()[0].to_data().buffers()[0].typed_data::<i64>()), "[1]");
    // Rows that belong to no batch count beside.
    let import = fonoteca_catalog::Batch { tracks: vec![track("import", "x", None)], ..Default::default() };
    commit(&catalog, "import", 0, import).await;
    let tracks: Vec<Track> = catalog.snapshot().await.expect("snapshot").rows("").await.expect("rows");
    assert_eq!(tracks.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compacted_table_shows_the_same() {
    use deltalake::DeltaTable;
    let (archive, _) = Archive::new().await;
    let catalog = interrupted(&archive).await;
    commit(&catalog, "job", 0, song("one")).await;
    commit(&catalog, "job", 1, song("two")).await;
    let import = fonoteca_catalog::Batch { tracks: vec![track("import", "x", None)], ..Default::default() };
    commit(&catalog, "import", 0, import).await;
    let before = everything(&catalog).await;
    for table in ["tracks", "artists", "files"] {
        let folder = archive.path().join("catalog").join(table);
        let url = url::Url::from_directory_path(&folder).expect("a folder");
        let delta = DeltaTable::try_from_url(url).await.expect("another program opens it");
        let (_, metrics) = delta.optimize().await.expect("optimize");
        assert!(metrics.num_files_removed >= 2, "{table}: {metrics:?}");
    }
    assert_eq!(everything(&archive.open().await).await, before);
    assert_eq!(everything(&catalog).await, before, "also where the tables were open");
    // A batch that was compacted is still known to be committed.
    commit(&catalog, "job", 1, song("two")).await;
    assert_eq!(everything(&catalog).await, before);
}
