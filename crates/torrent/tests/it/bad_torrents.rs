//! Torrents that are wrong in one way each, most after the broken torrents that libtorrent's own tests keep.

use std::error::Error;

use fonoteca_torrent::bencode::{self, Dict, Value};
use fonoteca_torrent::{Kind, Limits, Metainfo, Outside, build};

use crate::content::selection;

const MIB: usize = 1 << 20;

/// A hybrid of `a` (3 pieces), `b/c` (9 bytes) and `d` (a piece), or its twin.
fn good(kind: Kind) -> Vec<u8> {
    let chosen = selection("r", &[("a", 2 * MIB + 1), ("b/c", 9), ("d", MIB)]);
    build(&chosen, kind, &Outside::default()).expect("builds").to_bytes().to_vec()
}

fn refusal_under(bytes: &[u8], limits: &Limits) -> String {
    let error = Metainfo::parse(bytes, limits).expect_err("refused");
    error.source().map_or(error.to_string(), |source| format!("{error}: {source}"))
}

fn refusal(bytes: &[u8]) -> String {
    refusal_under(bytes, &Limits::default())
}

fn written(value: Dict<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    Value::Dict(value).write(&mut bytes);
    bytes
}

fn dict<'a>(value: &Value<'a>) -> Dict<'a> {
    value.as_dict().expect("a dictionary").clone()
}

/// Dictionary `of` without the key.
fn without<'a>(of: &Dict<'a>, key: &[u8]) -> Dict<'a> {
    let mut rest = Dict::default();
    of.iter().filter(|(held, _)| *held != key).for_each(|(held, value)| rest.insert(held, value.clone()));
    rest
}

/// The torrent with its `info` changed.
fn with_info<'a>(bytes: &'a [u8], change: impl FnOnce(&mut Dict<'a>)) -> Vec<u8> {
    let value = bencode::read(bytes, &bencode::Limits::default()).expect("bencode");
    let mut torrent = dict(&value);
    let mut info = dict(torrent.get(b"info").expect("info"));
    change(&mut info);
    torrent.insert(b"info", Value::Dict(info));
    written(torrent)
}

/// The torrent with one entry of `files` changed.
fn with_file<'a>(bytes: &'a [u8], index: usize, change: impl FnOnce(&mut Dict<'a>)) -> Vec<u8> {
    with_info(bytes, |info| {
        let mut files = info.get(b"files").and_then(Value::as_list).expect("files").to_vec();
        let mut file = dict(&files[index]);
        change(&mut file);
        files[index] = Value::Dict(file);
        info.insert(b"files", Value::List(files));
    })
}

/// The hybrid with the leaf of file `d` changed.
fn with_leaf(change: impl FnOnce(&mut Dict<'_>)) -> Vec<u8> {
    with_info(&good(Kind::Hybrid), |info| {
        let mut tree = dict(info.get(b"file tree").expect("tree"));
        let mut node = dict(tree.get(b"d").expect("d"));
        let mut leaf = dict(node.get(b"").expect("leaf"));
        change(&mut leaf);
        node.insert(b"", Value::Dict(leaf));
        tree.insert(b"d", Value::Dict(node));
        info.insert(b"file tree", Value::Dict(tree));
    })
}

/// The hybrid with its tree changed.
fn with_tree(change: impl FnOnce(&mut Dict<'_>)) -> Vec<u8> {
    with_info(&good(Kind::Hybrid), |info| {
        let mut tree = dict(info.get(b"file tree").expect("tree"));
        change(&mut tree);
        info.insert(b"file tree", Value::Dict(tree));
    })
}

/// The hybrid with its piece layers changed.
fn with_layers(change: impl FnOnce(&mut Dict<'_>)) -> Vec<u8> {
    let bytes = good(Kind::Hybrid);
    let value = bencode::read(&bytes, &bencode::Limits::default()).expect("bencode");
    let mut torrent = dict(&value);
    let mut layers = dict(torrent.get(b"piece layers").expect("layers"));
    change(&mut layers);
    torrent.insert(b"piece layers", Value::Dict(layers));
    written(torrent)
}

fn list<'a>(components: &[&'a str]) -> Value<'a> {
    Value::List(components.iter().map(|component| Value::Bytes(component.as_bytes())).collect())
}

