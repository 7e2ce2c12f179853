//! Walking folders: what is not followed, what is left alone.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use fonoteca_archive::ingest::Status;

use crate::world::{World, noise, statuses};

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_lies_among_the_music_does_not_take_itself_in() {
    let world = World::new().await;
    world.file("1.wav", &noise(1, 300));
    let mut options = world.options("one");
    options.paths = vec![world.folder.path().to_owned()];
    world.ingest_with(&options).await.expect("an ingest");
    options.job = "two".to_owned();
    let (summary, outcomes) = world.ingest_with(&options).await.expect("an ingest");
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    assert_eq!((summary.added, summary.known), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_of_links_is_named_and_what_it_holds_comes_in_once() {
    let world = World::new().await;
    world.file("album/1.wav", &noise(1, 300));
    symlink("..", world.music().join("album/up")).expect("a link");
    symlink("nowhere", world.music().join("broken.wav")).expect("a link");
    let (summary, outcomes) = world.ingest("one").await;
    assert_eq!((summary.added, summary.failed), (1, 2), "{outcomes:?}");
    assert_eq!(statuses(&outcomes, "up"), [Status::Failed]);
    assert!(outcomes.iter().any(|outcome| outcome.reason.as_deref().is_some_and(|why| why.contains("link back to"))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_named_pipe_is_refused_and_waited_for_by_nobody() {
    let world = World::new().await;
    for name in ["pipe.mp3", "pipe"] {
        let made = std::process::Command::new("mkfifo").arg(world.music().join(name)).status();
        assert!(made.expect("mkfifo").success());
    }
    let (summary, outcomes) = world.ingest("one").await;
    assert_eq!((summary.refused, summary.ignored), (1, 1), "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_text_is_kept_byte_for_byte() {
    let world = World::new().await;
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.wav");
    std::fs::write(world.music().join(name), noise(1, 300)).expect("a file");
    let (summary, outcomes) = world.ingest("one").await;
    assert_eq!(summary.added, 1);
    assert!(outcomes[0].path_hex.as_deref().is_some_and(|hex| hex.ends_with("636166e92e776176")), "{outcomes:?}");
    let files: Vec<fonoteca_catalog::File> = world.rows().await;
    assert_eq!(files[0].path, b"caf\xe9.wav");
}
