//! Two ingests at once of folders that overlap: both finish, and nothing is there twice.

use std::collections::BTreeSet;
use std::fs;

use fonoteca_testkit::Ran;

use super::{noise, verifies};
use crate::world::World;

#[test]
fn two_ingests_at_once_both_finish_and_add_nothing_twice() {
    let world = World::with_archive();
    for folder in ["music/one", "music/both", "music/two"] {
        fs::create_dir_all(world.path(folder)).unwrap();
        fs::write(world.path(folder).join("cover.png"), b"\x89PNG\r\n\x1a\nthe same everywhere").unwrap();
        fs::write(world.path(folder).join("list.mp3"), "milk, bread, strings").unwrap();
    }
    for number in 0..30 {
        let folder = ["one", "both", "two"][number as usize % 3];
        fs::write(world.path("music").join(folder).join(format!("{number}.wav")), noise(number, 300)).unwrap();
    }
    let start = |other: &str| {
        let args = ["--archive", "archive", "ingest", "music/both", other, "--basis", "own-work", "--json"];
        world.command(&[&args[..], &["--batch-files", "4"]].concat()).spawn().unwrap()
    };
    let children = [start("music/one"), start("music/two")];
    let mut added = 0;
    for child in children {
        let said = Ran::from(child.wait_with_output().unwrap());
        assert_eq!(said.code, 1, "the two lists are refused: {}{}", said.out, said.err);
        let summary = said.json().pop().unwrap();
        let of = |status: &str| summary["summary"][status].as_u64().unwrap();
        assert_eq!((of("added") + of("known"), of("refused"), of("failed")), (20, 2, 0), "{}{}", said.out, said.err);
        added += of("added");
    }
    assert_eq!(added, 30, "each file was added by one of them");
    let stats = world.here(&["stats", "--json"]).one();
    assert_eq!((&stats["files"], &stats["tracks"], &stats["blobs"]), (&30.into(), &30.into(), &31.into()), "{stats}");
    assert_eq!(stats["recordings"], 30);
    verifies(&world);
    let hits = world.here(&["search", "--json", "--kind", "track", "--limit", "100"]).json();
    let ids: BTreeSet<&str> = hits.iter().filter_map(|hit| hit["title"].as_str()).collect();
    assert_eq!((hits.len(), ids.len()), (30, 30), "the index has each of them once");
}
