//! The same selection of the same table versions is the same torrents, whoever makes them.

use fonoteca_testkit::sample;

use super::{audio, build, hashes};
use crate::world::World;

#[test]
fn two_copies_of_an_archive_make_the_same_release() {
    let (one, other) = (World::with_sample(), World::with_sample());
    let more = ["--torrent-files", "6", "--recut"];
    let first = hashes(&build(&one, "r", &more));
    // What stands outside of `info` is different in each respect.
    let outside = [
        "--url",
        "http://127.0.0.1:9",
        "--tracker",
        "udp://127.0.0.1:8",
        "--web-seed",
        "http://127.0.0.1:7/w",
        "--comment",
        "another",
        "--source",
        "elsewhere",
        "--undated",
    ];
    let second = hashes(&build(&other, "r", &[&more[..], &outside].concat()));
    assert!(first.len() > 8, "{first:#?}");
    assert_eq!(first, second, "those of metadata, too");

    let path = other.path("archive/releases/r").join(second[0][0].as_str().unwrap());
    let read = fonoteca_torrent::Metainfo::parse(&std::fs::read(path).unwrap(), &fonoteca_torrent::Limits::default());
    let read = read.unwrap();
    assert_eq!(read.announce, [["http://127.0.0.1:9/announce"], ["udp://127.0.0.1:8"]]);
    assert_eq!(read.web_seeds, ["http://127.0.0.1:9/webseed/", "http://127.0.0.1:7/w/"]);
    assert_eq!((read.comment.as_deref(), read.source.as_deref()), (Some("another"), Some("elsewhere")));
    assert_eq!(read.creation_date, None);
}

#[test]
fn the_order_of_ingest_shows_in_no_audio_torrent() {
    let worlds = [World::with_archive(), World::with_archive()];
    let sample = sample();
    let mut folders: Vec<_> = std::fs::read_dir(&sample).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|path| path.is_dir());
    folders.sort();
    for (number, world) in worlds.iter().enumerate() {
        for folder in &folders {
            let args = ["ingest", folder.to_str().unwrap(), "--basis", "licensed", "--license", "CC0-1.0"];
            let taken = world.here(&args);
            assert!(taken.code <= 1, "{}{}", taken.out, taken.err);
        }
        let listens = world.here(&["import", "listenbrainz", sample.join("listens.jsonl").to_str().unwrap()]);
        assert_eq!(listens.code, 0, "run {number}: {}", listens.err);
        folders.reverse();
    }
    let made = worlds.each_ref().map(|world| hashes(&audio(&build(world, "r", &[]))));
    assert!(made[0].len() >= 4, "{made:#?}");
    assert_eq!(made[0], made[1]);
}
