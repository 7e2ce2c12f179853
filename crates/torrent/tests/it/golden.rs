//! Files as they were first published, in `tests/compat`. They are never edited: what was published once must be
//! readable for ever, and the same selection must give the same bytes for ever.

use fonoteca_model::Sha256Hash;
use fonoteca_torrent::feed::{FeedRelease, PageRef, accept_document};
use fonoteca_torrent::{FeedError, Kind, Limits, Metainfo, Outside, PublicKey, Trust, accept, build};
use sha2::{Digest, Sha256};

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

/// Made by Python, zstd 1.5 and minisign 0.11.
#[test]
fn the_second_feed_format_is_read() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat/feed-2");
    let text = |name: &str| std::fs::read_to_string(folder.join(name)).expect("golden data");
    let old: PublicKey = text("old.pub").parse().expect("a public key");
    let bytes = text("feed.json").into_bytes();
    // The old key leads to the one that signed it.
    let (document, trust) = Trust::new([old.clone()]).verify(&bytes, &text("feed.json.minisig")).expect("verifies");
    assert_eq!((trust.former, trust.keys.len()), (vec![old], 1));
    let read = |page: &PageRef| -> Result<Vec<u8>, FeedError> {
        Ok(std::fs::read(folder.join(page.path())).expect("golden data"))
    };
    let feed = document.assemble(read).expect("assembled");
    let mut expected = sample(2, Some(Sha256Hash([6; 32])));
    expected.format = "fonoteca-feed/2".to_owned();
    expected.keys = trust.keys;
    expected.statements = document.statements().to_vec();
    expected.torrents[0].added = Some(expected.published);
    let manifest_sha256 = Sha256Hash([7; 32]);
    expected.releases = vec![FeedRelease { release: "2026-11".to_owned(), manifest_bytes: 4321, manifest_sha256 }];
    assert_eq!(feed, expected);
    let sha256 = Sha256Hash(Sha256::digest(&bytes).into());
    let now = feed.published.plus_seconds(60);
    accept_document(&document, sha256, None, now).and_then(|()| accept(&feed, sha256, None, now)).expect("accepted");
}
