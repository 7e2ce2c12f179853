//! What is built: order, padding, the twin, what stands outside, and what is refused.

use std::error::Error;

use fonoteca_model::Sha1Hash;
use fonoteca_torrent::bencode::{self, Value};
use fonoteca_torrent::{File, Kind, Limits, Metainfo, Outside, Selection, build};
use proptest::prelude::*;

use crate::content::{hashes, imagined, path, selection};

const MIB: usize = 1 << 20;

fn outside() -> Outside {
    Outside {
        announce: vec![vec!["http://127.0.0.1:1/announce".to_owned()], vec![], vec!["udp://127.0.0.1:2".to_owned()]],
        web_seeds: vec!["http://127.0.0.1:3/w".to_owned(), "https://127.0.0.1:4/w/".to_owned()],
        comment: Some("a comment".to_owned()),
        created_by: Some("a program".to_owned()),
        creation_date: Some(1_700_000_000),
        source: Some("an archive".to_owned()),
        similar: vec![Sha1Hash([9; 20])],
    }
}

#[test]
fn files_are_sorted_and_padded_and_the_pieces_are_theirs() {
    let chosen = selection("r", &[("b", MIB), ("a.b/c", 1), ("a/z", MIB + 1), ("a-b", 5)]);
    let torrent = build(&chosen, Kind::Hybrid, &Outside::default()).expect("builds");
    let seen: Vec<_> = torrent.files.iter().map(|f| (f.path.join("/"), f.size, f.v1_offset, f.pad)).collect();
    let mib = MIB as u64;
    let expected = [
        ("a/z", mib + 1, 0, false),
        (".pad/1048575", mib - 1, mib + 1, true),
        ("a-b", 5, 2 * mib, false),
        (".pad/1048571", mib - 5, 2 * mib + 5, true),
        ("a.b/c", 1, 3 * mib, false),
        (".pad/1048575", mib - 1, 3 * mib + 1, true),
        ("b", mib, 4 * mib, false),
    ];
    assert_eq!(seen, expected.map(|(path, size, offset, pad)| (path.to_owned(), size, offset, pad)));
    let order = [2, 3, 1, 0];
    let pieces: Vec<_> = order.iter().flat_map(|index| chosen.files[*index].hashes.v1_pieces.clone()).collect();
    assert_eq!(torrent.pieces_v1, pieces);
    assert_eq!(torrent.piece_layers.len(), 1);
    assert_eq!(torrent.real_bytes(), 2 * mib + 7);
    assert_eq!((torrent.total_bytes(), torrent.piece_count()), (5 * mib, 5));
    for ((_, file), index) in torrent.real_files().zip(order) {
        assert_eq!(file.root, Some(chosen.files[index].hashes.root));
    }
    let spans = |piece| torrent.piece_map(piece).iter().map(|s| (s.file, s.offset, s.length)).collect::<Vec<_>>();
    assert_eq!(spans(1), [(0, mib, 1), (1, 0, mib - 1)]);
    assert_eq!(spans(4), [(6, 0, mib)]);
}

#[test]
fn a_file_alone_is_not_padded() {
    let chosen = selection("r", &[("a", MIB + 1)]);
    let torrent = build(&chosen, Kind::Hybrid, &Outside::default()).expect("builds");
    assert_eq!(torrent.files.len(), 1);
    assert!(!torrent.single_file, "a folder all the same");
    let hashes = &chosen.files[0].hashes;
    assert_eq!(torrent.pieces_v1, [hashes.v1_pieces[0], hashes.v1_last_unpadded]);
    assert_eq!(torrent.piece_bytes(1), 1);
}

#[test]
fn the_twin_is_the_same_info_without_the_v2_keys() {
    let chosen = selection("r", &[("a", 3 * MIB), ("b/c", 9)]);
    let hybrid = build(&chosen, Kind::Hybrid, &outside()).expect("builds");
    let twin = build(&chosen, Kind::V1, &outside()).expect("builds");
    let info = |torrent: &Metainfo| {
        let value = bencode::read(torrent.to_bytes(), &bencode::Limits::default()).expect("bencode");
        let info = value.as_dict().and_then(|torrent| torrent.get(b"info")).and_then(Value::as_dict).expect("info");
        let keys = info.iter().map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect::<Vec<_>>();
        (
            keys,
            ["files", "name", "piece length", "pieces"].map(|key| {
                let mut bytes = Vec::new();
                info.get(key.as_bytes()).expect(key).write(&mut bytes);
                bytes
            }),
        )
    };
    let (hybrid_keys, hybrid_values) = info(&hybrid);
    let (twin_keys, twin_values) = info(&twin);
    assert_eq!(hybrid_keys, ["file tree", "files", "meta version", "name", "piece length", "pieces"]);
    assert_eq!(twin_keys, ["files", "name", "piece length", "pieces"]);
    assert_eq!(hybrid_values, twin_values);
    assert_eq!((hybrid.files, hybrid.pieces_v1), (twin.files, twin.pieces_v1));
    assert_ne!(hybrid.info_hash_v1, twin.info_hash_v1);
    assert!(twin.info_hash_v2.is_none() && twin.piece_layers.is_empty());
}

