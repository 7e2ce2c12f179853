//! Tables written by earlier versions open for ever. The folders below `tests/compat` are never edited: a new format gets a
//! new one.

use std::fs;
use std::path::PathBuf;

use fonoteca_catalog::{Batch, Catalog, Table, Track};

use crate::archive::{Archive, commit, everything, sorted};
use crate::failing::Failing;
use crate::kills::copy_folder;
use crate::sample::{awkward, id, song, track};

fn folder(version: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/compat").join(version)
}

#[tokio::test(flavor = "multi_thread")]
async fn version_1_opens() {
    if std::env::var_os("FONOTECA_WRITE_GOLDEN").is_some() {
        write_version_1().await;
    }
    let archive = Archive::empty();
    copy_folder(&folder("v1"), archive.path());
    let catalog = archive.open().await;
    let rows = fs::read(folder("v1").join("rows.json")).expect("rows.json");
    let expected: Batch = serde_json::from_slice(&rows).expect("rows");
    assert_eq!(everything(&catalog).await, sorted(expected.clone()));
    let snapshot = catalog.snapshot().await.expect("snapshot");
    // Three commits of tracks, of which the last is of a batch that has no files.
    assert_eq!((snapshot.versions()[&Table::Tracks], snapshot.versions()[&Table::Files]), (3, 1));
    assert!(snapshot.tracks(&[id("ghost")]).await.expect("tracks").is_empty(), "half a batch does not count");
    // What was committed then is known now, and what is new can be added.
    commit(&catalog, "golden", 0, song("again")).await;
    assert_eq!(everything(&catalog).await, sorted(expected.clone()));
    let more = Batch { tracks: vec![track("new", "x", None)], ..Batch::default() };
    commit(&catalog, "later", 0, more).await;
    assert_eq!(
        catalog.snapshot().await.expect("snapshot").rows::<Track>("").await.expect("rows").len(),
        expected.tracks.len() + 1
    );
}

/// How `v1` was written, once; `FONOTECA_WRITE_GOLDEN=1` does so where the folder is missing.
async fn write_version_1() {
    assert!(!folder("v1").exists(), "golden data is never written again");
    for operations in 8.. {
        let (archive, catalog) = Archive::new().await;
        let mut batch = awkward();
        batch.files.iter_mut().for_each(|file| file.loudness_lufs = file.loudness_lufs.filter(|lufs| lufs.is_finite()));
        batch.tracks.iter_mut().for_each(|track| track.raw = track.raw.take().map(|raw| raw[..100].to_owned()));
        commit(&catalog, "golden", 0, batch).await;
        let import = Batch { tracks: vec![track("import", "x", None)], ..Batch::default() };
        commit(&catalog, "golden-import", 0, import).await;
        // A batch of a machine that never came back: its tracks are there, its files are not.
        let failing = Failing::after(usize::MAX, archive.objects());
        let elsewhere = Archive::empty();
        let gone = Catalog::open(std::sync::Arc::new(failing.clone()), &elsewhere.state()).await.expect("open");
        let writer = gone.writer().await.expect("writer");
        failing.allow(operations);
        let ghost = Batch { tracks: song("ghost").tracks, files: song("ghost").files, ..Batch::default() };
        writer.commit("gone", 0, ghost).await.expect_err("killed");
        let catalog = archive.open().await;
        if catalog.snapshot().await.expect("snapshot").versions()[&Table::Tracks] == 3 {
            let rows = everything(&catalog).await;
            copy_folder(&archive.path().join("catalog"), &folder("v1").join("catalog"));
            fs::write(folder("v1").join("rows.json"), serde_json::to_vec_pretty(&rows).expect("json"))
                .expect("rows.json");
            return;
        }
    }
}