#[test]
fn not_bencode() {
    let nested = [b"d4:info".as_slice(), &vec![b'l'; 100_000]].concat();
    for (bytes, message) in [
        (&b""[..], "bencode ends inside a value that begins at byte 0"),
        (b"<html>404</html>", "byte 0 (0x3c) begins no bencoded value"),
        (b"i1e", "the bencoded value is not a dictionary"),
        (&nested, "bencode nests deeper than 64 at byte 70"),
        (b"d4:infod6:lengthi99999999999999999999eee", "the number at byte 17 does not fit 64 bits"),
        (b"d4:infod6:lengthi-0eee", "the number at byte 17 is not written the canonical way"),
        (b"d4:infode4:infodee", "the dictionary key at byte 9 is a duplicate or out of order"),
        (b"d4:info9999999999:xe", "bencode ends inside a value that begins at byte 7"),
        (b"d4:infodeex", "bytes after the end of the bencoded value, at byte 10"),
    ] {
        assert_eq!(refusal(bytes), format!("the torrent is not well-formed: {message}"));
    }
    let small = Limits { bencode: bencode::Limits { bytes: 100, ..Default::default() }, ..Default::default() };
    let size = good(Kind::V1).len();
    assert_eq!(
        refusal_under(&good(Kind::V1), &small),
        format!("the torrent is not well-formed: {size} bytes of bencode, at most 100 are read")
    );
}

#[test]
fn keys_missing_or_of_another_type() {
    assert_eq!(refusal(b"de"), "the torrent has no `info`");
    assert_eq!(refusal(b"d4:infoi1ee"), "the torrent's `info` is not a dictionary");
    for key in ["name", "piece length", "pieces", "files"] {
        let bytes = with_info(&good(Kind::V1), |info| *info = without(info, key.as_bytes()));
        assert_eq!(refusal(&bytes), format!("the torrent has no `{key}`"));
    }
    for (key, expected) in
        [("name", "a byte string"), ("piece length", "an integer"), ("pieces", "a byte string"), ("files", "a list")]
    {
        let bytes = with_info(&good(Kind::V1), |info| info.insert(key.as_bytes(), Value::Dict(Dict::default())));
        assert_eq!(refusal(&bytes), format!("the torrent's `{key}` is not {expected}"));
    }
    let latin1 = with_info(&good(Kind::V1), |info| info.insert(b"name", Value::Bytes(b"\xe9")));
    assert_eq!(refusal(&latin1), "the torrent's `name` is not UTF-8 text");
    let both = with_info(&good(Kind::V1), |info| info.insert(b"length", Value::Int(1)));
    assert_eq!(refusal(&both), "the torrent's `length` is not absent beside `files`");
    let none = with_info(&good(Kind::V1), |info| info.insert(b"files", Value::List(vec![])));
    assert_eq!(refusal(&none), "the torrent has no `files`");
    for key in ["length", "path"] {
        let bytes = with_file(&good(Kind::V1), 0, |file| *file = without(file, key.as_bytes()));
        assert_eq!(refusal(&bytes), format!("the torrent has no `{key}`"));
    }
}

