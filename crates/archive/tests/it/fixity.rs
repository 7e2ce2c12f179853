//! Damage is found, told where, remembered, and forgotten when it is made good.

use std::fs;
use std::os::unix::fs::FileExt;

use fonoteca_archive::fixity;
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
    let report = fixity::verify(&world.archive, None, 0, &Silent).await.expect("a check");
    assert!(!report.sound());
    assert_eq!(report.damaged.iter().map(|damage| (damage.root, damage.piece)).collect::<Vec<_>>(), [(root, 1)]);
    assert_eq!(world.stats().await.damaged, 1);
    flip();
    // Whatever the clock says by then.
    world.clock.jump(-86_400);
    let report = fixity::verify(&world.archive, None, 0, &Silent).await.expect("a check");
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
    let report = fixity::verify(&world.archive, None, 0, &Silent).await.expect("a check");
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
    assert!(fixity::verify(&world.archive, None, 0, &Silent).await.expect("a check").sound());
}
