//! Files that are taken in where they are: read there, found again, and never believed once they look different.

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use fonoteca_archive::ingest::{FileOutcome, Keep, Kept, Options, Status};
use fonoteca_archive::{Archive, fixity};
use fonoteca_catalog::Location;
use fonoteca_model::{BlobId, Silent};
use fonoteca_store::StoreError;

use crate::world::{World, noise, statuses};

fn in_place(world: &World, job: &str) -> Options {
    Options { keep: Keep::InPlace, ..world.options(job) }
}

async fn rescan(world: &World, job: &str) -> (fonoteca_archive::ingest::Summary, Vec<FileOutcome>) {
    world.ingest_with(&in_place(world, job)).await.expect("an ingest")
}

async fn read(world: &World, root: BlobId) -> Result<Vec<u8>, StoreError> {
    world.archive.store().read_all(root, 1 << 30).await.map(|bytes| bytes.to_vec())
}

fn root_of(outcomes: &[FileOutcome], end: &str) -> BlobId {
    outcomes
        .iter()
        .find(|outcome| Path::new(&outcome.path).ends_with(end))
        .and_then(|outcome| outcome.root)
        .expect("a root")
}

/// Writes other bytes of the same number into a file, and hides that.
fn change_unseen(path: &Path, at: usize) {
    let before = fs::metadata(path).expect("metadata");
    let mut bytes = fs::read(path).expect("read");
    bytes[at] ^= 1;
    let file = fs::OpenOptions::new().write(true).open(path).expect("opened");
    (&file).write_all(&bytes).expect("written");
    file.set_modified(before.modified().expect("a time")).expect("set back");
    assert_eq!(fs::metadata(path).expect("metadata").ino(), before.ino());
}

