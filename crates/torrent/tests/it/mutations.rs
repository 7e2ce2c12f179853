//! Whatever bytes come, the readers answer and do not panic.

use std::sync::LazyLock;

use fonoteca_model::Sha256Hash;
use fonoteca_torrent::bencode::{self, Value};
use fonoteca_torrent::feed::{Document, FeedTorrent, pack, unpack};
use fonoteca_torrent::{Kind, Limits, Metainfo, Outside, PublicKey, SigningKey, build, sign};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::content::selection;
use crate::feed::{sample, verify_signed};

/// A hybrid and its twin; made once, since hashing for every case would take most of the time.
static TORRENTS: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let chosen = selection("r", &[("a", (1 << 20) + 1), ("b/c", 9)]);
    [Kind::Hybrid, Kind::V1].map(|kind| build(&chosen, kind, &Outside::default()).expect("builds").to_bytes().to_vec())
});

/// A key, a feed and its signature.
static SIGNED: LazyLock<(SigningKey, Vec<u8>, String)> = LazyLock::new(|| {
    let key = SigningKey::generate().expect("random numbers");
    let bytes = sample(1, None).to_bytes();
    let signature = sign(&bytes, &key, "comment").expect("signs");
    (key, bytes, signature)
});

/// One change to some bytes, at places given as parts of the whole.
#[derive(Debug, Clone)]
enum Change {
    Set(f64, u8),
    Remove(f64, usize),
    Insert(f64, Vec<u8>),
    Repeat(f64, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let digit_or_any = prop_oneof![prop::sample::select(&b"0123456789-:deil"[..]), any::<u8>()];
    prop_oneof![
        (0.0..1.0, digit_or_any).prop_map(|(at, byte)| Change::Set(at, byte)),
        (0.0..1.0, 1_usize..40).prop_map(|(at, count)| Change::Remove(at, count)),
        (0.0..1.0, prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (0.0..1.0, 1_usize..40).prop_map(|(at, count)| Change::Repeat(at, count)),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let place = |part: &f64| (part * bytes.len() as f64) as usize;
        match change {
            _ if bytes.is_empty() => break,
            Change::Set(at, byte) => {
                let at = place(at);
                bytes[at] = *byte;
            }
            Change::Remove(at, count) => {
                let at = place(at);
                bytes.drain(at..(at + count).min(bytes.len()));
            }
            Change::Insert(at, new) => {
                let at = place(at);
                bytes.splice(at..at, new.iter().copied());
            }
            Change::Repeat(at, count) => {
                let at = place(at);
                let again = bytes[at..(at + count).min(bytes.len())].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
    bytes
}

/// What is read must hang together, however it came about.
fn read_and_use(bytes: &[u8]) {
    if let Ok(value) = bencode::read(bytes, &bencode::Limits::default()) {
        let mut again = Vec::new();
        value.write(&mut again);
        assert_eq!(again, bytes, "canonical");
    }
    let limits = Limits { pieces: 1000, ..Limits::default() };
    if let Ok(torrent) = Metainfo::parse(bytes, &limits) {
        assert_eq!(torrent.to_bytes(), bytes);
        let mapped: u64 = (0..torrent.piece_count()).map(|piece| torrent.piece_bytes(piece)).sum();
        assert_eq!(mapped, torrent.files.iter().map(|file| file.size).sum::<u64>());
        assert!(torrent.files.iter().all(|file| !file.path.iter().any(|part| part == ".." || part.contains('/'))));
        torrent.magnet(&[], &[], &[]);
        torrent.case_collisions();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_and_use(&bytes);
        let _ = Document::from_bytes(&bytes);
    }

    #[test]
    fn random_bencode_words(words in prop::collection::vec(prop::sample::select(&[
        "d", "l", "e", "i1e", "i-1e", "i9223372036854775807e", "4:info", "4:name", "1:x", "0:", "5:files", "6:length",
        "4:path", "12:piece length", "i16384e", "6:pieces", "9:file tree", "12:meta version", "i2e", "11:pieces root",
        "20:01234567890123456789", "32:01234567890123456789012345678901", "12:piece layers",
    ][..]), 0..40)) {
        read_and_use(words.concat().as_bytes());
    }

    #[test]
    fn changed_torrents(which in 0_usize..2, changes in prop::collection::vec(change(), 1..4)) {
        read_and_use(&changed(TORRENTS[which].clone(), &changes));
    }

    #[test]
    fn numbers_in_place_of_numbers(
        which in 0_usize..2,
        sizes in prop::collection::vec(prop_oneof![any::<i64>(), 0_i64..1 << 22], 4),
        piece in prop_oneof![any::<i64>(), prop::sample::select(&[1 << 14, 1 << 20, 1 << 21][..])],
    ) {
        let value = bencode::read(&TORRENTS[which], &bencode::Limits::default()).expect("bencode");
        let mut outer = value.as_dict().expect("dictionary").clone();
        let mut info = outer.get(b"info").and_then(Value::as_dict).expect("info").clone();
        let files = info.get(b"files").and_then(Value::as_list).expect("files").iter().zip(sizes).map(|(file, size)| {
            let mut file = file.as_dict().expect("dictionary").clone();
            file.insert(b"length", Value::Int(size));
            Value::Dict(file)
        });
        info.insert(b"files", Value::List(files.collect()));
        info.insert(b"piece length", Value::Int(piece));
        outer.insert(b"info", Value::Dict(info));
        let mut bytes = Vec::new();
        Value::Dict(outer).write(&mut bytes);
        read_and_use(&bytes);
    }
}

/// A page that somebody changed and who signs the feed says that it is right: the hash does not protect then.
#[test]
fn pages_of_a_publisher_who_lies() {
    let page = pack(&sample(1, None).torrents);
    let mut runner =
        proptest::test_runner::TestRunner::new(ProptestConfig { failure_persistence: None, ..<_>::default() });
    let changes = prop::collection::vec(change(), 1..4);
    let tried = runner.run(&changes, |changes| {
        let bytes = changed(page.bytes.clone(), &changes);
        let mut claimed = page.reference;
        claimed.sha256 = Sha256Hash(Sha256::digest(&bytes).into());
        claimed.bytes = bytes.len() as u64;
        let _ = unpack::<FeedTorrent>(&claimed, &bytes);
        Ok(())
    });
    tried.expect("no panic");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_signatures_and_keys(changes in prop::collection::vec(change(), 1..3)) {
        let (key, bytes, signature) = &*SIGNED;
        let wrong = String::from_utf8_lossy(&changed(signature.clone().into_bytes(), &changes)).into_owned();
        let _ = verify_signed(bytes, &wrong, std::slice::from_ref(key.public()));
        let secret = key.to_secret_text().expect("text");
        let _ = SigningKey::load(&String::from_utf8_lossy(&changed(secret.into_bytes(), &changes)));
        let _ = String::from_utf8_lossy(&changed(key.public().to_string().into_bytes(), &changes)).parse::<PublicKey>();
        let altered = changed(bytes.clone(), &changes);
        let read = verify_signed(&altered, signature, std::slice::from_ref(key.public()));
        prop_assert_eq!(read.is_ok(), altered == *bytes);
        let _ = Document::from_bytes(&altered);
    }
}
