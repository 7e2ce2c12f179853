//! Recordings that come again in another coding: found by the index of sounds, and without it.

use std::fs;

use fonoteca_archive::ingest::Options;
use fonoteca_catalog::Link;

use crate::world::{World, noise};

/// The same sound, half as loud.
fn halved(wav: &[u8]) -> Vec<u8> {
    let (head, samples) = wav.split_at(44);
    let halve = |sample: &[u8; 2]| (i16::from_le_bytes(*sample) / 2).to_le_bytes();
    head.iter().copied().chain(samples.as_chunks::<2>().0.iter().flat_map(halve)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_joined_whether_the_index_has_it_lacks_it_or_is_damaged() {
    // 9 s are long enough for the index, 4 s are not.
    for (milliseconds, spoil) in [(9_000, ""), (9_000, "gone"), (9_000, "damaged"), (4_000, "")] {
        let world = World::new().await;
        for number in 0..3 {
            world.file(&format!("{number}.wav"), &noise(number, milliseconds));
        }
        world.ingest("one").await;
        let sounds = world.archive.root().join("index/sounds");
        match spoil {
            "gone" => fs::remove_dir_all(&sounds).expect("removed"),
            "damaged" => fs::write(sounds.join("current"), "what").expect("written"),
            _ => {}
        }
        world.file("again.wav", &halved(&noise(1, milliseconds)));
        // The second of them is met by the first of its own batch.
        world.file("once more.wav", &halved(&halved(&noise(1, milliseconds))));
        world.file("other.wav", &halved(&noise(7, milliseconds)));
        let two = Options { jobs: 1, ..world.options("two") };
        let (summary, outcomes) = world.ingest_with(&two).await.expect("an ingest");
        assert_eq!((summary.added, summary.known), (3, 3), "{milliseconds} {spoil}: {outcomes:?}");
        let mut links: Vec<Link> = world.rows().await;
        links.sort_by_key(|link| link.from_id);
        assert_eq!(links.len(), 2, "{milliseconds} {spoil}: {links:?}");
        assert!(links.iter().all(|link| link.reason == "fingerprint" && link.to_id == links[0].to_id), "{links:?}");
        let first =
            outcomes.iter().find(|outcome| outcome.path.ends_with("/1.wav")).and_then(|one| one.track_id.clone());
        assert_eq!(Some(links[0].to_id.to_string()), first, "{milliseconds} {spoil}");
    }
}
