//! How far ingest looks into a file.

use fonoteca_archive::ingest::{Depth, Options, Status};
use fonoteca_catalog::{File, FileState, Fingerprint, Link, Track};
use fonoteca_model::Sha256Hash;

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
