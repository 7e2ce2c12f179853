//! Torrents, own and of others, checked against the store.

use std::process::Command;

use serde_json::Value;

use super::{audio, build};
use crate::world::{World, sample};

#[test]
fn files_of_a_torrent_are_held_damaged_or_missing() {
    let world = World::with_sample();
    let torrents = audio(&build(&world, "one", &[]));
    let folder = world.path("archive/releases/one");
    for variant in torrents[0]["variants"].as_array().unwrap() {
        let path = folder.join(variant["path"].as_str().unwrap());
        let said = world.here(&["release", "check", path.to_str().unwrap(), "--json"]);
        assert_eq!(said.code, 0, "{variant}: {}{}", said.out, said.err);
        assert_eq!(said.one()["held"], torrents[0]["files"]);
    }
    let other = World::with_archive();
    let path = folder.join(torrents[0]["variants"][1]["path"].as_str().unwrap());
    let said = other.here(&["release", "check", path.to_str().unwrap(), "--json"]);
    assert_eq!((said.code, &said.one()["missing"]), (1, &torrents[0]["files"]), "{}", said.err);
    assert_eq!(world.here(&["release", "check", "no.torrent"]).code, 1);

    // One that somebody else made: v1, pieces of 64 KiB that files share, and one file that is nowhere.
    let album = world.path("album");
    fonoteca_testkit::copy_folder(&sample().join("Clara Monte/Teclas Antiguas (2019)"), &album);
    std::fs::write(album.join("z stranger"), vec![7; 100_000]).unwrap();
    let script = "
import libtorrent, sys
files = libtorrent.file_storage()
libtorrent.add_files(files, sys.argv[1])
torrent = libtorrent.create_torrent(files, 65536, libtorrent.create_torrent.v1_only)
libtorrent.set_piece_hashes(torrent, sys.argv[1].rsplit('/', 1)[0])
open(sys.argv[2], 'wb').write(libtorrent.bencode(torrent.generate()))";
    let (album, file) = (album.to_str().unwrap().to_owned(), world.path("foreign.torrent"));
    let made = Command::new("/usr/bin/python3").args(["-c", script, &album]).arg(&file).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let said = world.here(&["release", "check", "foreign.torrent", "--json"]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    let told = said.one();
    let of = |name: &str| {
        let files = told["files"].as_array().unwrap();
        files.iter().find(|file: &&Value| file["path"].as_str().unwrap().contains(name)).unwrap().clone()
    };
    assert_eq!(of("stranger")["status"], "missing");
    for name in ["01 ", "02 ", "03 "] {
        assert_eq!(of(name)["status"], "held", "{told:#}");
    }
    let root = of("02 ")["root"].as_str().unwrap().to_owned();
    let blob = world.path("archive/blobs").join(&root[..2]).join(&root[2..4]).join(&root);
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[10_000] ^= 1;
    std::fs::remove_file(&blob).unwrap();
    std::fs::write(&blob, bytes).unwrap();
    let path = folder.join(torrents[0]["variants"][0]["path"].as_str().unwrap());
    let said = world.here(&["release", "check", path.to_str().unwrap(), "--json"]);
    let damaged: Vec<Value> = said.one()["files"].as_array().unwrap().clone();
    let is_inside = damaged.iter().any(|file| file["root"] == root.as_str());
    assert_eq!(said.code == 4, is_inside, "{}", said.out);
}
