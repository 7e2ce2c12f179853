//! `demo`

use crate::world::{World, sample};

#[test]
fn the_whole_way_holds() {
    let world = World::empty();
    let sample = sample();
    let mut command = world.command(&["demo", "--sample", sample.to_str().unwrap(), "--exit"]);
    let ended = command.env("TMPDIR", world.path("home")).output().unwrap();
    let (out, err) = (String::from_utf8(ended.stdout).unwrap(), String::from_utf8(ended.stderr).unwrap());
    assert_eq!(ended.status.code(), Some(0), "{out}{err}");
    for told in [
        "archive$ fonoteca ingest",
        "archive$ fonoteca release build first --url http://127.0.0.1:",
        "mirror$ fonoteca mirror pull --via bittorrent",
        "all of them held",
        "Everything is in ",
    ] {
        assert!(out.contains(told), "{told}: {out}");
    }
    assert!(err.contains("shopping list.mp3\" is not audio: "), "what was refused is said: {err}");
    assert!(!world.path("home/.config").exists(), "the tour has keys of its own");
}

#[test]
fn a_sample_that_is_not_there_is_said() {
    let said = World::empty().run(&["demo", "--sample", "nowhere", "--exit"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("hint: --sample nowhere"), "{}", said.err);
}
