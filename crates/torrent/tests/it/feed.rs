//! Which feeds are believed, and what is said of those that are not.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fonoteca_model::{BlobId, Sha1Hash, Sha256Hash, Timestamp};
use fonoteca_torrent::feed::{Document, FeedTorrent, FeedVariant, Role, Seeders, Withdrawal};
use fonoteca_torrent::{Feed, FeedError, Kind, PublicKey, Seen, SigningKey, Trust, accept, sign};

const PUBLISHED: i64 = 1_793_620_800;
const WEEK: i64 = 7 * 86_400;

fn now() -> Timestamp {
    Timestamp::from_seconds(PUBLISHED + 60)
}

/// A feed with everything in it.
pub fn sample(serial: u64, previous: Option<Sha256Hash>) -> Feed {
    let variant = |kind, byte: u8, infohash_v2| FeedVariant {
        kind,
        path: format!("releases/2026-11/audio-{byte}.torrent"),
        infohash_v1: Sha1Hash([byte; 20]),
        infohash_v2,
        magnet: format!("magnet:?xt=urn:btih:{}&dn=audio", Sha1Hash([byte; 20])),
        torrent_bytes: 1234,
        torrent_sha256: Sha256Hash([byte; 32]),
    };
    Feed {
        format: "fonoteca-feed/1".to_owned(),
        name: "A small archive".to_owned(),
        serial,
        published: Timestamp::from_seconds(PUBLISHED),
        expires: Timestamp::from_seconds(PUBLISHED + WEEK),
        previous,
        statements: Vec::new(),
        releases: Vec::new(),
        keys: vec!["RWTPfv28COfFglY/mvvdAamLAOm1RvB6zIF+Q4TJgZ7IJsHRz3WCKzA7".parse().expect("a key")],
        base_url: Some("http://127.0.0.1:8080/feed/".to_owned()),
        torrents: vec![FeedTorrent {
            release: "2026-11".to_owned(),
            name: "audio-0001".to_owned(),
            role: Role::Audio,
            variants: vec![variant(Kind::Hybrid, 1, Some(Sha256Hash([3; 32]))), variant(Kind::V1, 2, None)],
            bytes: 34_359_738_368,
            files: 10_000,
            popularity: Some([87, 12]),
            listens_share: 0.25,
            licences: vec!["CC-BY-4.0".to_owned(), "CC0-1.0".to_owned()],
            supersedes: vec![Sha256Hash([4; 32])],
            embargo: Some(Timestamp::from_seconds(PUBLISHED + 10)),
            seeders: Some(Seeders { count: 3, as_of: Timestamp::from_seconds(PUBLISHED - 10) }),
            added: None,
        }],
        withdrawals: vec![Withdrawal {
            subject_kind: "isrc".to_owned(),
            subject: "ZZFNT2600001".to_owned(),
            roots: vec![BlobId([5; 32])],
            at: Timestamp::from_seconds(PUBLISHED - 100),
            reason: "the rights holder asked".to_owned(),
            layer: "recording".to_owned(),
        }],
    }
}

/// The feed that is in the document itself, if one of these keys signed it.
pub fn verify_signed(bytes: &[u8], signature: &str, trusted: &[PublicKey]) -> Result<Feed, FeedError> {
    Trust::new(trusted).verify(bytes, signature).map(|(document, _)| document.outline())
}

fn key() -> SigningKey {
    SigningKey::generate().expect("random numbers")
}

#[test]
fn a_signed_feed_is_read_back() {
    let key = key();
    let feed = sample(1, None);
    let bytes = feed.to_bytes();
    let signature = sign(&bytes, &key, "feed\nserial 1").expect("signs");
    assert!(signature.contains("trusted comment: feed serial 1\n"), "{signature}");
    assert_eq!(verify_signed(&bytes, &signature, &[key.public().clone()]).expect("verifies"), feed);
    accept(&feed, Sha256Hash([1; 32]), None, now()).expect("accepted");
}

#[test]
fn any_key_of_the_trusted_list_will_do() {
    let (old, new) = (key(), key());
    let bytes = sample(1, None).to_bytes();
    let trusted = [old.public().clone(), new.public().clone()];
    for key in [&old, &new] {
        verify_signed(&bytes, &sign(&bytes, key, "").expect("signs"), &trusted).expect("verifies");
    }
}

#[test]
fn a_changed_byte_is_refused() {
    let key = key();
    let mut bytes = sample(1, None).to_bytes();
    let signature = sign(&bytes, &key, "").expect("signs");
    let last = bytes.len() - 1;
    for at in [0, last / 2, last] {
        bytes[at] ^= 1;
        let error = verify_signed(&bytes, &signature, &[key.public().clone()]).expect_err("refused");
        let id = key.public().id();
        assert_eq!(
            error.to_string(),
            format!(
                "the feed's signature does not match: \
                 it was changed after key {id} signed it, or was never signed with it"
            )
        );
        bytes[at] ^= 1;
    }
}

