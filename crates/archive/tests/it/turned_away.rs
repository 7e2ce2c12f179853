//! What is refused leaves nothing behind, and is told of each file that the user named.

use fonoteca_archive::fixity::{self, Extent, Options};
use fonoteca_archive::ingest::Status;
use fonoteca_model::Silent;
use fonoteca_model::limits::Limits;

use crate::world::{World, noise, statuses};

#[tokio::test(flavor = "multi_thread")]
async fn both_of_two_equal_files_that_are_no_audio_are_refused_by_name() {
    let world = World::new().await;
    world.file("a.mp3", b"milk, bread, strings");
    world.file("b.mp3", b"milk, bread, strings");
    world.file("sound.wav", &noise(1, 500));
    let (summary, outcomes) = world.ingest("one").await;
    assert_eq!((summary.added, summary.refused, summary.known), (1, 2, 0));
    for (outcome, name) in outcomes.iter().filter(|outcome| outcome.status == Status::Refused).zip(["a.mp3", "b.mp3"]) {
        let reason = outcome.reason.as_deref().expect("a reason");
        assert!(reason.contains(name) && !reason.contains("blobs/"), "{reason}");
        assert_eq!(outcome.root, None);
    }
    let report = fixity::verify(&world.archive, &Options::new(Extent::All), &Silent).await.expect("a check");
    assert!(report.sound() && report.unknown.is_empty(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_left_is_refused_and_removed_by_the_next() {
    let world = World::new().await;
    let path = world.file("a.mp3", b"milk, bread, strings");
    // The kill came between taking the bytes in and looking at them.
    let put = world.archive.store().put_file(&path, Limits::default().file_bytes).await.expect("a blob");
    let report = fixity::verify(&world.archive, &Options::new(Extent::All), &Silent).await.expect("a check");
    assert!(report.sound());
    assert_eq!(report.unknown, [put.hashes.root.to_string()]);
    let (summary, _) = world.ingest("one").await;
    assert_eq!((summary.added, summary.refused), (0, 1));
    assert_eq!(world.archive.store().size(put.hashes.root).await.expect("a size"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_a_table_refers_to_stay_although_they_are_refused_as_audio() {
    let world = World::new().await;
    let picture = b"\x89PNG\r\n\x1a\nnot much of a picture";
    world.file("album/cover.png", picture);
    world.file("album/1.wav", &noise(1, 500));
    world.ingest("one").await;
    world.file("album/2.wav", picture);
    let (summary, outcomes) = world.ingest("two").await;
    assert_eq!((summary.known, summary.refused), (1, 1));
    assert_eq!(statuses(&outcomes, "2.wav"), [Status::Refused]);
    let report = fixity::verify(&world.archive, &Options::new(Extent::All), &Silent).await.expect("a check");
    assert!(report.sound(), "{report:?}");
}