#[test]
fn numbers_out_of_range() {
    let length = |number| with_file(&good(Kind::V1), 0, |file| file.insert(b"length", Value::Int(number)));
    assert_eq!(refusal(&length(-1)), "the torrent's `length` cannot be -1");
    assert_eq!(refusal(&length(i64::MIN)), "the torrent's `length` cannot be -9223372036854775808");
    assert_eq!(
        refusal(&length(i64::MAX)),
        "the torrent has 9223372036854775807 bytes, at most 70368744177664 are taken"
    );
    let boundless = Limits {
        total_bytes: u64::MAX,
        pieces: u64::MAX,
        piece_bytes: u64::MAX,
        files: usize::MAX,
        ..Limits::default()
    };
    assert_eq!(
        refusal_under(&length(i64::MAX), &boundless),
        "the torrent has 9223372036854775807 bytes, at most 4611686018427387904 are taken"
    );
    let piece = |kind, number| with_info(&good(kind), |info| info.insert(b"piece length", Value::Int(number)));
    assert_eq!(refusal(&piece(Kind::V1, 0)), "the torrent's `piece length` cannot be 0");
    assert_eq!(refusal(&piece(Kind::V1, -16384)), "the torrent's `piece length` cannot be -16384");
    assert_eq!(refusal(&piece(Kind::Hybrid, 8192)), "the torrent's `piece length` cannot be 8192");
    assert_eq!(refusal(&piece(Kind::Hybrid, 1_000_000)), "the torrent's `piece length` cannot be 1000000");
    assert_eq!(
        refusal(&piece(Kind::V1, 1 << 40)),
        "the torrent has 1099511627776 bytes in a piece, at most 268435456 are taken"
    );
    assert_eq!(refusal(&piece(Kind::V1, 1)), "the torrent has 5242880 pieces, at most 2097152 are taken");
    let boundless_piece = piece(Kind::V1, i64::MAX);
    let needs_one = refusal_under(&boundless_piece, &boundless);
    assert_eq!(needs_one, "the torrent's `pieces` are 100 bytes, its files need 20");
}

#[test]
fn limits_are_limits() {
    let files = Limits { files: 4, ..Limits::default() };
    assert_eq!(refusal_under(&good(Kind::V1), &files), "the torrent has 5 files, at most 4 are taken");
    let files = Limits { files: 2, ..Limits::default() };
    assert_eq!(refusal_under(&good(Kind::Hybrid), &files), "the torrent has 3 files, at most 2 are taken");
    let total = Limits { total_bytes: 5 << 20, ..Limits::default() };
    assert!(Metainfo::parse(&good(Kind::Hybrid), &total).is_ok());
    let total = Limits { total_bytes: (5 << 20) - 1, ..Limits::default() };
    assert_eq!(refusal_under(&good(Kind::Hybrid), &total), "the torrent has 5242880 bytes, at most 5242879 are taken");
    let pieces = Limits { pieces: 4, ..Limits::default() };
    assert_eq!(refusal_under(&good(Kind::Hybrid), &pieces), "the torrent has 5 pieces, at most 4 are taken");

    let chosen = selection("r", &[("a", 1), ("b", 1)]);
    let outside = Outside { announce: vec![vec!["u".to_owned(); 3]], ..Outside::default() };
    let torrent = build(&chosen, Kind::V1, &outside).expect("builds");
    let urls = Limits { urls: 2, ..Limits::default() };
    assert_eq!(refusal_under(torrent.to_bytes(), &urls), "the torrent has 3 trackers, at most 2 are taken");
    let outside = Outside { comment: Some("c".repeat(9000)), ..Outside::default() };
    let error = build(&chosen, Kind::V1, &outside).expect_err("too long");
    assert_eq!(
        error.source().map(ToString::to_string).as_deref(),
        Some("the torrent has 9000 bytes in a text, at most 8192 are taken")
    );
}

