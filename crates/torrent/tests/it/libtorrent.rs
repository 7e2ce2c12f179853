//! libtorrent 2.0 (the engine of qBittorrent) makes the same torrents of the same files, and finds the files complete.

use std::fs;
use std::path::Path;

use fonoteca_torrent::{Kind, Limits, Metainfo, Outside, build};

use crate::content::written;
use crate::programs::output_of;

const MIB: usize = 1 << 20;
const KIB16: usize = 16 << 10;

/// Makes a hybrid of a folder with 1 MiB pieces and writes it; then loads each of the other torrents and checks it
/// against the folder's parent. A line each: v1 hash, v2 hash, whether every byte was found.
const SCRIPT: &str = r#"
import sys, time, libtorrent as lt
parent, name, own, *others = sys.argv[1:]
storage = lt.file_storage()
lt.add_files(storage, parent + "/" + name)
torrent = lt.create_torrent(storage, 1 << 20)
lt.set_piece_hashes(torrent, parent)
with open(own, "wb") as file:
    file.write(lt.bencode(torrent.generate()))

def hashes(info):
    both = info.info_hashes()
    return [str(both.v1) if both.has_v1() else "-", str(both.v2) if both.has_v2() else "-"]

session = lt.session({"listen_interfaces": "127.0.0.1:0", "enable_dht": False, "enable_lsd": False,
                      "enable_upnp": False, "enable_natpmp": False})
print(*hashes(lt.torrent_info(own)), "made")
for path in others:
    info = lt.torrent_info(path)
    handle = session.add_torrent({"ti": info, "save_path": parent})
    until = time.time() + 60
    while time.time() < until and not handle.status().is_seeding and handle.status().errc.value() == 0:
        time.sleep(0.02)
    status = handle.status()
    complete = status.is_seeding and status.progress == 1.0 and status.num_pieces == info.num_pieces()
    found = "complete" if complete else f"incomplete: {status.progress} {status.state} {status.errc.message()}"
    print(*hashes(info), found)
    session.remove_torrent(handle)
"#;

/// Builds hybrid and twin, and compares both with libtorrent's view of the same files.
fn compare(files: &[(&str, usize)]) {
    let folder = tempfile::tempdir().expect("folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let chosen = written(folder.path(), "release", files);
    let hybrid = build(&chosen, Kind::Hybrid, &Outside::default()).expect("builds");
    let twin = build(&chosen, Kind::V1, &Outside::default()).expect("builds");
    fs::write(at("hybrid.torrent"), hybrid.to_bytes()).expect("written");
    fs::write(at("twin.torrent"), twin.to_bytes()).expect("written");

    let args = ["-c", SCRIPT, &at(""), "release", &at("own"), &at("hybrid.torrent"), &at("twin.torrent")];
    let said = output_of("/usr/bin/python3", "python3-libtorrent", &args);
    let v1 = hybrid.info_hash_v1.expect("hybrid");
    let v2 = hybrid.info_hash_v2.expect("hybrid");
    let twin_v1 = twin.info_hash_v1.expect("v1");
    assert_eq!(said, format!("{v1} {v2} made\n{v1} {v2} complete\n{twin_v1} - complete\n"));

    compare_parsed(Path::new(&at("own")), &hybrid);
}

/// What libtorrent made reads as what was built, but for its date.
fn compare_parsed(own: &Path, ours: &Metainfo) {
    let read = Metainfo::parse(&fs::read(own).expect("read"), &Limits::default()).expect("parses");
    assert_eq!(read.files, ours.files);
    assert_eq!(read.pieces_v1, ours.pieces_v1);
    assert_eq!(read.piece_layers, ours.piece_layers);
}

#[test]
fn a_folder_of_every_boundary_size() {
    compare(&[
        ("one byte", 1),
        ("blocks/under", KIB16 - 1),
        ("blocks/even", KIB16),
        ("blocks/over", KIB16 + 1),
        ("pieces/under", MIB - 1),
        ("pieces/even", MIB),
        ("pieces/over", MIB + 1),
        ("several", 3 * MIB + 5 * KIB16 + 7),
        ("several.even", 4 * MIB),
    ]);
}

#[test]
fn names_that_sort_differently_as_text_and_by_component() {
    compare(&[
        ("a/b/c", 100),
        ("a-b", 2 * MIB),
        ("a.b", KIB16),
        ("a!/b", 5),
        ("Z", 6),
        ("10", 7),
        ("9", 8),
        ("Ä/é.flac", MIB + 3),
        ("日本語/歌.opus", 10),
        ("e\u{301}", 11),
    ]);
}

#[test]
fn one_file_in_a_folder() {
    for size in [1, MIB - 1, MIB, MIB + 1, 2 * MIB] {
        compare(&[("aa/song.flac", size)]);
    }
}

#[test]
fn files_with_the_same_bytes_share_a_piece_layer() {
    let folder = tempfile::tempdir().expect("folder");
    let mut chosen = written(folder.path(), "release", &[("a", 2 * MIB + 9), ("b", 2 * MIB + 9)]);
    fs::copy(folder.path().join("release/a"), folder.path().join("release/b")).expect("copied");
    chosen.files[1].hashes = chosen.files[0].hashes.clone();
    let hybrid = build(&chosen, Kind::Hybrid, &Outside::default()).expect("builds");
    assert_eq!(hybrid.piece_layers.len(), 1);
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let args = ["-c", SCRIPT, &at(""), "release", &at("own")];
    let said = output_of("/usr/bin/python3", "python3-libtorrent", &args);
    let hashes = (hybrid.info_hash_v1.expect("hybrid"), hybrid.info_hash_v2.expect("hybrid"));
    assert_eq!(said, format!("{} {} made\n", hashes.0, hashes.1));
    compare_parsed(Path::new(&at("own")), &hybrid);
}
