//! Later releases: what is new, what was withdrawn from, and what is cut anew.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{audio, build};
use crate::world::World;

fn texts(torrents: &[Value], field: &str) -> BTreeSet<String> {
    let all = torrents.iter().flat_map(|torrent| torrent[field].as_array().unwrap());
    all.map(|text| text.as_str().unwrap().to_owned()).collect()
}

fn v2(torrents: &[Value]) -> BTreeSet<String> {
    let variants = torrents.iter().flat_map(|torrent| torrent["variants"].as_array().unwrap());
    variants.filter_map(|variant| variant["infohash_v2"].as_str()).map(str::to_owned).collect()
}

fn v1(torrents: &[Value]) -> BTreeSet<String> {
    let variants = torrents.iter().flat_map(|torrent| torrent["variants"].as_array().unwrap());
    variants.map(|variant| variant["infohash_v1"].as_str().unwrap().to_owned()).collect()
}

fn similar(world: &World, release: &str, torrents: &[Value]) -> BTreeSet<String> {
    let variants = torrents.iter().flat_map(|torrent| torrent["variants"].as_array().unwrap());
    let read = |variant: &Value| {
        let path = world.path("archive/releases").join(release).join(variant["path"].as_str().unwrap());
        let limits = fonoteca_torrent::Limits::default();
        fonoteca_torrent::Metainfo::parse(&std::fs::read(path).unwrap(), &limits).unwrap().similar
    };
    variants.flat_map(read).map(|hash| hash.to_string()).collect()
}

#[test]
fn what_is_cut_anew_replaces_what_was_there() {
    let world = World::with_sample();
    let first = audio(&build(&world, "one", &[]));
    assert_eq!(texts(&first, "supersedes"), BTreeSet::new());
    assert_eq!(similar(&world, "one", &first), BTreeSet::new());

    let second = audio(&build(&world, "two", &["--recut", "--torrent-files", "6"]));
    assert!(second.len() > first.len());
    let sum = |torrents: &[Value]| torrents.iter().map(|torrent| torrent["bytes"].as_u64().unwrap()).max();
    assert!(sum(&second) <= sum(&first));
    assert_eq!(texts(&second, "supersedes"), v2(&first), "each is replaced, by its v2 info-hash");
    assert_eq!(similar(&world, "two", &second), v1(&first), "clients are told where to find what they have");
    assert_eq!(world.here(&["release", "build", "three", "--yes"]).code, 3, "the second gives all of it out");

    // A part of it cut anew: the rest of the replaced torrents is given out by none, and comes next.
    let whole = audio(&build(&world, "whole", &["--recut"]));
    assert!(texts(&whole, "supersedes").is_superset(&v2(&second)));
    let part = audio(&build(&world, "part", &["--recut", "--where", "codec = 'flac'"]));
    assert!(!texts(&part, "supersedes").is_disjoint(&v2(&whole)));
    let rest = audio(&build(&world, "rest", &[]));
    assert!(!rest.is_empty());
    assert_eq!(world.here(&["release", "build", "more", "--yes"]).code, 3);
}

#[test]
fn a_withdrawal_makes_a_torrent_that_replaces() {
    let world = World::with_sample();
    let first = audio(&build(&world, "one", &[]));
    let row = "SELECT f.root FROM files f JOIN holdings h USING (root) JOIN tracks t ON t.id = h.track_id
        WHERE t.title = 'Greensleeves'";
    let root = world.here(&["sql", row, "--json"]).one()["root"].as_str().unwrap().to_owned();
    assert_eq!(world.here(&["rights", "withdraw", &root, "--yes"]).code, 0);
    let second = audio(&build(&world, "two", &[]));
    let replaced = texts(&second, "supersedes");
    assert!(!replaced.is_empty() && replaced.is_subset(&v2(&first)), "{second:#?}");
    assert!(similar(&world, "two", &second).is_subset(&v1(&first)));
    assert!(!similar(&world, "two", &second).is_empty());
}
