//! What a mirror refuses: feeds that are not to be believed, and bytes that are not what was signed.

use std::path::PathBuf;

use fonoteca_model::Timestamp;
use fonoteca_testkit::{Relay, Wire};
use fonoteca_torrent::feed::{Document, Entry, Listing, SigningKey, sign};

use super::{Publisher, assert_same, follower, number};

/// A feed with its signature.
type Signed = (Vec<u8>, String);

impl Publisher {
    fn feed_path(&self, file: &str) -> PathBuf {
        self.operator.archive().join("releases").join(file)
    }

    fn feed(&self) -> Signed {
        let bytes = std::fs::read(self.feed_path("feed.json")).expect("published");
        (bytes, std::fs::read_to_string(self.feed_path("feed.json.minisig")).expect("signed"))
    }

    /// Serves this instead of the feed.
    fn serve_feed(&self, (bytes, signature): &Signed) {
        std::fs::write(self.feed_path("feed.json.minisig"), signature).expect("written");
        std::fs::write(self.feed_path("feed.json"), bytes).expect("written");
        self.wait_for_feed();
    }

    /// The archive's own signing key.
    fn signing_key(&self) -> SigningKey {
        let folder = std::fs::read_dir(self.operator.keys()).expect("keys").flatten();
        let texts = folder.filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
        let mut keys = texts.filter_map(|text| SigningKey::load(&text).ok());
        keys.next().expect("a signing key")
    }
}

fn signed(feed: &Entry, key: &SigningKey) -> Signed {
    let bytes = feed.to_bytes();
    let signature = sign(&bytes, key, "test").expect("signed");
    (bytes, signature)
}

#[test]
fn a_feed_that_is_not_to_be_believed() {
    let source = Publisher::of(&["Tower Recorders"]);
    let release = source.release("first");
    let first = source.feed();
    source.publish();
    let second = source.feed();
    let mirror = follower(&source.serving.url(), &release.key);

    let Document::Paged(feed) = Document::from_bytes(&second.0).expect("a feed") else { panic!("format 1") };
    let expired = |feed: &mut Entry| {
        feed.serial += 2;
        feed.published = Timestamp::from_seconds(1_700_000_000);
        feed.expires = Timestamp::from_seconds(1_700_000_001);
    };
    let next = |change: &dyn Fn(&mut Entry)| {
        let mut next = feed.clone();
        change(&mut next);
        next
    };
    let key = source.signing_key();
    let changed = String::from_utf8(second.0.clone()).expect("JSON").replace("Source", "Sourze").into_bytes();
    assert_ne!(changed, second.0);
    let refused = [
        // Under the signature that it knows, the mirror asks for no feed at all.
        ((changed.clone(), sign(&second.0, &key, "again").expect("signed")), "the feed's signature does not match"),
        (first, "has serial 1, but serial 2 was already seen"),
        (signed(&next(&|feed| feed.torrents = Listing::default()), &key), "but other content"),
        (signed(&next(&|feed| feed.serial += 1), &key), "its history was rewritten"),
        (signed(&next(&expired), &key), "the feed expired at"),
        (signed(&feed, &SigningKey::generate().expect("a key")), "which is not among the trusted keys"),
        ((second.0.clone(), "no signature".to_owned()), "is not a minisign signature"),
    ];
    for (feed, reason) in refused {
        source.serve_feed(&feed);
        let ran = mirror.run(&["mirror", "pull"]).ended(1);
        assert!(ran.err.contains(reason), "{reason}: {}", ran.err);
        assert!(ran.err.contains(&source.serving.url()), "the message names the feed: {}", ran.err);
        assert_eq!(mirror.object(&["mirror", "status"])["serial"], 2);
    }
    assert!(mirror.blobs().is_empty(), "nothing came of all that");

    // Whoever comes first refuses what the signature is not over; who knows the signature goes by what it has.
    source.serve_feed(&(changed, second.1.clone()));
    let fresh = fonoteca_testkit::Operator::new(super::PROGRAM, "Fresh");
    let ran = fresh.run(&["mirror", "add", &source.serving.url(), "--key", &release.key]).ended(1);
    assert!(ran.err.contains("the feed's signature does not match"), "{}", ran.err);
    assert_eq!(mirror.object(&["mirror", "plan"])["serial"], 2);

    source.serve_feed(&second);
    mirror.json(&["mirror", "pull"]);
    assert_same(&source.operator, &mirror);
}