#[test]
fn paths_that_leave_the_folder() {
    let with_path =
        |components: &[&str]| refusal(&with_file(&good(Kind::V1), 0, |file| file.insert(b"path", list(components))));
    for (components, message) in [
        (&["..", "x"][..], r#"path "../x" is refused: it has a part that is `.` or `..`"#),
        (&["x", "."], r#"path "x/." is refused: it has a part that is `.` or `..`"#),
        (&["/etc/passwd"], r#"path "/etc/passwd" is refused: it has a part with a path separator in it"#),
        (&["x\\..\\y"], r#"path "x\\..\\y" is refused: it has a part with a path separator in it"#),
        (&["x\0"], r#"path "x\0" is refused: it has a part with a control character in it"#),
        (&["x\n"], r#"path "x\n" is refused: it has a part with a control character in it"#),
        (&[""], r#"path "" is refused: it is empty, or a part of it is"#),
        (&[], r#"path "" is refused: it is empty, or a part of it is"#),
        (&[".pad", "7"], r#"path ".pad/7" is refused: `.pad` is for padding only"#),
        (&["d"], r#"path "d" is there twice, or is a file and a folder at once"#),
        (&["d", "x"], r#"path "d" is there twice, or is a file and a folder at once"#),
        (&["b"], r#"path "b" is there twice, or is a file and a folder at once"#),
    ] {
        assert_eq!(with_path(components), format!("the torrent's {message}"));
    }
    let pad = with_file(&good(Kind::V1), 1, |file| file.insert(b"path", list(&["..", "x"])));
    assert_eq!(refusal(&pad), r#"the torrent's path "../x" is refused: it has a part that is `.` or `..`"#);
    let name = with_info(&good(Kind::V1), |info| info.insert(b"name", Value::Bytes(b"../r")));
    assert_eq!(refusal(&name), r#"the torrent's path "../r" is refused: it has a part with a path separator in it"#);
    let link = with_file(&good(Kind::V1), 0, |file| file.insert(b"attr", Value::Bytes(b"l")));
    assert_eq!(refusal(&link), r#"the torrent's file "a" is a symbolic link, which is refused"#);
    let link = with_file(&good(Kind::V1), 0, |file| file.insert(b"symlink path", list(&["etc"])));
    assert_eq!(refusal(&link), r#"the torrent's file "a" is a symbolic link, which is refused"#);
}

#[test]
fn pads_need_no_path() {
    let bytes = with_file(&good(Kind::V1), 1, |file| *file = without(file, b"path"));
    let read = Metainfo::parse(&bytes, &Limits::default()).expect("reads");
    assert_eq!(read.files[1].path, [".pad", "1048575"]);
    assert!(read.files[1].pad);
}

#[test]
fn pieces_of_the_wrong_length() {
    for length in [0, 19, 80, 99, 101, 120] {
        let pieces = vec![1; length];
        let twin = good(Kind::V1);
        let bytes = with_info(&twin, |info| info.insert(b"pieces", Value::Bytes(&pieces)));
        assert_eq!(refusal(&bytes), format!("the torrent's `pieces` are {length} bytes, its files need 100"));
    }
}

#[test]
fn halves_of_a_hybrid_that_disagree() {
    let hybrid = good(Kind::Hybrid);
    let disagree = |bytes: &[u8], difference: &str| {
        assert_eq!(refusal(bytes), format!("the v1 and v2 halves of the torrent disagree: {difference}"));
    };
    let renamed = with_file(&hybrid, 4, |file| file.insert(b"path", list(&["e"])));
    disagree(&renamed, r#"where v1 has "e", v2 has "d""#);
    let grown = with_file(&hybrid, 4, |file| file.insert(b"length", Value::Int(1)));
    disagree(&grown, r#""d" is 1 bytes in v1, 1048576 in v2"#);
    let shifted = with_file(&hybrid, 1, |file| file.insert(b"length", Value::Int(7)));
    disagree(&shifted, r#""b/c" begins at byte 2097160 in v1, 3145728 in v2"#);
    let gap = with_file(&hybrid, 1, |file| file.insert(b"length", Value::Int((2 << 20) - 1)));
    disagree(&gap, r#""b/c" begins at byte 4194304 in v1, 3145728 in v2"#);
    let unpadded = with_info(&hybrid, |info| {
        let files = info.get(b"files").and_then(Value::as_list).expect("files");
        info.insert(b"files", Value::List(vec![files[0].clone(), files[2].clone(), files[4].clone()]));
    });
    disagree(&unpadded, r#""b/c" begins at byte 2097153 in v1, 3145728 in v2"#);
    let fewer = with_info(&hybrid, |info| {
        let files = info.get(b"files").and_then(Value::as_list).expect("files");
        info.insert(b"files", Value::List(files[..4].to_vec()));
    });
    disagree(&fewer, "v1 lists 2 files, v2 3");
    let unordered = with_info(&hybrid, |info| {
        let mut files = info.get(b"files").and_then(Value::as_list).expect("files").to_vec();
        files.rotate_right(1);
        info.insert(b"files", Value::List(files));
    });
    disagree(&unordered, r#"where v1 has "d", v2 has "a""#);
    let tail = with_info(&hybrid, |info| {
        let mut files = info.get(b"files").and_then(Value::as_list).expect("files").to_vec();
        files.push(files[1].clone());
        info.insert(b"files", Value::List(files));
    });
    disagree(&tail, "v1 ends at byte 6291455, v2 at 5242880");
}

#[test]
fn version_two_without_its_parts() {
    let hybrid = good(Kind::Hybrid);
    let later = with_info(&hybrid, |info| info.insert(b"meta version", Value::Int(3)));
    assert_eq!(refusal(&later), "the torrent's meta version is 3; versions 1 (without the key) and 2 are known");
    let unversioned = with_info(&hybrid, |info| *info = without(info, b"meta version"));
    assert_eq!(refusal(&unversioned), "the torrent has no `meta version`");
    let treeless = with_info(&hybrid, |info| *info = without(info, b"file tree"));
    assert_eq!(refusal(&treeless), "the torrent has no `file tree`");
}

#[test]
fn trees_that_are_none() {
    let tree = |problem: &str| format!("the torrent's file tree: {problem}");
    assert_eq!(refusal(&with_tree(|t| *t = Dict::default())), tree(r#""" is an empty folder"#));
    assert_eq!(
        refusal(&with_tree(|t| t.insert(b"x", Value::Dict(Dict::default())))),
        tree(r#""x" is an empty folder"#)
    );
    assert_eq!(refusal(&with_tree(|t| t.insert(b"x", Value::Int(1)))), "the torrent's `file tree` is not a dictionary");
    let leaf_at = |key: &'static [u8]| {
        with_tree(|t| {
            let leaf = t.get(b"d").expect("d").clone();
            t.insert(key, leaf);
        })
    };
    assert_eq!(refusal(&leaf_at(b"..")), r#"the torrent's path "/.." is refused: it has a part that is `.` or `..`"#);
    assert_eq!(
        refusal(&leaf_at(b"a/b")),
        r#"the torrent's path "/a/b" is refused: it has a part with a path separator in it"#
    );
    assert_eq!(refusal(&leaf_at(b"")), r#"the torrent's path "/" is refused: it is empty, or a part of it is"#);
    assert_eq!(refusal(&leaf_at(b".pad")), r#"the torrent's path ".pad" is refused: `.pad` is for padding only"#);
    assert_eq!(refusal(&leaf_at(b"\xff")), "the torrent's path \"/\u{fffd}\" is refused: it is not UTF-8");
    let both = with_tree(|t| {
        let mut node = dict(t.get(b"d").expect("d"));
        node.insert(b"x", Value::Dict(Dict::default()));
        t.insert(b"d", Value::Dict(node));
    });
    assert_eq!(refusal(&both), tree(r#""d" is a file and a folder at once"#));
    assert_eq!(refusal(&with_leaf(|leaf| *leaf = without(leaf, b"length"))), "the torrent has no `length`");
    assert_eq!(refusal(&with_leaf(|l| l.insert(b"length", Value::Int(-1)))), "the torrent's `length` cannot be -1");
    assert_eq!(refusal(&with_leaf(|leaf| *leaf = without(leaf, b"pieces root"))), tree(r#""d" has no `pieces root`"#));
    assert_eq!(
        refusal(&with_leaf(|leaf| leaf.insert(b"pieces root", Value::Bytes(&[0; 32])))),
        tree(r#""d" has a `pieces root` of zeros"#)
    );
    assert_eq!(
        refusal(&with_leaf(|leaf| leaf.insert(b"pieces root", Value::Bytes(&[1; 31])))),
        tree(r#""d" has a `pieces root` that is not 32 bytes"#)
    );
    assert_eq!(
        refusal(&with_leaf(|leaf| leaf.insert(b"length", Value::Int(0)))),
        tree(r#""d" is empty and has a `pieces root`"#)
    );
    assert_eq!(
        refusal(&with_leaf(|leaf| leaf.insert(b"attr", Value::Bytes(b"xl")))),
        r#"the torrent's file "d" is a symbolic link, which is refused"#
    );
    assert_eq!(
        refusal(&with_leaf(|leaf| leaf.insert(b"attr", Value::Bytes(b"p")))),
        tree(r#""d" is a pad, which v2 does not have"#)
    );
}

#[test]
fn piece_layers_that_do_not_belong() {
    let layer = |problem: &str| format!(r#"the torrent's piece layer of "a" {problem}"#);
    let missing = with_layers(|layers| *layers = Dict::default());
    assert_eq!(refusal(&missing), layer("is missing"));
    let stray = with_layers(|layers| layers.insert(b"\x01", Value::Bytes(&[1; 64])));
    assert_eq!(refusal(&stray), "the torrent has 2 piece layers, its files need 1");
    for nodes in [&[1; 32][..], &[1; 95], &[1; 97], &[1; 128], b""] as [&'static [u8]; 5] {
        let bytes = with_layers(|layers| {
            let root = layers.iter().next().expect("one").0;
            layers.insert(root, Value::Bytes(nodes));
        });
        assert_eq!(refusal(&bytes), layer("does not have one hash a piece"));
    }
    let wrong = with_layers(|layers| {
        let root = layers.iter().next().expect("one").0;
        layers.insert(root, Value::Bytes(&[1; 96]));
    });
    assert_eq!(refusal(&wrong), layer("does not lead to its `pieces root`"));
    let number = with_layers(|layers| {
        let root = layers.iter().next().expect("one").0;
        layers.insert(root, Value::Int(1));
    });
    assert_eq!(refusal(&number), "the torrent's `piece layers` is not a byte string");
}

#[test]
fn what_others_make_otherwise_is_read() {
    // v2 only: the hybrid without its v1 keys.
    let v2 = with_info(&good(Kind::Hybrid), |info| *info = without(&without(info, b"files"), b"pieces"));
    let read = Metainfo::parse(&v2, &Limits::default()).expect("reads");
    assert!(read.info_hash_v1.is_none() && read.info_hash_v2.is_some() && read.pieces_v1.is_empty());
    let offsets: Vec<_> = read.files.iter().map(|file| (file.v1_offset, file.pad)).collect();
    assert_eq!(offsets, [(0, false), (3 << 20, false), (4 << 20, false)]);
    assert_eq!((0..6).map(|piece| read.piece_bytes(piece)).collect::<Vec<_>>(), [1 << 20, 1 << 20, 1, 9, 1 << 20, 0]);

    // v1 of a single file, pieces of no power of two, one tracker, one web seed that is no list, one that is no URL.
    let single = b"d8:announce3:u:x4:infod6:lengthi25e4:name1:f12:piece lengthi10e6:pieces60:\
        0123456789012345678901234567890123456789012345678901234567897:privatei1ee8:url-list10:http://x/fe";
    let read = Metainfo::parse(single, &Limits::default()).expect("reads");
    assert!(read.single_file && read.private);
    assert_eq!((read.files[0].path.as_slice(), read.piece_count(), read.piece_bytes(2)), (&["f".to_owned()][..], 3, 5));
    assert_eq!(read.announce, [["u:x"]]);
    assert_eq!(read.web_seeds, ["http://x/f"]);
    let ftp = String::from_utf8_lossy(single).replace("10:http://x/f", "9:ftp://x/f");
    assert_eq!(Metainfo::parse(ftp.as_bytes(), &Limits::default()).expect("reads").web_seeds, [""; 0]);
}