#[test]
fn another_keys_signature_is_refused() {
    let (trusted, stranger) = (key(), key());
    let bytes = sample(1, None).to_bytes();
    let signature = sign(&bytes, &stranger, "").expect("signs");
    let error = verify_signed(&bytes, &signature, &[trusted.public().clone()]).expect_err("refused");
    let (stranger, trusted) = (stranger.public().id(), trusted.public().id());
    assert_eq!(
        error.to_string(),
        format!("the feed is signed with key {stranger}, which is not among the trusted keys ({trusted})")
    );
}

#[test]
fn a_stranger_who_claims_a_trusted_keys_id_is_refused() {
    // The id is not secret: put the trusted key's id into the stranger's signature.
    let (trusted, stranger) = (key(), key());
    let bytes = sample(1, None).to_bytes();
    let theirs = sign(&bytes, &trusted, "").expect("signs");
    let forged = sign(&bytes, &stranger, "").expect("signs");
    let line = |text: &str, index| text.lines().nth(index).expect("four lines").to_owned();
    let decoded = |text: &str| STANDARD.decode(line(text, 1)).expect("base64");
    let second = STANDARD.encode([&decoded(&theirs)[..10], &decoded(&forged)[10..]].concat());
    let text = format!("{}\n{second}\n{}\n{}\n", line(&forged, 0), line(&forged, 2), line(&forged, 3));
    let error = verify_signed(&bytes, &text, &[trusted.public().clone()]).expect_err("refused");
    assert!(error.to_string().starts_with("the feed's signature does not match"), "{error}");
}

#[test]
fn what_is_no_signature_is_refused() {
    let key = key();
    let bytes = sample(1, None).to_bytes();
    let signature = sign(&bytes, &key, "").expect("signs");
    let lines: Vec<&str> = signature.lines().collect();
    let head = "the feed's signature (feed.json.minisig) is not a minisign signature: ";
    for (text, problem) in [
        (String::new(), "it has fewer than four lines"),
        ("<html>\n".repeat(2), "it has fewer than four lines"),
        ("<html>\n".repeat(5), "its fourth line is not a signature"),
        ("x".repeat(5000), "it is too long"),
        // Minisign's verifier would slice past the end of a short one.
        ([lines[0], lines[1], lines[2], "AAAA"].join("\n"), "its fourth line is not a signature"),
        (
            ["comment", lines[1], lines[2], lines[3]].join("\n"),
            "Untrusted comment must start with: untrusted comment: ",
        ),
    ] {
        let error = verify_signed(&bytes, &text, &[key.public().clone()]).expect_err("refused");
        assert_eq!(error.to_string(), format!("{head}{problem}"));
    }
    let comment = [lines[0], lines[1], "trusted comment: other", lines[3]].join("\n");
    assert!(verify_signed(&bytes, &comment, &[key.public().clone()]).is_err(), "the comment is signed too");
}

#[test]
fn another_format_is_named() {
    let key = key();
    let bytes = br#"{"format":"fonoteca-feed/9","all":"else is new"}"#;
    let signature = sign(bytes, &key, "").expect("signs");
    let error = verify_signed(bytes, &signature, &[key.public().clone()]).expect_err("refused");
    let message = "the feed's format is \"fonoteca-feed/9\", this program reads \"fonoteca-feed/1\" and \
                   \"fonoteca-feed/2\": a newer version of it may be needed";
    assert_eq!(error.to_string(), message);
    let later = Feed { format: "fonoteca-feed/9".to_owned(), ..sample(1, None) };
    let error = accept(&later, Sha256Hash([1; 32]), None, now()).expect_err("refused");
    assert_eq!(error.to_string(), message);
}