#[test]
fn a_page_that_is_not_the_one_that_was_signed() {
    let source = Publisher::of(&["Tower Recorders"]);
    let release = source.release("first");
    let Document::Paged(feed) = Document::from_bytes(&source.feed().0).expect("a feed") else { panic!("format 1") };
    let page = feed.torrents.pages[0];
    let path = source.feed_path(".pages").join(page.file_name());
    let bytes = std::fs::read(&path).expect("a page");
    let mut changed = bytes.clone();
    changed[30] ^= 1;
    let url = source.serving.url();
    let mirror = fonoteca_testkit::Operator::new(super::PROGRAM, "Mirror");
    let add = ["mirror", "add", &url, "--key", &release.key];
    for (wrong, reason) in [
        (Some(changed), "is not the page that the signed feed names"),
        (Some(bytes[1..].to_vec()), "is not the page that the signed feed names"),
        (Some([&bytes[..], b"more"].concat()), "it is longer than"),
        (None, "404"),
    ] {
        match wrong {
            Some(wrong) => std::fs::write(&path, wrong).expect("written"),
            None => std::fs::remove_file(&path).expect("removed"),
        }
        let ran = mirror.run(&add).ended(1);
        assert!(ran.err.contains(reason) && ran.err.contains(&page.file_name()), "{reason}: {}", ran.err);
        assert!(mirror.json(&["mirror", "status"]).is_empty());
    }
    std::fs::write(&path, &bytes).expect("written");
    mirror.json(&add);
    // What is torn here is fetched again, and what is unchanged there is not.
    let kept = mirror.archive().join("state/mirrors/source/pages").join(page.file_name());
    std::fs::write(&kept, b"torn").expect("written");
    mirror.json(&["mirror", "pull"]);
    assert_eq!(std::fs::read(&kept).expect("read"), bytes);
    assert_same(&source.operator, &mirror);
}

#[test]
fn a_feed_signed_by_another_key_than_the_one_given() {
    let source = Publisher::of(&["Tower Recorders"]);
    source.release("first");
    let mirror = fonoteca_testkit::Operator::new(super::PROGRAM, "Mirror");
    let other = SigningKey::generate().expect("a key").public().to_string();
    let ran = mirror.run(&["mirror", "add", &source.serving.url(), "--key", &other]).ended(1);
    assert!(ran.err.contains("not among the trusted keys"), "{}", ran.err);
    // Without a key somebody must say yes, and here is no terminal.
    let ran = mirror.run(&["mirror", "add", &source.serving.url()]).ended(2);
    assert!(ran.err.contains("--yes"), "{}", ran.err);
    assert!(mirror.json(&["mirror", "status"]).is_empty());
}

#[test]
fn a_web_seed_that_sends_wrong_bytes() {
    let source = Publisher::of(&["Tower Recorders", "Ансамбль «Аврора»"]);
    let release = source.release("first");
    let liar = Relay::to(source.serving.http, Wire { corrupts: Some(b"GET /webseed/"), ..Wire::default() });
    let mirror = follower(&liar.url(), &release.key);
    let ran = mirror.run(&["mirror", "pull", "--via", "web-seed", "--json"]).ended(1);
    let report = &ran.json()[0];
    let failed = report["failed"].as_array().expect("a list");
    assert!(failed.iter().any(|failure| failure[0] == "first-p000-0001"), "{report}");
    let told = format!("{}/webseed/first-p000-0001/", liar.url());
    assert!(ran.err.contains(&told) && ran.err.contains("wrong bytes"), "it names who sent what: {}", ran.err);

    let verified = mirror.object(&["verify"]);
    assert_eq!(verified["damaged"], serde_json::json!([]));
    assert_eq!(number(&mirror.object(&["stats"]), "files"), 0, "no audio was believed");
    assert_eq!(mirror.object(&["mirror", "status"])["state"], "behind");
}

#[test]
fn a_peer_that_lies_is_named_and_the_web_seed_helps_out() {
    let source = Publisher::of(&["Tower Recorders", "Ансамбль «Аврора»"]);
    // Without a tracker, so that the liar is the only peer.
    let release = source.release_with("first", &[]);
    let seeder = source.serving.bittorrent.expect("it seeds");
    let liar = Relay::to(seeder, Wire { corrupts: Some(b"\x13BitTorrent protocol"), ..Wire::default() });
    let mirror = follower(&source.serving.url(), &release.key);
    let peer = liar.address().to_string();
    let ran = mirror.run(&["mirror", "pull", "--peer", &peer]).ended(0);
    assert!(ran.err.contains(&format!("peer {peer} sent wrong bytes")), "{}", ran.err);
    assert!(ran.err.contains("asking the web seed"), "{}", ran.err);
    assert_same(&source.operator, &mirror);
}
