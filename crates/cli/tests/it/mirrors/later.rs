//! What comes after the first release.

use serde_json::Value;

use super::publisher::Published;
use super::{Publisher, assert_same, assert_same_music, follower, number, pull};

#[test]
fn a_second_release_only_adds() {
    let source = Publisher::of(&["Clara Monte", "Tower Recorders"]);
    let first = source.release("first");
    let mirrors = ["bittorrent", "web-seed"].map(|via| (via, follower(&source.serving.url(), &first.key)));
    for (via, mirror) in &mirrors {
        pull(mirror, &["--via", via]);
    }
    let torrents = source.operator.archive().join("releases/first");
    let before = std::fs::read(torrents.join("first-p000-0001.torrent")).expect("it is there");

    // The second release has a cover and an index of its own, and no audio of the first.
    source.take_in(&["Harbour Lights"]);
    let second = source.release("second");
    assert_eq!(std::fs::read(torrents.join("first-p000-0001.torrent")).expect("it is there"), before);
    let fresh = follower(&source.serving.url(), &first.key);
    pull(&fresh, &[]);
    for (via, mirror) in &mirrors {
        let report = pull(mirror, &["--via", via]);
        assert_eq!(number(&report, "torrents"), second.torrents.len() as u64);
        let fetched = number(&report, "fetched_bytes");
        // Peers send whole blocks of 16 KiB, so that with each file comes some padding.
        assert!(fetched <= second.bytes() + 16_384 * second.files(), "{via}: {fetched} for {}", second.bytes());
        assert_same(&source.operator, mirror);
        assert_same_music(&fresh, mirror);
    }
    let catalogue = |release: &Published| {
        let is_catalogue = |torrent: &&Value| torrent["name"].as_str().is_some_and(|name| name.ends_with("-catalogue"));
        release.torrents.iter().find(is_catalogue).map(|torrent| number(torrent, "files")).expect("a catalogue")
    };
    assert!(fresh.blobs().is_subset(&source.operator.blobs()));
    let replaced = (source.operator.blobs().len() - fresh.blobs().len()) as u64;
    assert!(replaced > 0 && replaced <= catalogue(&first), "who begins now leaves out what is replaced: {replaced}");
}