#[test]
fn what_stands_outside_is_read_back_and_leaves_the_hashes_alone() {
    let chosen = selection("r", &[("a", 3), ("b", 4)]);
    let plain = build(&chosen, Kind::Hybrid, &Outside::default()).expect("builds");
    let torrent = build(&chosen, Kind::Hybrid, &outside()).expect("builds");
    assert_eq!(torrent.info_hash_v1, plain.info_hash_v1);
    assert_eq!(torrent.info_hash_v2, plain.info_hash_v2);
    let read = Metainfo::parse(torrent.to_bytes(), &Limits::default()).expect("reads");
    assert_eq!(read, torrent);
    assert_eq!(read.announce, [["http://127.0.0.1:1/announce"], ["udp://127.0.0.1:2"]]);
    assert_eq!(read.web_seeds, ["http://127.0.0.1:3/w/", "https://127.0.0.1:4/w/"]);
    assert_eq!(read.comment.as_deref(), Some("a comment"));
    assert_eq!(read.created_by.as_deref(), Some("a program"));
    assert_eq!(read.creation_date, Some(1_700_000_000));
    assert_eq!(read.similar, [Sha1Hash([9; 20])]);
}

#[test]
fn magnets_name_both_hashes() {
    let torrent = build(&selection("r é", &[("a", 3)]), Kind::Hybrid, &Outside::default()).expect("builds");
    let (v1, v2) = (torrent.info_hash_v1.expect("hybrid"), torrent.info_hash_v2.expect("hybrid"));
    let magnet = torrent.magnet(
        &["http://127.0.0.1:1/announce?a=b&c".to_owned()],
        &["http://127.0.0.1:3/w/".to_owned()],
        &["127.0.0.1:5".parse().expect("address"), "[::1]:6".parse().expect("address")],
    );
    assert_eq!(
        magnet,
        format!(
            "magnet:?xt=urn:btih:{v1}&xt=urn:btmh:1220{v2}&dn=r%20%C3%A9\
             &tr=http%3A%2F%2F127.0.0.1%3A1%2Fannounce%3Fa%3Db%26c&ws=http%3A%2F%2F127.0.0.1%3A3%2Fw%2F\
             &x.pe=127.0.0.1%3A5&x.pe=%5B%3A%3A1%5D%3A6"
        )
    );
}

#[test]
fn the_largest_release_is_within_the_limits() {
    // 10,000 files of 3.3 MB: 32 GiB, as the archive cuts its torrents.
    let file = |index: u64| File {
        path: vec![format!("{:02x}", index % 256), format!("{index:064x}.flac")],
        hashes: imagined(index, 3_435_973),
    };
    let chosen = Selection { name: "large".to_owned(), files: (0..10_000).map(file).collect() };
    let torrent = build(&chosen, Kind::Hybrid, &Outside::default()).expect("builds");
    assert_eq!(torrent.pieces_v1.len(), 40_000);
    assert_eq!(torrent.piece_layers.len(), 10_000);
    assert!(torrent.to_bytes().len() < 6_000_000, "{} bytes", torrent.to_bytes().len());
}

/// The message and its source's.
fn said(error: &dyn Error) -> String {
    error.source().map_or(error.to_string(), |source| format!("{error}: {source}"))
}

