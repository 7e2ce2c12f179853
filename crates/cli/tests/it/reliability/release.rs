//! A release is built from what the tables know of the audio, without the audio.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::world::World;

#[test]
fn building_a_release_reads_no_audio() {
    let with_audio = World::with_sample();
    let without_audio = World::with_sample();
    let expected = build(&with_audio);
    assert!(!expected.is_empty());

    let moved = move_audio(&without_audio);
    assert!(moved.len() >= 19, "the sample has more audio than {}", moved.len());
    assert_eq!(build(&without_audio), expected, "the same torrents");
    let report = without_audio.here(&["release", "verify", "r1", "--json"]);
    assert_eq!(report.code, 4, "and it is noticed that the audio is gone: {}{}", report.out, report.err);
    assert!(!report.one()["missing"].as_array().unwrap().is_empty());

    for (from, to) in moved {
        fs::rename(to, from).unwrap();
    }
    let report = without_audio.here(&["release", "verify", "r1", "--json"]);
    assert_eq!(report.code, 0, "{}{}", report.out, report.err);
}

/// Builds the release `r1`: name, info-hashes and size of each audio torrent's variants.
fn build(world: &World) -> Vec<Value> {
    let built = world.here(&["release", "build", "r1", "--url", "http://127.0.0.1:9", "--yes", "--json"]);
    assert_eq!(built.code, 0, "{}{}", built.out, built.err);
    let listed = world.here(&["release", "list", "--json"]).one();
    let variants =
        listed["torrents"].as_array().unwrap().iter().flat_map(|torrent| torrent["variants"].as_array().unwrap());
    variants
        .map(|variant| Value::from_iter(["path", "infohash_v1", "infohash_v2"].map(|key| variant[key].clone())))
        .collect()
}

/// Takes every audio blob out of the store: from where, to where.
fn move_audio(world: &World) -> Vec<(PathBuf, PathBuf)> {
    let away = world.path("away");
    fs::create_dir(&away).unwrap();
    let mut blobs = Vec::new();
    find_blobs(&world.path("archive/blobs"), &mut blobs);
    let audio = blobs.into_iter().filter(|path| is_audio(path));
    let moves = audio.map(|from| (from.clone(), away.join(from.file_name().unwrap())));
    moves.inspect(|(from, to)| fs::rename(from, to).unwrap()).collect()
}

fn find_blobs(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { find_blobs(&path, found) } else { found.push(path) }
    }
}

fn is_audio(path: &Path) -> bool {
    let mut head = [0; 12];
    let read = fs::File::open(path).unwrap().read(&mut head).unwrap();
    let head = &head[..read];
    let begins = |magic: &[u8]| head.starts_with(magic);
    begins(b"fLaC")
        || begins(b"OggS")
        || begins(b"RIFF")
        || begins(b"ID3")
        || begins(&[0xff, 0xfb])
        || head.get(4..8) == Some(b"ftyp")
}
