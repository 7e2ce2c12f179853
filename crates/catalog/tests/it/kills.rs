//! A process killed at every single step of a commit: the next one finishes its batch, once.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use fonoteca_catalog::{Batch, Catalog, CatalogError, Table};

use crate::archive::{Archive, all, commit, everything, sorted};
use crate::failing::Failing;
use crate::sample::{album, artist, song, track};

/// The tables that the batches of [`killed_after_each_operation_of_a_commit`] write.
const WRITTEN: [Table; 2] = [Table::Tracks, Table::Files];

fn small(names: &[&str]) -> Batch {
    let mut all = Batch::default();
    for name in names {
        let song = song(name);
        all.append(Batch { tracks: song.tracks, files: song.files, ..Batch::default() });
    }
    sorted(all)
}

async fn seen(catalog: &Catalog) -> Batch {
    let snapshot = catalog.snapshot().await.expect("snapshot");
    Batch { tracks: all(&snapshot).await, files: all(&snapshot).await, ..Batch::default() }
}

/// What the logs hold.
fn commits(archive: &Archive) -> Vec<String> {
    let logs = WRITTEN.map(|table| archive.path().join("catalog").join(table.name()).join("_delta_log"));
    let files = logs.iter().flat_map(|log| fs::read_dir(log).expect("a log"));
    let names = files.map(|file| {
        let path = file.expect("a file").path();
        path.strip_prefix(archive.path()).expect("in the archive").display().to_string()
    });
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_each_operation_of_a_commit() {
    let (archive, catalog) = Archive::new().await;
    commit(&catalog, "job", 0, small(&["one"])).await;
    let (mut operations, mut wholly, mut looked_at) = (0, false, Vec::new());
    loop {
        let copy = Archive::empty();
        copy_folder(archive.path(), copy.path());
        let failing = Failing::after(usize::MAX, copy.objects());
        let killed = Catalog::open(Arc::new(failing.clone()), &copy.state()).await.expect("open");
        let writer = killed.writer().await.expect("writer");
        failing.allow(operations);
        let outcome = writer.commit("job", 1, small(&["two"])).await;
        drop(killed);

        // Whoever looks before the batch is finished sees it wholly or not at all.
        let state = commits(&copy);
        if state != looked_at {
            let looking = Catalog::open(copy.objects(), &copy.path().join("another-machine")).await.expect("open");
            let found = seen(&looking).await;
            wholly = found == small(&["one", "two"]);
            assert!(wholly || found == small(&["one"]), "after {operations} operations: {found:#?}");
            looked_at = state;
        }

        let next = copy.open().await;
        commit(&next, "job", 1, small(&["two"])).await;
        assert_eq!(seen(&next).await, small(&["one", "two"]), "after {operations} operations");
        assert!(!copy.state().join("pending-batch").exists());
        for (table, version) in next.snapshot().await.expect("snapshot").versions() {
            assert_eq!(*version, if WRITTEN.contains(table) { 2 } else { 0 }, "{}", table.name());
        }
        if outcome.is_ok() {
            assert!(wholly, "a commit that was reported is there");
            break;
        }
        operations += 1;
    }
    assert!(operations > 12, "two tables take more than {operations} operations");
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_finishes_a_batch_unless_somebody_is_writing() {
    let (archive, catalog) = Archive::new().await;
    let failing = Failing::after(usize::MAX, archive.objects());
    let killed = Catalog::open(Arc::new(failing.clone()), &archive.state()).await.expect("open");
    let writer = killed.writer().await.expect("writer");
    failing.allow(5);
    writer.commit("job", 0, song("one")).await.expect_err("killed");
    let pending = archive.state().join("pending-batch");
    assert!(pending.exists());
    let aside = archive.path().join("aside");
    fs::rename(&pending, &aside).expect("aside");
    let writing = catalog.writer().await.expect("writer");
    fs::rename(&aside, &pending).expect("back");
    let opened = archive.open().await;
    assert!(pending.exists(), "left to the one who has the lock");
    drop(writing);
    assert_eq!(everything(&opened).await, Batch::default());
    assert_eq!(everything(&archive.open().await).await, sorted(song("one")));
    assert!(!pending.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_without_files_is_finished_too() {
    let (archive, _) = Archive::new().await;
    let rows = || Batch {
        tracks: vec![track("t", "a", None)],
        artists: vec![artist("a")],
        albums: vec![album("x", "a")],
        ..Batch::default()
    };
    let failing = Failing::after(usize::MAX, archive.objects());
    let killed = Catalog::open(Arc::new(failing.clone()), &archive.state()).await.expect("open");
    let writer = killed.writer().await.expect("writer");
    failing.allow(20);
    writer.commit("import", 7, rows()).await.expect_err("killed");
    let next = archive.open().await;
    assert_eq!(everything(&next).await, sorted(rows()));
    commit(&next, "import", 7, rows()).await;
    assert_eq!(everything(&next).await, sorted(rows()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_or_newer_unfinished_batch_stops_with_a_sentence() {
    let (archive, catalog) = Archive::new().await;
    let failing = Failing::after(usize::MAX, archive.objects());
    let killed = Catalog::open(Arc::new(failing.clone()), &archive.state()).await.expect("open");
    let writer = killed.writer().await.expect("writer");
    failing.allow(0);
    writer.commit("job", 0, song("one")).await.expect_err("killed");
    let pending = archive.state().join("pending-batch");
    let whole = fs::read(&pending).expect("pending");
    let refuse = async |bytes: &[u8]| {
        fs::write(&pending, bytes).expect("write");
        let open = Catalog::open(archive.objects(), &archive.state()).await.err().expect("refused to open");
        let write = catalog.writer().await.err().expect("refused to write");
        assert_eq!(open.to_string(), write.to_string());
        open
    };
    for length in [0, 3, 40, whole.len() / 2, whole.len() - 1] {
        let error = refuse(&whole[..length]).await;
        assert!(matches!(error, CatalogError::Pending { .. }), "{length} bytes: {error}");
    }
    for place in [30, whole.len() / 2, whole.len() - 2] {
        let mut flipped = whole.clone();
        flipped[place] ^= 0x10;
        let error = refuse(&flipped).await;
        assert!(matches!(error, CatalogError::Pending { .. }), "byte {place}: {error}");
    }
    let newer = zstd::encode_all(&b"{\"format\":\"fonoteca-pending/2\",\"shape\":\"unknown\"}\n"[..], 3).expect("zstd");
    let error = refuse(&newer).await.to_string();
    assert!(error.contains("says format \"fonoteca-pending/2\"") && error.contains("use a newer version"), "{error}");
    fs::write(&pending, &whole).expect("write");
    assert_eq!(everything(&archive.open().await).await, sorted(song("one")));
}

pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("folder");
    for entry in fs::read_dir(from).expect("read").map(|entry| entry.expect("entry")) {
        let target = to.join(entry.file_name());
        if entry.file_type().expect("type").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copy");
        }
    }
}