#[test]
fn what_cannot_be_a_torrent_is_refused() {
    let refused = |name: &str, files: &[(&str, usize)]| {
        said(&build(&selection(name, files), Kind::Hybrid, &Outside::default()).expect_err("refused"))
    };
    for (name, files, message) in [
        ("r", &[][..], r#"torrent "r" would hold no files: select at least one"#),
        ("..", &[("a", 1)], r#"torrent name ".." cannot be a folder name: it has a part that is `.` or `..`"#),
        (
            "r/s",
            &[("a", 1)],
            r#"torrent name "r/s" cannot be a folder name: it has a part with a path separator in it"#,
        ),
        ("r", &[("a/../b", 1)], r#"torrent "r": path "a/../b" cannot be used: it has a part that is `.` or `..`"#),
        ("r", &[("a//b", 1)], r#"torrent "r": path "a//b" cannot be used: it is empty, or a part of it is"#),
        ("r", &[(".pad/7", 1)], r#"torrent "r": path ".pad/7" cannot be used: `.pad` is for padding only"#),
        ("r", &[("a\0", 1)], r#"torrent "r": path "a\0" cannot be used: it has a part with a control character in it"#),
        (
            "r",
            &[("b", 1), ("a", 1), ("b", 2)],
            r#"torrent "r": path "b" is there twice, or is a file and a folder at once"#,
        ),
        ("r", &[("a/b", 1), ("a", 1)], r#"torrent "r": path "a" is there twice, or is a file and a folder at once"#),
        ("r", &[("r", 1)], r#"torrent "r" holds nothing but a file of the same name: give the torrent another name"#),
    ] {
        assert_eq!(refused(name, files), message);
    }
}

#[test]
fn stored_hashes_that_do_not_fit_are_refused() {
    let whole = hashes(&vec![5; 2 * MIB + 1]);
    let refused = |change: &dyn Fn(&mut fonoteca_model::BlobHashes)| {
        let mut hashes = whole.clone();
        change(&mut hashes);
        let chosen = Selection { name: "r".to_owned(), files: vec![File { path: path("a"), hashes }] };
        said(&build(&chosen, Kind::Hybrid, &Outside::default()).expect_err("refused"))
    };
    let advice = "in the piece layer): hash the blob again";
    let head = r#"torrent "r": the stored hashes of "a" do not fit its"#;
    assert_eq!(refused(&|h| h.size = 1), format!("{head} 1 bytes (3 v1 pieces, 3 nodes {advice}"));
    assert_eq!(refused(&|h| h.size = 0), format!("{head} 0 bytes (3 v1 pieces, 3 nodes {advice}"));
    assert_eq!(
        refused(&|h| h.size = u64::MAX),
        format!("{head} 18446744073709551615 bytes (3 v1 pieces, 3 nodes {advice}")
    );
    assert_eq!(refused(&|h| h.v1_pieces.truncate(2)), format!("{head} 2097153 bytes (2 v1 pieces, 3 nodes {advice}"));
    assert_eq!(refused(&|h| h.piece_layer.clear()), format!("{head} 2097153 bytes (3 v1 pieces, 0 nodes {advice}"));
    assert_eq!(
        refused(&|h| h.piece_layer.swap(0, 2)),
        r#"torrent "r" cannot be built: the torrent's piece layer of "a" does not lead to its `pieces root`"#
    );
    let twin_too = Selection {
        name: "r".to_owned(),
        files: vec![File { path: path("a"), hashes: fonoteca_model::BlobHashes { size: 1, ..whole.clone() } }],
    };
    assert!(build(&twin_too, Kind::V1, &Outside::default()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_the_selection_does_not_matter(
        sizes in prop::collection::vec(1_u64..4_000_000, 1..12),
        swaps in prop::collection::vec((0_usize..12, 0_usize..12), 0..12),
    ) {
        let folders = ["a", "b/c", "b-c", "b/d/e", "é", "z"];
        let file = |(index, size): (usize, &u64)| File {
            path: path(&format!("{}/{index}", folders[index % folders.len()])),
            hashes: imagined(index as u64, *size),
        };
        let mut chosen = Selection { name: "r".to_owned(), files: sizes.iter().enumerate().map(file).collect() };
        let torrents = |chosen: &Selection| {
            [Kind::Hybrid, Kind::V1].map(|kind| build(chosen, kind, &Outside::default()).expect("builds"))
        };
        let before = torrents(&chosen);
        for (one, other) in swaps {
            let count = chosen.files.len();
            chosen.files.swap(one % count, other % count);
        }
        prop_assert_eq!(&before, &torrents(&chosen));
        let [hybrid, twin] = before;
        prop_assert_eq!(&Metainfo::parse(hybrid.to_bytes(), &Limits::default()).expect("reads"), &hybrid);
        let mut read = Metainfo::parse(twin.to_bytes(), &Limits::default()).expect("reads");
        // A v1 torrent does not say the roots; one that was built knows them.
        for (file, built) in read.files.iter_mut().zip(&twin.files) {
            prop_assert_eq!(file.root.take(), None);
            file.root = built.root;
        }
        prop_assert_eq!(&read, &twin);
        let spans = (0..hybrid.piece_count()).flat_map(|piece| hybrid.piece_map(piece));
        let mapped: u64 = spans.map(|span| span.length).sum();
        prop_assert_eq!(mapped, hybrid.total_bytes());
    }
}
