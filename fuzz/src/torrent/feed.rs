//! Feeds, their signatures and the keys: what was not signed is not believed, and what is read reads back.

use fonoteca_model::{Sha256Hash, Timestamp};
use fonoteca_torrent::feed::{Document, accept_document, verify_bytes};
use fonoteca_torrent::{PublicKey, Seen, SigningKey, Trust, accept};

/// A key, and the one text that it signed before its secret half was thrown away.
const KEY: &str = "RWRQPyaKpgP5z79gWAinEZa1MAxNA8ppjA1/OiOkMtey+zx0CUVAmkjx";
const SIGNED: &[u8] = b"{\"format\": \"fonoteca-feed/1\"}\n";

/// What lies between the two texts of an input.
const BETWEEN: &[u8] = b"\n\n";

/// Takes the first byte as what the others are: a feed, a signature and a feed with an empty line between, a public key or
/// a secret one.
pub fn check(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 4 {
        0 => feed(bytes),
        1 => signed(bytes),
        2 => public_key(bytes),
        _ => secret_key(bytes),
    }
}

fn feed(bytes: &[u8]) {
    let Ok(mut document) = Document::from_bytes(bytes) else { return };
    if let Document::Whole(feed) = &mut document {
        // The last digit of a fraction may change on its way; nobody writes again what somebody signed.
        feed.torrents.iter_mut().for_each(|torrent| torrent.listens_share = torrent.listens_share.round());
    }
    let written = to_bytes(&document);
    let again = Document::from_bytes(&written).expect("what was written is read");
    assert_eq!(to_bytes(&again), written);

    let feed = document.outline();
    let moments = [feed.published, feed.expires.plus_seconds(-1), Timestamp::from_seconds(1_793_620_860)];
    let hash = Sha256Hash([1; 32]);
    for now in moments {
        let fresh = accept(&feed, hash, None, now).is_ok();
        assert!(fresh || accept_document(&document, hash, None, now).is_err(), "its pages make no feed fresh");
        let seen = Seen { serial: feed.serial, sha256: hash };
        assert_eq!(accept(&feed, hash, Some(&seen), now).is_ok(), fresh, "the feed that was seen is no other");
        let other = Seen { sha256: Sha256Hash([2; 32]), ..seen };
        assert!(accept(&feed, hash, Some(&other), now).is_err(), "another feed of the same serial");
        if let Some(serial) = feed.serial.checked_add(1) {
            assert!(accept(&feed, hash, Some(&Seen { serial, ..seen }), now).is_err(), "an older feed");
        }
        if fresh {
            assert!(feed.expires > now && feed.published <= now.plus_seconds(3600));
            for variant in feed.torrents.iter().flat_map(|torrent| &torrent.variants) {
                let inside = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']);
                assert!(variant.path.split('/').all(inside), "{:?}", variant.path);
                assert!(variant.magnet.contains(&variant.infohash_v1.to_string()));
            }
        }
    }
}

fn to_bytes(document: &Document) -> Vec<u8> {
    match document {
        Document::Whole(feed) => feed.to_bytes(),
        Document::Paged(entry) => entry.to_bytes(),
    }
}

fn signed(bytes: &[u8]) {
    let between = bytes.windows(BETWEEN.len()).position(|window| window == BETWEEN);
    let (signature, bytes) = between.map_or((bytes, SIGNED), |at| (&bytes[..at], &bytes[at + BETWEEN.len()..]));
    let Ok(signature) = std::str::from_utf8(signature) else { return };
    let key: PublicKey = KEY.parse().expect("a key");
    let verified = verify_bytes(bytes, signature, std::slice::from_ref(&key));
    assert!(verified.is_err() || bytes == SIGNED, "believed: {:?}", String::from_utf8_lossy(bytes));
    assert!(verify_bytes(bytes, signature, &[]).is_err(), "no key is trusted");
    let fed = Trust::new([key]).verify(bytes, signature);
    assert!(fed.is_err() || verified.is_ok());
}

fn public_key(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(key) = text.parse::<PublicKey>() else { return };
    assert_eq!(key.id().len(), 16);
    for again in [key.to_string(), key.to_file_text()] {
        assert_eq!(again.parse::<PublicKey>().as_ref(), Ok(&key), "{again}");
    }
}

fn secret_key(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(key) = SigningKey::load(text) else { return };
    let again = SigningKey::load(&key.to_secret_text().expect("a key has a text")).expect("what was written is read");
    assert_eq!(again.public(), key.public());
    assert!(!format!("{key:?}").contains(text.trim()), "a secret is printed");
}
