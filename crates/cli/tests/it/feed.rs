//! `feed`

use crate::world::World;

#[test]
fn a_feed_is_published_with_a_key_that_stays_outside() {
    let world = World::with_sample();
    assert_eq!(world.here(&["feed", "verify"]).code, 2, "nothing is published yet");
    assert_eq!(world.here(&["release", "build", "one", "--yes"]).code, 0);
    let asked = world.here(&["feed", "publish"]);
    assert_eq!(asked.code, 2);
    assert!(asked.err.contains("one (new)") && asked.err.contains("add --yes"), "{}", asked.err);

    let first = world.here(&["feed", "publish", "--yes", "--json"]);
    assert_eq!(first.code, 0, "{}", first.err);
    let first = first.one();
    assert_eq!(first["serial"], 1);
    assert!(first["key"].as_str().unwrap().starts_with("RW"));
    let keys: Vec<_> = std::fs::read_dir(world.path("home/.config/fonoteca/keys")).unwrap().collect();
    assert_eq!(keys.len(), 1, "the release's key signs the feed too");
    assert_eq!(world.here(&["feed", "publish", "--yes", "--json"]).one()["serial"], 2);

    let good = world.here(&["feed", "verify", "--json"]);
    assert_eq!(good.code, 0, "{}", good.err);
    assert_eq!(good.one()["serial"], 2);
}

#[test]
fn the_first_key_is_announced() {
    let world = World::with_archive();
    let said = world.here(&["feed", "publish", "--yes"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("back it up") && said.err.contains("home/.config/fonoteca/keys"), "{}", said.err);
    assert!(!world.here(&["feed", "publish", "--yes"]).err.contains("back it up"), "only the first time");
}

#[test]
fn a_changed_byte_is_refused() {
    let world = World::with_archive();
    assert_eq!(world.here(&["feed", "publish", "--yes"]).code, 0);
    let path = world.path("archive/releases/feed.json");
    let text = std::fs::read_to_string(&path).unwrap().replace("Archivo", "archivo");
    std::fs::write(&path, text).unwrap();
    let said = world.here(&["feed", "verify"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("refused") && said.err.contains("caused by:"), "{}", said.err);
}
