//! Damage is found, told where, remembered, and forgotten when it is made good.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicI64, Ordering};

use fonoteca_archive::ArchiveError;
use fonoteca_archive::fixity::repair::{self, Source};
use fonoteca_archive::fixity::{self, Amount, Extent, Options, Report};
use fonoteca_catalog::{Event, Outcome};
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_model::{BlobId, Silent};

use crate::world::{World, noise};

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_found_in_its_piece_and_good_again_when_mended() {
    let world = World::new().await;
    // A piece of 1 MiB and a bit.
    world.file("1.wav", &noise(1, 70_000));
    let (_, outcomes) = world.ingest("one").await;
    let root = outcomes[0].root.expect("a root");
    let flip = || {
        let path = world.archive.store().path_of(root).expect("a local store");
        let file = fs::File::options().read(true).write(true).open(path).expect("the blob");
        let mut byte = [0];
        file.read_exact_at(&mut byte, 1_100_000).expect("a byte");
        file.write_all_at(&[byte[0] ^ 1], 1_100_000).expect("a byte");
    };
    flip();
    let report = fixity::verify(&world.archive, &Options::new(Extent::All), &Silent).await.expect("a check");
    assert!(!report.sound());
    assert_eq!(report.damaged.iter().map(|damage| (damage.root, damage.piece)).collect::<Vec<_>>(), [(root, 1)]);
    assert_eq!(world.stats().await.damaged, 1);
    flip();
    // Whatever the clock says by then.
    world.clock.jump(-86_400);
    let report = fixity::verify(&world.archive, &Options::new(Extent::All), &Silent).await.expect("a check");
    assert!(report.sound(), "{report:?}");
    assert_eq!(world.stats().await.damaged, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_or_is_gone_is_told_and_the_rest_is_checked() {
    let world = World::new().await;
    for number in 1..=4 {
        world.file(&format!("{number}.wav"), &noise(number, 300));
    }
    let (_, outcomes) = world.ingest("one").await;
    let roots: Vec<BlobId> = outcomes.iter().filter_map(|outcome| outcome.root).collect();
    let path = |root| world.archive.store().path_of(root).expect("a local store");
    fs::remove_file(path(roots[0])).expect("removed");
    // What stands at the blob's place cannot be read as a file, as a bad sector cannot.
    fs::remove_file(path(roots[1])).expect("removed");
    fs::create_dir(path(roots[1])).expect("a folder in its place");
    let report = fixity::verify(&world.archive, &Options::new(Extent::All), &Silent).await.expect("a check");
    assert_eq!(report.checked, 4);
    assert_eq!(report.missing, [roots[0]]);
    assert_eq!(report.damaged.iter().map(|damage| damage.root).collect::<Vec<_>>(), [roots[1]]);
    assert!(report.damaged[0].found.contains("cannot be read"), "{report:?}");
    assert_eq!(world.stats().await.damaged, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_blob_comes_back_with_the_same_file() {
    let world = World::new().await;
    world.file("1.wav", &noise(1, 300));
    let (_, outcomes) = world.ingest("one").await;
    let path = world.archive.store().path_of(outcomes[0].root.expect("a root")).expect("a local store");
    fs::remove_file(path).expect("removed");
    let (summary, _) = world.ingest("two").await;
    assert_eq!((summary.known, summary.failed), (1, 0));
    assert!(fixity::verify(&world.archive, &Options::new(Extent::All), &Silent).await.expect("a check").sound());
}

/// Progress that wishes to stop after so many units.
struct StopAfter(AtomicI64);

impl Progress for StopAfter {
    fn stage(&self, _what: &str, _total: Option<u64>, _unit: Unit) {}
    fn advance(&self, units: u64) {
        self.0.fetch_sub(units as i64, Ordering::Relaxed);
    }
    fn note(&self, _line: &str) {}
    fn cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed) <= 0
    }
}

/// An archive with so many blobs, in the order of a check.
async fn with_blobs(count: u32) -> (World, Vec<BlobId>) {
    let world = World::new().await;
    for number in 0..count {
        world.file(&format!("{number}.wav"), &noise(number, 300));
    }
    let (_, outcomes) = world.ingest("one").await;
    let mut roots: Vec<BlobId> = outcomes.iter().filter_map(|outcome| outcome.root).collect();
    roots.sort();
    assert_eq!(roots.len() as u32, count);
    (world, roots)
}

fn spoil(world: &World, root: BlobId) {
    let path = world.archive.store().path_of(root).expect("a local store");
    let file = fs::File::options().read(true).write(true).open(path).expect("the blob");
    let mut byte = [0];
    file.read_exact_at(&mut byte, 1000).expect("a byte");
    file.write_all_at(&[byte[0] ^ 1], 1000).expect("a byte");
}

async fn run(world: &World, extent: Extent) -> Report {
    fixity::verify(&world.archive, &Options::new(extent), &Silent).await.expect("a check")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_interrupted_goes_on_and_tells_of_all_of_it() {
    let (world, roots) = with_blobs(12).await;
    spoil(&world, roots[1]);
    spoil(&world, roots[10]);
    // Each has 4844 bytes.
    let stop = StopAfter(AtomicI64::new(4844 * 5));
    let stopped = fixity::verify(&world.archive, &Options::new(Extent::All), &stop).await;
    assert!(matches!(stopped, Err(ArchiveError::Cancelled)), "{stopped:?}");
    assert_eq!(world.stats().await.damaged, 1, "what was found until then is recorded");
    let report = run(&world, Extent::All).await;
    assert_eq!((report.checked, report.resumed, report.bytes), (12, 5, 12 * 4844));
    assert_eq!(report.damaged.iter().map(|damage| damage.root).collect::<Vec<_>>(), [roots[1], roots[10]]);
    let report = run(&world, Extent::All).await;
    assert_eq!((report.checked, report.resumed), (12, 0), "what came to its end begins anew");

    let stop = StopAfter(AtomicI64::new(4844 * 5));
    fixity::verify(&world.archive, &Options::new(Extent::All), &stop).await.expect_err("stopped");
    // Made good meanwhile.
    spoil(&world, roots[1]);
    let report = run(&world, Extent::Damaged).await;
    assert_eq!((report.checked, report.damaged.len()), (2, 1));
    let report = run(&world, Extent::All).await;
    assert_eq!(report.damaged.iter().map(|damage| damage.root).collect::<Vec<_>>(), [roots[10]]);

    let stop = StopAfter(AtomicI64::new(4844 * 5));
    fixity::verify(&world.archive, &Options::new(Extent::All), &stop).await.expect_err("stopped");
    let fresh = Options { fresh: true, ..Options::new(Extent::All) };
    let report = fixity::verify(&world.archive, &fresh, &Silent).await.expect("a check");
    assert_eq!((report.checked, report.resumed), (12, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn each_has_its_turn_before_any_has_a_second_one() {
    let (world, roots) = with_blobs(10).await;
    // What a part of a round checked is what it finds damaged, when all are.
    roots.iter().for_each(|root| spoil(&world, *root));
    let turn = async |amount| {
        let report = run(&world, Extent::Oldest(Some(amount))).await;
        report.damaged.iter().map(|damage| damage.root).collect::<Vec<_>>()
    };
    assert_eq!(turn(Amount::Items(4)).await, roots[..4]);
    assert_eq!(turn(Amount::Percent(25.0)).await, roots[4..7]);
    assert_eq!(turn(Amount::Items(4)).await, [&roots[7..], &roots[..1]].concat(), "over the end and on");
    assert_eq!(turn(Amount::Items(2)).await, roots[1..3]);
    assert_eq!(run(&world, Extent::Oldest(None)).await.checked, 7, "to the end of the round");
    assert_eq!(turn(Amount::Items(99)).await, roots, "and never twice in one go");
    let status = fixity::status(&world.archive).await.expect("a status");
    assert_eq!((status.blobs, status.damaged), (10, 10));
    let round = status.checks.iter().find(|check| check.check == "round").expect("a round");
    assert_eq!((round.checked, round.wrong), (10, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_of_so_many_is_just_so_many_and_can_be_repeated() {
    let (world, roots) = with_blobs(20).await;
    roots.iter().for_each(|root| spoil(&world, *root));
    let sample = async |amount, seed| {
        let extent = Extent::Sample { amount, seed: Some(seed), fresh_seed: 0 };
        let report = run(&world, extent).await;
        report.damaged.iter().map(|damage| damage.root).collect::<Vec<_>>()
    };
    let seven = sample(Amount::Items(7), 1).await;
    assert_eq!(seven.len(), 7);
    assert_eq!(sample(Amount::Items(7), 1).await, seven);
    assert_ne!(sample(Amount::Items(7), 2).await, seven);
    assert_eq!(sample(Amount::Items(50), 1).await, roots);
    assert_eq!(sample(Amount::Percent(100.0), 3).await, roots);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_do_not_do_the_same_check_at_once() {
    let (world, _) = with_blobs(3).await;
    let stop = StopAfter(AtomicI64::new(1));
    fixity::verify(&world.archive, &Options::new(Extent::All), &stop).await.expect_err("stopped");
    let lock = fs::File::open(world.archive.root().join("state/fixity/all.lock")).expect("a lock");
    lock.lock().expect("held");
    let busy = fixity::verify(&world.archive, &Options::new(Extent::All), &Silent).await;
    assert!(matches!(busy, Err(ArchiveError::Busy { .. })), "{busy:?}");
    assert_eq!(run(&world, Extent::Oldest(None)).await.checked, 3, "another check is no obstacle");
    drop(lock);
    // A file that somebody else wrote, or half of one, is no reason to fail.
    fs::write(world.archive.root().join("state/fixity/all.json"), "{\"format\":1,\"beg").expect("written");
    assert_eq!(run(&world, Extent::All).await.checked, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_archive_and_a_folder_with_the_files_make_damage_good() {
    let world = World::new().await;
    let names = ["1.wav", "2.wav", "3.wav"];
    for (number, name) in (1..).zip(names) {
        // Two pieces; all of one length.
        world.file(name, &noise(number, 70_000));
    }
    let (_, outcomes) = world.ingest("one").await;
    let roots: Vec<BlobId> = outcomes.iter().filter_map(|outcome| outcome.root).collect();
    let path = |root| world.archive.store().path_of(root).expect("a local store");
    let other = world.folder.path().join("other");
    fonoteca_testkit::copy_folder(world.archive.root(), &other);
    // The other archive has damage of its own, elsewhere.
    let copy = |root: BlobId| fonoteca_store::layout::path(&other, root);
    fs::write(copy(roots[0]), b"nothing of the kind").expect("written");
    let mut bytes = fs::read(copy(roots[1])).expect("read");
    bytes[1_100_000] ^= 1;
    fs::write(copy(roots[1]), &bytes).expect("written");

    spoil(&world, roots[0]);
    spoil(&world, roots[1]);
    fs::remove_file(path(roots[2])).expect("removed");
    let report = run(&world, Extent::All).await;
    assert_eq!((report.damaged.len(), report.missing.len()), (2, 1));
    let plan =
        repair::plan(&world.archive, &report, vec![Source::Folder(other.clone())], &Silent).await.expect("a plan");
    let pieces: Vec<usize> = plan.blobs.iter().map(|blob| blob.pieces.len()).collect();
    assert_eq!((pieces.iter().sum::<usize>(), plan.blobs.len()), (4, 3));
    let done = repair::repair(&world.archive, &plan, &Silent).await.expect("a repair");
    assert_eq!((done.repaired.len(), done.failed.len(), done.refused.len()), (2, 1, 0), "{done:?}");
    assert_eq!(done.failed[0].root, roots[0]);
    assert_eq!(world.stats().await.damaged, 1);

    // What is left comes from the folder that it was taken in from, under whatever name it has there.
    fs::rename(world.music().join(names[0]), world.music().join("renamed")).expect("renamed");
    let report = run(&world, Extent::Damaged).await;
    assert_eq!(report.checked, 1);
    let plan =
        repair::plan(&world.archive, &report, vec![Source::Folder(world.music())], &Silent).await.expect("a plan");
    let done = repair::repair(&world.archive, &plan, &Silent).await.expect("a repair");
    assert_eq!((done.repaired.len(), done.repaired[0].pieces.as_slice()), (1, &[0][..]));
    assert!(run(&world, Extent::All).await.sound());
    assert_eq!(world.stats().await.damaged, 0);
    let events: Vec<Event> = world.rows().await;
    let recovered = events.iter().filter(|event| event.kind == "recovery" && event.outcome == Outcome::Success);
    assert_eq!(recovered.map(|event| event.subject.clone()).collect::<BTreeSet<_>>().len(), 3);

    spoil(&world, roots[2]);
    let itself = vec![Source::Folder(world.archive.root().to_owned())];
    let report = run(&world, Extent::All).await;
    let plan = repair::plan(&world.archive, &report, itself, &Silent).await.expect("a plan");
    let refused = repair::repair(&world.archive, &plan, &Silent).await;
    assert!(matches!(refused, Err(ArchiveError::Usage(_))), "{refused:?}");
}
