//! How far ingest looks into a file.

use fonoteca_archive::ArchiveError;
use fonoteca_archive::ingest::{Deepening, Depth, FileOutcome, Options, Status, Summary, deepen};
use fonoteca_catalog::{Event, File, FileState, Fingerprint, Link, Rights, Track};
use fonoteca_model::{Progress, Sha256Hash, Silent};
use fonoteca_testkit::Watch;

use crate::world::{World, noise};

#[tokio::test(flavor = "multi_thread")]
async fn each_depth_tells_more() {
    for depth in [Depth::Head, Depth::Packets, Depth::Sound] {
        let world = World::new().await;
        world.file("one.wav", &noise(1, 8_000));
        world.file("list.mp3", b"milk, bread, strings");
        let (summary, outcomes) =
            world.ingest_with(&Options { depth, ..world.options("one") }).await.expect("an ingest");
        assert_eq!((summary.added, summary.refused), (1, 1), "{depth:?}: {outcomes:?}");
        let files: Vec<File> = world.rows().await;
        let file = &files[0];
        assert_eq!((file.container.as_str(), file.codec.as_str(), file.duration_ms), ("wav", "pcm_s16le", 8_000));
        let tracks: Vec<Track> = world.rows().await;
        assert_eq!(tracks[0].title, "one");
        let (read, decoded) = (depth > Depth::Head, depth > Depth::Packets);
        assert_eq!((file.essence_version, file.essence == Sha256Hash([0; 32])), (i32::from(read), !read), "{depth:?}");
        assert_eq!(file.loudness_lufs.is_some(), decoded, "{depth:?}");
        assert_eq!(world.rows::<Fingerprint>().await.len(), usize::from(decoded), "{depth:?}");
        assert_eq!(file.state == FileState::Sound, decoded, "{:?}", file.state_reason);
        if !decoded {
            assert_eq!(file.state, FileState::Unprovable);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn packets_join_a_retagged_copy_and_unread_ones_join_nothing() {
    for (depth, joined) in [(Depth::Head, 0), (Depth::Packets, 1)] {
        let world = World::new().await;
        let sound = noise(1, 3_000);
        let mut tagged = sound.clone();
        tagged.extend(b"LIST\x12\0\0\0INFOINAM\x06\0\0\0Noise\0");
        let size = (tagged.len() - 8) as u32;
        tagged[4..8].copy_from_slice(&size.to_le_bytes());
        world.file("1.wav", &sound);
        world.file("2.wav", &tagged);
        world.file("3.wav", &noise(2, 3_000));
        let (_, outcomes) = world.ingest_with(&Options { depth, ..world.options("one") }).await.expect("an ingest");
        assert!(outcomes.iter().all(|outcome| outcome.status == Status::Added), "{outcomes:?}");
        let links: Vec<Link> = world.rows().await;
        assert_eq!(links.len(), joined, "{depth:?}: {links:?}");
        assert!(links.iter().all(|link| link.reason == "same-essence"));
    }
}

async fn deeper(
    world: &World,
    unique: &str,
    progress: &dyn Progress,
    told: &mut Vec<FileOutcome>,
) -> Result<Summary, ArchiveError> {
    let options = Deepening { batch: 2, ..Deepening::new(unique) };
    deepen(&world.archive, &options, progress, &mut |outcome| {
        told.push(outcome);
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_had_a_short_look_is_looked_at_later() {
    for depth in [Depth::Head, Depth::Packets] {
        let world = World::new().await;
        let sound = noise(1, 8_000);
        let mut longer = noise(1, 8_000);
        longer.truncate(longer.len() - 3_000);
        world.file("a.wav", &sound);
        // It declares more than it has.
        world.file("cut.wav", &longer);
        world.file("other.wav", &noise(2, 8_000));
        world.ingest_with(&Options { depth, ..world.options("one") }).await.expect("an ingest");
        let sorted = |mut tracks: Vec<Track>| {
            tracks.sort_by_key(|track| track.id);
            tracks
        };
        let before = (sorted(world.rows().await), world.rows::<Rights>().await.len(), world.stats().await.blobs);
        let mut told = Vec::new();
        let summary = deeper(&world, "1", &Silent, &mut told).await.expect("an analysis");
        assert_eq!((summary.added, summary.malformed, summary.failed), (2, 1, 0), "{depth:?}: {told:?}");
        assert_eq!(told.len(), 3);
        let files: Vec<File> = world.rows().await;
        assert_eq!(files.len(), 3, "one row a blob counts");
        assert!(files.iter().all(|file| file.loudness_lufs.is_some() && file.essence_version == 1), "{files:?}");
        assert_eq!(files.iter().filter(|file| file.state == FileState::Malformed).count(), 1);
        assert_eq!(files.iter().filter(|file| file.state == FileState::Sound).count(), 2);
        assert!(files.iter().all(|file| file.path.ends_with(b".wav") && file.size > 0));
        let held = world.archive.snapshot().await.expect("a snapshot");
        let roots: Vec<_> = files.iter().map(|file| file.root).collect();
        assert!(held.files(&roots).await.expect("files").values().all(|file| file.loudness_lufs.is_some()));
        assert_eq!(world.rows::<Fingerprint>().await.len(), 3);
        let after = (sorted(world.rows().await), world.rows::<Rights>().await.len(), world.stats().await.blobs);
        assert_eq!(before, after, "ids, rights and blobs stay");
        let links: Vec<Link> = world.rows().await;
        assert_eq!(links.iter().filter(|link| link.reason == "fingerprint").count(), 1, "{depth:?}: {links:?}");
        assert_eq!(world.rows::<Event>().await.iter().filter(|event| event.kind == "validation").count(), 3);

        let summary = deeper(&world, "2", &Silent, &mut told).await.expect("an analysis");
        assert_eq!((summary.added, summary.known, told.len()), (0, 0, 3), "all was settled");
        let (summary, _) = world.ingest("two").await;
        assert_eq!((summary.known, summary.unchanged), (3, 3));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_look_can_be_interrupted_and_goes_on() {
    let world = World::new().await;
    for number in 0..6 {
        world.file(&format!("{number}.wav"), &noise(number + 1, 300));
    }
    world.ingest_with(&Options { depth: Depth::Packets, ..world.options("one") }).await.expect("an ingest");
    let (watch, mut told) = (Watch::default(), 0);
    let options = Deepening { batch: 2, ..Deepening::new("1") };
    let stopped = deepen(&world.archive, &options, &watch, &mut |_| {
        told += 1;
        watch.cancel();
    })
    .await;
    assert!(matches!(stopped, Err(ArchiveError::Cancelled)), "{stopped:?}");
    assert_eq!(told, 2, "the batch that was begun is settled");
    let mut rest = Vec::new();
    let summary = deeper(&world, "2", &Silent, &mut rest).await.expect("an analysis");
    assert_eq!((summary.added, rest.len()), (4, 4));
    assert!(world.rows::<File>().await.iter().all(|file| file.clipped_samples.is_some()));
}