#[test]
fn fields_added_by_a_later_version_are_passed_over() {
    let text = String::from_utf8(sample(1, None).to_bytes()).expect("UTF-8");
    let more = text.replacen('{', r#"{"new": {"a": [1]},"#, 1).replace(r#""role""#, r#""colour": 1, "role""#);
    assert_eq!(Document::from_bytes(more.as_bytes()).expect("reads"), Document::Whole(sample(1, None)));
}

#[test]
fn serials_only_go_forward() {
    let (first, other) = (Sha256Hash([1; 32]), Sha256Hash([2; 32]));
    let seen = Seen { serial: 5, sha256: first };
    let with = |serial, previous, sha256| {
        accept(&sample(serial, previous), sha256, Some(&seen), now()).map_err(|error| error.to_string())
    };
    assert_eq!(
        with(4, Some(other), other).expect_err("refused"),
        "the feed has serial 4, but serial 5 was already seen: an old feed is being served"
    );
    assert_eq!(
        with(5, Some(other), other).expect_err("refused"),
        "the feed has serial 5 as the one seen before, but other content: two feeds are being served"
    );
    assert_eq!(with(5, Some(other), first), Ok(()), "the same feed again");
    assert_eq!(
        with(6, Some(other), other).expect_err("refused"),
        "the feed's `previous` is not the hash of serial 5, which was seen before it: its history was rewritten"
    );
    assert_eq!(with(6, Some(first), other), Ok(()));
    assert_eq!(with(7, Some(other), other), Ok(()), "the mirror missed one, and cannot check the link");
    assert_eq!(with(u64::MAX, Some(other), other), Ok(()));
}

#[test]
fn the_time_must_be_right() {
    let feed = sample(1, None);
    let at = |seconds| accept(&feed, Sha256Hash([1; 32]), None, Timestamp::from_seconds(PUBLISHED + seconds));
    assert_eq!(
        at(WEEK).expect_err("expired").to_string(),
        "the feed expired at 2026-11-09T12:00:00Z (it is 2026-11-09T12:00:00Z): \
         its publisher has stopped renewing it, or an old one is served"
    );
    assert!(at(WEEK - 1).is_ok());
    assert!(at(-3600).is_ok(), "clocks may differ by an hour");
    assert_eq!(
        at(-3601).expect_err("future").to_string(),
        "the feed was published at 2026-11-02T12:00:00Z, which is in the future (it is 2026-11-02T10:59:59Z): \
         is this machine's clock right?"
    );
}

#[test]
fn fields_out_of_bounds_are_named() {
    let refused = |change: &dyn Fn(&mut Feed)| {
        let mut feed = sample(1, None);
        change(&mut feed);
        accept(&feed, Sha256Hash([1; 32]), None, now()).expect_err("refused").to_string()
    };
    let path = |path: &str| refused(&|feed| feed.torrents[0].variants[1].path = path.to_owned());
    let at = "the feed's torrents[0].variants[1].path";
    assert_eq!(path("../x"), format!("{at} \"../x\" is not a relative path: it has a part that is `.` or `..`"));
    assert_eq!(path("/etc/x"), format!("{at} \"/etc/x\" is not a relative path: it is empty, or a part of it is"));
    assert_eq!(
        path("http://x/y"),
        format!("{at} \"http://x/y\" is not a relative path: it is empty, or a part of it is")
    );
    assert_eq!(path("a%2fb"), format!("{at} \"a%2fb\" is not a plain relative path"));
    assert_eq!(
        path("releases/2026-11/audio-1.torrent"),
        format!("{at} \"releases/2026-11/audio-1.torrent\" is there twice")
    );

    let second = &|feed: &mut Feed| {
        let mut again = feed.torrents[0].clone();
        again.variants.iter_mut().for_each(|variant| variant.path.push('2'));
        feed.torrents.push(again);
    };
    assert_eq!(refused(second), "the feed's torrents[1].name \"audio-0001\" is in its release twice");
    for (change, message) in [
        (&(|feed: &mut Feed| feed.serial = 0) as &dyn Fn(&mut Feed), "serial is 0; the first feed has 1"),
        (&|feed| feed.serial = 2, "previous must be there from serial 2 on, and only then"),
        (&|feed| feed.expires = feed.published, "expires is not after `published`"),
        (&|feed| feed.base_url = Some("file:///".to_owned()), "base_url is \"file:///\", not an http or https URL"),
        (&|feed| feed.name = "\u{1b}[2J".to_owned(), "name has a control character in it"),
        (&|feed| feed.keys = vec![feed.keys[0].clone(); 65], "keys has 65 entries, at most 64 are taken"),
        (
            &|feed| feed.torrents[0].release = "../..".to_owned(),
            "torrents[0].release \"../..\": it has a part with a path separator in it",
        ),
        (&|feed| feed.torrents[0].variants.clear(), "torrents[0].variants is empty"),
        (&|feed| feed.torrents[0].popularity = Some([1, 2]), "torrents[0].popularity has its lower bound first"),
        (&|feed| feed.torrents[0].listens_share = 1.5, "torrents[0].listens_share is not between 0 and 1"),
        (
            &|feed| feed.torrents[0].variants[0].infohash_v2 = None,
            "torrents[0].variants[0].infohash_v2 must be there for a hybrid, and only then",
        ),
        (
            &|feed| feed.torrents[0].variants[0].magnet.clear(),
            "torrents[0].variants[0].magnet does not name `infohash_v1`",
        ),
        (
            &|feed| feed.withdrawals[0].reason = "x".repeat(9000),
            "withdrawals[0].reason has 9000 bytes, at most 8192 are taken",
        ),
    ] {
        assert_eq!(refused(change), format!("the feed's {message}"));
    }
}

#[test]
fn keys_read_back_and_stay_secret() {
    let key = key();
    let again = SigningKey::load(&key.to_secret_text().expect("text")).expect("loads");
    assert_eq!(again.public(), key.public());
    assert_eq!(&key.public().to_file_text().parse::<PublicKey>().expect("reads"), key.public());
    let shown = format!("{key:?}");
    let secret = key.to_secret_text().expect("text");
    assert_eq!(shown, format!("SigningKey({})", key.public()));
    assert!(!shown.contains(secret.lines().nth(1).expect("two lines")));
    for text in ["", "RWQ", "untrusted comment: x\nRWQ=", "untrusted comment: x\n"] {
        assert!(SigningKey::load(text).is_err(), "{text:?}");
        assert!(text.parse::<PublicKey>().is_err(), "{text:?}");
    }
}
