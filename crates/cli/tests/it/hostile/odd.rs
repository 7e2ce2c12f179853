//! Odd names, odd links, odd options.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::{comes_in, ingest, noise, verifies, with_music};

#[test]
fn a_loop_of_links() {
    let world = with_music();
    fs::create_dir(world.path("music/album")).unwrap();
    symlink("..", world.path("music/album/again")).unwrap();
    comes_in(&world, "album/again", 1, "failed", &["link back to", "not followed"]);
    assert_eq!(world.here(&["stats", "--json"]).one()["files"], 1);
}

#[test]
fn a_link_to_nowhere() {
    let world = with_music();
    symlink("gone.flac", world.path("music/link.flac")).unwrap();
    comes_in(&world, "link.flac", 1, "failed", &["cannot be opened"]);
}

#[test]
fn a_name_that_is_not_utf8() {
    let world = with_music();
    let name = OsStr::from_bytes(b"caf\xe9.wav");
    fs::write(world.path("music").join(name), noise(2, 400)).unwrap();
    let (said, lines) = ingest(&world);
    assert_eq!(said.code, 0, "{}", said.err);
    let odd = lines.iter().find(|line| line["path_hex"].is_string()).unwrap();
    assert!(odd["path_hex"].as_str().unwrap().ends_with("636166e92e776176"), "{odd}");
    assert_eq!(odd["status"], "added");
    verifies(&world);
    // And where it is refused, it is named all the same.
    let name = OsStr::from_bytes(b"list\xff.mp3");
    fs::write(world.path("music").join(name), "milk, bread").unwrap();
    let (said, lines) = ingest(&world);
    assert_eq!(said.code, 1);
    assert!(lines.iter().any(|line| line["status"] == "refused" && line["path_hex"].is_string()), "{lines:?}");
    assert!(said.err.contains("list\u{fffd}.mp3"), "{}", said.err);
}

#[test]
fn without_a_basis_nothing_is_taken_in() {
    let world = with_music();
    let missing = world.here(&["ingest", "music"]);
    assert_eq!(missing.code, 2);
    assert!(missing.err.contains("--basis"), "{}", missing.err);
    let nonsense = world.here(&["ingest", "music", "--basis", "found-it"]);
    assert_eq!(nonsense.code, 2);
    assert!(nonsense.err.contains("found-it") && nonsense.err.contains("private-copy"), "{}", nonsense.err);
    assert_eq!(world.here(&["stats", "--json"]).one()["files"], 0);
}