#[tokio::test(flavor = "multi_thread")]
async fn they_stay_as_they_are_and_are_read_where_they_are() {
    let world = World::new().await;
    let (one, two) = (noise(1, 700), noise(2, 700));
    let path = world.file("a/1.wav", &one);
    world.file("a/2.wav", &two);
    let before = fs::metadata(&path).expect("metadata");
    let (summary, outcomes) = rescan(&world, "one").await;
    assert_eq!((summary.added, summary.known), (2, 0), "{outcomes:?}");
    assert!(outcomes.iter().all(|outcome| outcome.kept == Some(Kept::InPlace)), "{outcomes:?}");
    let root = root_of(&outcomes, "1.wav");
    assert!(!world.archive.store().has_own(root), "no copy");
    assert_eq!(read(&world, root).await.expect("bytes"), one);
    assert_eq!(world.archive.store().size(root).await.expect("a size"), Some(one.len() as u64));
    assert_eq!(world.archive.store().locate(root).await.expect("a place"), Some(path.canonicalize().expect("a path")));
    let after = fs::metadata(&path).expect("metadata");
    assert_eq!((before.ino(), before.mtime_nsec(), before.mode()), (after.ino(), after.mtime_nsec(), after.mode()));
    assert_eq!(fs::read(&path).expect("read"), one);
    let rows: Vec<Location> = world.rows().await;
    let row = rows.iter().find(|row| row.root == root).expect("a row");
    assert_eq!((rows.len(), row.size, row.inode.cast_unsigned()), (2, one.len() as i64, after.ino()));
    assert_eq!(row.path, path.canonicalize().expect("a path").as_os_str().as_bytes());
    let report =
        fixity::verify(&world.archive, &fixity::Options::new(fixity::Extent::All), &Silent).await.expect("a check");
    assert!(report.sound() && report.checked == 2 && report.unknown.is_empty(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_looks_as_it_did_is_not_read_again() {
    for keep in [Keep::InPlace, Keep::Copy] {
        let world = World::new().await;
        let names: Vec<String> = (0..30).map(|n| format!("album {}/{n}.wav", n % 3)).collect();
        for (number, name) in names.iter().enumerate() {
            world.file(name, &noise(number as u32, 100));
        }
        let options = Options { keep, ..world.options("one") };
        let (first, _) = world.ingest_with(&options).await.expect("an ingest");
        assert_eq!((first.added, first.unchanged), (30, 0));
        // Whoever read it would see another root.
        for name in &names {
            change_unseen(&world.music().join(name), 500);
        }
        let (again, outcomes) = world.ingest_with(&Options { job: "two".into(), ..options }).await.expect("an ingest");
        assert_eq!((again.known, again.unchanged, again.added), (30, 30, 0), "{keep:?}");
        assert_eq!(outcomes.len(), 30);
        assert!(outcomes.iter().all(|outcome| outcome.basis == fonoteca_model::rights::Basis::OwnWork));
        let report =
            fixity::verify(&world.archive, &fixity::Options::new(fixity::Extent::All), &Silent).await.expect("a check");
        assert_eq!(report.damaged.len(), if keep == Keep::InPlace { 30 } else { 0 }, "only a check reads");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_that_was_moved_and_renamed_keeps_its_tracks_and_rights() {
    let world = World::new().await;
    const FILES: u32 = 300;
    for number in 0..FILES {
        world.file(&format!("{}/{number}.wav", number % 10), &noise(number, 60));
    }
    let odd = world.music().join(OsStr::from_bytes(b"0/caf\xe9.wav"));
    fs::write(&odd, noise(9_000, 60)).expect("a file");
    let (summary, before) = rescan(&world, "one").await;
    assert_eq!(summary.added, u64::from(FILES) + 1);
    let root = root_of(&before, "17.wav");
    let verdict = world.archive.verdict(root).await.expect("a verdict");

    // Folders get other names, files too, and everything lies elsewhere.
    let moved = world.folder.path().join("moved");
    fs::create_dir(&moved).expect("a folder");
    for folder in 0..10 {
        let to = moved.join(OsStr::from_bytes(format!("disc \u{fc} {folder}").as_bytes()));
        fs::rename(world.music().join(folder.to_string()), &to).expect("moved");
        for file in fs::read_dir(&to).expect("listed") {
            let file = file.expect("an entry");
            let name = [b"r\xe9 ", file.file_name().as_bytes()].concat();
            fs::rename(file.path(), to.join(OsStr::from_bytes(&name))).expect("renamed");
        }
    }
    assert!(matches!(read(&world, root).await, Err(StoreError::Missing { .. })), "nobody knows yet");
    let options = Options { paths: vec![moved.clone()], ..in_place(&world, "two") };
    let (summary, after) = world.ingest_with(&options).await.expect("an ingest");
    assert_eq!((summary.known, summary.added, summary.gone), (u64::from(FILES) + 1, 0, 0));
    let ids = |outcomes: &[FileOutcome]| {
        let mut ids: Vec<_> = outcomes.iter().map(|outcome| (outcome.root, outcome.track_id.clone())).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(&after), ids(&before), "the same tracks");
    assert!(
        after.iter().all(|outcome| outcome.reason.as_deref().is_some_and(|why| why.starts_with("moved here from")))
    );
    assert_eq!(world.archive.verdict(root).await.expect("a verdict"), verdict);
    assert_eq!(read(&world, root).await.expect("bytes"), noise(17, 60));
    let report =
        fixity::verify(&world.archive, &fixity::Options::new(fixity::Extent::All), &Silent).await.expect("a check");
    assert!(report.sound() && report.checked == u64::from(FILES) + 1, "{report:?}");
    let (again, _) = world.ingest_with(&Options { job: "three".into(), ..options }).await.expect("an ingest");
    assert_eq!(again.unchanged, u64::from(FILES) + 1);
    // Where they were there is nothing to miss.
    let (old, outcomes) = rescan(&world, "four").await;
    assert_eq!((old.gone, outcomes.len()), (0, 0), "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_is_not_served_as_what_it_was_and_is_named() {
    let world = World::new().await;
    let path = world.file("1.wav", &noise(1, 500));
    let touched = world.file("2.wav", &noise(2, 500));
    let (_, outcomes) = rescan(&world, "one").await;
    let (first, second) = (root_of(&outcomes, "1.wav"), root_of(&outcomes, "2.wav"));
    fs::write(&path, noise(3, 500)).expect("written");
    fs::File::open(&touched).expect("opened").set_modified(std::time::SystemTime::UNIX_EPOCH).expect("touched");
    for _ in 0..2 {
        let error = read(&world, first).await.expect_err("it is another file");
        assert!(matches!(&error, StoreError::ChangedInPlace { id, .. } if *id == first), "{error}");
        assert!(error.to_string().contains("1.wav"), "{error}");
        assert_eq!(read(&world, second).await.expect("its bytes are the same"), noise(2, 500));
    }
    assert_eq!(world.archive.store().size(first).await.expect("a size"), None);
    let report =
        fixity::verify(&world.archive, &fixity::Options::new(fixity::Extent::All), &Silent).await.expect("a check");
    assert!(report.damaged.iter().all(|damage| damage.root == first && damage.found.contains("1.wav")), "{report:?}");
    assert!(!report.damaged.is_empty());

    let (summary, outcomes) = rescan(&world, "two").await;
    assert_eq!((summary.added, summary.known, summary.unchanged), (1, 1, 0), "{outcomes:?}");
    let changed = outcomes.iter().find(|outcome| outcome.path.ends_with("1.wav")).expect("told");
    let reason = changed.reason.as_deref().expect("a reason");
    assert!(reason.contains("was changed") && reason.contains(&first.to_string()) && reason.contains("nowhere else"));
    assert!(changed.is_worth_a_note());
    assert_eq!(read(&world, changed.root.expect("a root")).await.expect("bytes"), noise(3, 500));
    assert_eq!(rescan(&world, "three").await.0.unchanged, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_is_named_unless_its_bytes_are_elsewhere() {
    let world = World::new().await;
    let gone = world.file("1.wav", &noise(1, 500));
    let twice = world.file("2.wav", &noise(2, 500));
    world.file("copies/2.wav", &noise(2, 500));
    let (summary, outcomes) = rescan(&world, "one").await;
    assert_eq!((summary.added, summary.known), (2, 1));
    let (lost, held) = (root_of(&outcomes, "1.wav"), root_of(&outcomes, "2.wav"));
    fs::remove_file(gone).expect("removed");
    fs::remove_file(twice).expect("removed");
    assert_eq!(read(&world, held).await.expect("bytes"), noise(2, 500));
    let (summary, outcomes) = rescan(&world, "two").await;
    assert_eq!((summary.gone, summary.unchanged, summary.failed), (1, 1, 0), "{outcomes:?}");
    assert_eq!(statuses(&outcomes, "1.wav"), [Status::Gone]);
    assert!(outcomes.iter().any(|outcome| outcome.root == Some(lost) && outcome.is_worth_a_note()), "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_alone_say_where_files_are() {
    let world = World::new().await;
    let path = world.file("1.wav", &noise(1, 500));
    let (_, outcomes) = rescan(&world, "one").await;
    let first = root_of(&outcomes, "1.wav");
    fs::write(&path, noise(2, 500)).expect("written");
    let (_, outcomes) = rescan(&world, "two").await;
    let second = root_of(&outcomes, "1.wav");
    let clock = world.clock.clone();
    let root = world.archive.root().to_owned();
    for name in ["places.sqlite", "places.sqlite-wal", "places.sqlite-shm"] {
        let _ = fs::remove_file(root.join("state").join(name));
    }
    let archive = Archive::open(&root, std::sync::Arc::new(move || clock.now())).await.expect("opened");
    let bytes = archive.store().read_all(second, 1 << 20).await.expect("bytes");
    assert_eq!(bytes[..], noise(2, 500));
    assert!(archive.store().read_all(first, 1 << 20).await.is_err(), "the path is another file now");
}

/// Places are written down before the rows are committed. Who is killed in between finds the same order the next time: the
/// first file of an album names it.
#[tokio::test(flavor = "multi_thread")]
async fn files_whose_rows_never_came_keep_their_turn() {
    let world = World::new().await;
    let copy = world.folder.path().join("killed");
    let clock = world.clock.clone();
    let now = std::sync::Arc::new(move || clock.now());
    Archive::init(&copy, "Killed", now.clone()).await.expect("a new archive");
    world.file("album/2.wav", &noise(2, 200));
    world.file("other/1.wav", &noise(4, 200));
    assert_eq!(rescan(&world, "one").await.0.added, 2);
    for file in fs::read_dir(world.archive.root().join("state")).expect("listed").map(|file| file.expect("an entry")) {
        if file.file_name().as_bytes().starts_with(b"places.sqlite") {
            fs::copy(file.path(), copy.join("state").join(file.file_name())).expect("copied");
        }
    }
    let archive = Archive::open(&copy, now).await.expect("opened");
    world.file("album/1.wav", &noise(1, 200));
    world.file("album/3.wav", &noise(3, 200));
    let mut paths = Vec::new();
    let mut told = |outcome: FileOutcome| paths.push((outcome.path, outcome.status));
    let options = Options { first_batch: 1, ..in_place(&world, "again") };
    fonoteca_archive::ingest::ingest(&archive, &options, &Silent, &mut told).await.expect("an ingest");
    let names = ["album/1.wav", "album/2.wav", "album/3.wav", "other/1.wav"];
    let expected = names.map(|name| (world.music().join(name).display().to_string(), Status::Added));
    assert_eq!(paths, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_can_be_asked_for_later() {
    let world = World::new().await;
    let path = world.file("1.wav", &noise(1, 500));
    let (_, outcomes) = rescan(&world, "one").await;
    let root = root_of(&outcomes, "1.wav");
    let (summary, _) = world.ingest("two").await;
    assert_eq!((summary.known, summary.unchanged), (1, 0), "it is read once more");
    assert!(world.archive.store().has_own(root));
    fs::remove_file(path).expect("removed");
    assert_eq!(read(&world, root).await.expect("bytes"), noise(1, 500));
    assert_eq!(rescan(&world, "three").await.0.gone, 0, "nothing is missing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_shares_the_bytes_and_the_outcome_says_how() {
    let world = World::new().await;
    let path = world.file("1.wav", &noise(1, 500));
    let options = Options { keep: Keep::Link, ..world.options("one") };
    let (summary, outcomes) = world.ingest_with(&options).await.expect("an ingest");
    assert_eq!(summary.added, 1);
    let root = root_of(&outcomes, "1.wav");
    let blob = fs::metadata(world.archive.store().path_of(root).expect("a path")).expect("metadata");
    let same_inode = blob.ino() == fs::metadata(&path).expect("metadata").ino();
    match outcomes[0].kept {
        Some(Kept::HardLink) => assert!(same_inode),
        Some(Kept::Reflink) => assert!(!same_inode),
        other => panic!("{other:?}: both lie on one file system"),
    }
    assert_eq!(read(&world, root).await.expect("bytes"), noise(1, 500));
    let report =
        fixity::verify(&world.archive, &fixity::Options::new(fixity::Extent::All), &Silent).await.expect("a check");
    assert!(report.sound() && report.unknown.is_empty(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_to_while_it_is_read_is_left_for_the_next_time() {
    for keep in [Keep::InPlace, Keep::Copy, Keep::Link] {
        let world = World::new().await;
        let path = world.file("growing.wav", &noise(1, 2_000));
        world.file("still.wav", &noise(2, 500));
        let options = Options { keep, ..world.options("one") };
        let stop = AtomicBool::new(false);
        let (summary, outcomes) = std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut file = fs::OpenOptions::new().append(true).open(&path).expect("opened");
                while !stop.load(Ordering::Relaxed) {
                    file.write_all(&[0; 64]).expect("written");
                }
            });
            let ingested =
                tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(world.ingest_with(&options)));
            stop.store(true, Ordering::Relaxed);
            ingested.expect("an ingest")
        });
        assert_eq!((summary.added, summary.failed), (1, 1), "{keep:?} {outcomes:?}");
        let reason =
            outcomes.iter().find(|outcome| outcome.status == Status::Failed).and_then(|one| one.reason.clone());
        assert!(reason.as_deref().is_some_and(|why| why.contains("changed while it was read")), "{reason:?}");
        let (summary, _) = world.ingest_with(&Options { job: "two".into(), ..options }).await.expect("an ingest");
        assert_eq!((summary.known, summary.added + summary.malformed), (1, 1), "{keep:?}");
    }
}
