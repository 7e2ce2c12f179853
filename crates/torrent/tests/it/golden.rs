//! Files as they were first published, in `tests/compat`. They are never edited: what was published once must be
//! readable for ever, and the same selection must give the same bytes for ever.

use fonoteca_torrent::{Kind, Limits, Metainfo, Outside, build};

use crate::content::selection;
use crate::feed::{sample, verify_signed};

const HYBRID: &[u8] = include_bytes!("../compat/hybrid.torrent");
const TWIN: &[u8] = include_bytes!("../compat/v1.torrent");
const FEED: &[u8] = include_bytes!("../compat/feed-1.json");
/// Made by minisign 0.11.
const FEED_SIGNATURE: &str = include_str!("../compat/feed-1.json.minisig");
const FEED_KEY: &str = include_str!("../compat/feed-1.pub");

#[test]
fn the_same_selection_gives_the_same_torrent() {
    let chosen = selection("golden", &[("b/é", 9), ("a", (1 << 20) + 1)]);
    for (kind, golden, v1, v2) in [
        (
            Kind::Hybrid,
            HYBRID,
            "977bcc5a5c5a18db82985b93e52b9a94e518de59",
            Some("e380186f78a59fd5165559c0611a50ce4443ca7862952b0c83a1b63425e666cb"),
        ),
        (Kind::V1, TWIN, "c3b3c39cfdd0f28bc855272fff4d236963861887", None),
    ] {
        let built = build(&chosen, kind, &Outside::default()).expect("builds");
        assert_eq!(built.to_bytes(), golden);
        let read = Metainfo::parse(golden, &Limits::default()).expect("reads");
        assert_eq!(read.info_hash_v1, Some(v1.parse().expect("hex")));
        assert_eq!(read.info_hash_v2, v2.map(|hash| hash.parse().expect("hex")));
        assert_eq!(read.name, "golden");
    }
}

#[test]
fn the_first_feed_format_is_read_and_written() {
    let trusted = [FEED_KEY.parse().expect("a public key")];
    let feed = verify_signed(FEED, FEED_SIGNATURE, &trusted).expect("verifies");
    assert_eq!(feed, sample(1, None));
    assert_eq!(feed.to_bytes(), FEED);
}
