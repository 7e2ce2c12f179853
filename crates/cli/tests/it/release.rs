//! `release`

use crate::world::{World, sample};

#[test]
fn a_plan_says_what_is_left_out_and_why() {
    let world = World::with_sample();
    let said = world.here(&["release", "plan"]);
    assert_eq!(said.code, 0, "{}", said.err);
    for told in
        ["popularity", "licence or basis", "CC0-1.0", "left out", "basis private-copy does not allow it", "malformed"]
    {
        assert!(said.out.contains(told), "{told}: {}", said.out);
    }
    assert!(!world.path("archive/releases/next").exists());
}

#[test]
fn building_wants_a_yes_and_is_done_once() {
    let world = World::with_sample();
    let asked = world.here(&["release", "build", "one"]);
    assert_eq!(asked.code, 2);
    assert!(asked.err.contains("left out") && asked.err.contains("add --yes"), "{}", asked.err);
    assert!(!world.path("archive/releases/one").exists());
    assert!(!world.path("home/.config").exists(), "no key was made for nothing");

    let built = world.here(&[
        "release",
        "build",
        "one",
        "--yes",
        "--url",
        "http://127.0.0.1:9",
        "--torrent-files",
        "3",
        "--json",
    ]);
    assert_eq!(built.code, 0, "{}", built.err);
    let torrents = built.one()["torrents"].as_array().unwrap().len();
    assert!(torrents > 3, "three files a torrent make several: {torrents}");
    assert!(world.path("home/.config/fonoteca/keys").is_dir());
    let verdict = world.here(&["release", "verify", "one"]);
    assert_eq!(verdict.code, 0, "{}", verdict.err);
    assert!(verdict.out.contains("is as it was published"));
    assert_eq!(world.here(&["release", "build", "two", "--yes"]).code, 3, "nothing is left to release");
}

#[test]
fn a_release_of_nothing_is_refused_by_a_rights_rule() {
    let world = World::with_archive();
    let bells = sample().join("Tower Recorders");
    assert_eq!(world.here(&["ingest", bells.to_str().unwrap(), "--basis", "private-copy"]).code, 0);
    let said = world.here(&["release", "build", "one", "--yes"]);
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(said.err.contains("nothing may be released") && said.err.contains("hint: "), "{}", said.err);
    assert!(said.out.is_empty());
}

#[test]
fn a_changed_torrent_is_noticed() {
    let world = World::with_sample();
    assert_eq!(world.here(&["release", "build", "one", "--yes"]).code, 0);
    let path = std::fs::read_dir(world.path("archive/releases/one")).unwrap().map(|entry| entry.unwrap().path());
    let torrent = path.into_iter().find(|path| path.extension().is_some_and(|end| end == "torrent")).unwrap();
    let mut bytes = std::fs::read(&torrent).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&torrent, bytes).unwrap();
    let said = world.here(&["release", "verify", "one"]);
    assert_eq!(said.code, 4, "{}{}", said.out, said.err);
    assert!(said.out.contains("is not the file that the manifest names"), "{}", said.out);
}
