//! `init`

use crate::world::World;

#[test]
fn an_archive_is_made_once() {
    let world = World::empty();
    let made = world.ok(&["init", "archive", "--json"]).one();
    assert_eq!(made["name"], "archive");
    assert!(made["archive"].as_str().unwrap().ends_with("/archive"));
    assert!(world.path("archive/archive.toml").is_file());
    let again = world.run(&["init", "archive"]);
    assert_eq!(again.code, 2);
    assert!(again.err.contains("choose an empty or a new folder"), "{}", again.err);
}

#[test]
fn a_folder_with_other_things_in_it_is_left_alone() {
    let world = World::empty();
    std::fs::create_dir(world.path("mine")).unwrap();
    std::fs::write(world.path("mine/letter.txt"), "dear").unwrap();
    assert_eq!(world.run(&["init", "mine"]).code, 2);
    assert_eq!(std::fs::read_dir(world.path("mine")).unwrap().count(), 1);
}

#[test]
fn a_new_archive_is_empty_sound_and_can_be_asked() {
    let world = World::with_archive();
    let stats = world.here(&["stats", "--json"]).one();
    assert_eq!((&stats["tracks"], &stats["blobs"]), (&0.into(), &0.into()));
    assert_eq!(world.here(&["verify", "--json"]).one()["checked"], 0);
    assert_eq!(world.here(&["search", "anything"]).code, 0);
    assert_eq!(world.here(&["release", "list"]).code, 0);
}
