//! Torrents that others made: the parts of what is read agree with each other, and its magnet link names it.

use std::collections::HashSet;

use fonoteca_torrent::{Limits, Metainfo, check_component};

/// Takes the bytes as a `.torrent` file.
pub fn check(bytes: &[u8]) {
    let limits = Limits::default();
    let torrent = match Metainfo::parse(bytes, &limits) {
        Ok(torrent) => torrent,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert_eq!(torrent.to_bytes(), bytes);
    assert_eq!(Metainfo::parse(torrent.to_bytes(), &limits).as_ref(), Ok(&torrent));

    assert!(torrent.info_hash_v1.is_some() || torrent.info_hash_v2.is_some());
    assert_eq!(check_component(&torrent.name), Ok(()));
    assert!(torrent.files.len() <= limits.files && torrent.total_bytes() <= limits.total_bytes);
    assert!(torrent.real_bytes() > 0 && torrent.real_bytes() <= torrent.total_bytes());
    let mut paths = HashSet::new();
    for (_, file) in torrent.real_files() {
        assert!(file.path.iter().all(|part| check_component(part).is_ok()), "{:?}", file.path);
        assert!(paths.insert(&file.path), "{:?} is there twice", file.path);
    }
    for file in &torrent.files {
        assert!(file.pad || torrent.info_hash_v2.is_none() || file.root.is_some() == (file.size > 0));
    }
    let seeds = torrent.web_seeds.iter().chain(torrent.announce.iter().flatten());
    assert!(seeds.clone().count() <= 2 * limits.urls && seeds.clone().all(|url| url.len() <= limits.text_bytes));
    assert!(torrent.web_seeds.iter().all(|url| url.starts_with("http")));
    torrent.case_collisions();
    pieces(&torrent);
    magnet(&torrent);
}

/// Pieces cover each byte once.
fn pieces(torrent: &Metainfo) {
    let count = torrent.piece_count();
    assert!(torrent.info_hash_v1.is_none() || torrent.pieces_v1.len() as u64 == count);
    assert!(torrent.piece_map(count).is_empty());
    let some = 0..count.min(64);
    for piece in some.chain(count.saturating_sub(64)..count) {
        let spans = torrent.piece_map(piece);
        assert!(torrent.piece_bytes(piece) <= torrent.piece_length);
        for span in spans {
            let file = &torrent.files[span.file];
            assert!(span.length > 0 && span.offset + span.length <= file.size, "{span:?}");
            let at = file.v1_offset + span.offset;
            assert!(at / torrent.piece_length == piece && (at + span.length - 1) / torrent.piece_length == piece);
        }
    }
    if count <= 64 {
        let bytes: u64 = (0..count).map(|piece| torrent.piece_bytes(piece)).sum();
        assert_eq!(bytes, torrent.files.iter().map(|file| file.size).sum::<u64>());
    }
}

/// A magnet link has the hashes and the name, and nothing in it that would end the link.
fn magnet(torrent: &Metainfo) {
    let trackers: Vec<String> = torrent.announce.iter().flatten().take(20).cloned().collect();
    let link = torrent.magnet(&trackers, &torrent.web_seeds, &[]);
    let parameters = link.strip_prefix("magnet:?").expect("a magnet link");
    assert!(link.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>#".contains(&byte)), "{link}");
    let all = |key: &str| {
        let found = parameters.split('&').filter_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
        found.map(decode).collect::<Vec<String>>()
    };
    assert_eq!(all("dn"), std::slice::from_ref(&torrent.name));
    assert_eq!(all("tr"), trackers);
    assert_eq!(all("ws"), torrent.web_seeds);
    let v1 = torrent.info_hash_v1.map(|hash| format!("urn:btih:{hash}"));
    let v2 = torrent.info_hash_v2.map(|hash| format!("urn:btmh:1220{hash}"));
    assert_eq!(all("xt"), v1.into_iter().chain(v2).collect::<Vec<_>>());
}

/// Undoes `%XX` (RFC 3986, section 2.1).
fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = (*byte == b'%').then(|| std::str::from_utf8(&after[..2]).expect("two digits"));
        bytes.push(hex.map_or(*byte, |hex| u8::from_str_radix(hex, 16).expect("two digits")));
        rest = if hex.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).expect("it was text")
}
