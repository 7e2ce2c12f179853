//! What comes in broken, huge, locked or hostile: it is named, what to do is said, and the rest comes in all the same.

mod damage;
mod disk;
mod files;
mod odd;
mod together;
mod unprivileged;

use std::fs;

use fonoteca_testkit::{Ran, noise};
use serde_json::Value;

use crate::world::World;

/// An archive beside a folder of music with one good file in it.
fn with_music() -> World {
    let world = World::with_archive();
    fs::create_dir(world.path("music")).unwrap();
    fs::write(world.path("music/good.wav"), noise(1, 400)).unwrap();
    world
}

/// Takes the music in: what was said, and the line about each file.
fn ingest(world: &World) -> (Ran, Vec<Value>) {
    let said = world.here(&["ingest", "music", "--basis", "own-work", "--json"]);
    let mut lines = said.json();
    let summary = lines.pop().unwrap_or_else(|| panic!("{}", said.err));
    assert!(summary["summary"].is_object(), "{summary}");
    (said, lines)
}

/// The line about a file.
fn line<'a>(lines: &'a [Value], name: &str) -> &'a Value {
    let found = lines.iter().find(|line| line["path"].as_str().is_some_and(|path| path.ends_with(name)));
    found.unwrap_or_else(|| panic!("nothing is said about {name}: {lines:?}"))
}

/// Fails unless the music comes in with exit code `code`, `name` as `status` for a reason with each of `words` in it, that
/// reason is told of the file on stderr, the good file comes in too, and the archive verifies.
fn comes_in(world: &World, name: &str, code: i32, status: &str, words: &[&str]) {
    let (said, lines) = ingest(world);
    assert_eq!(said.code, code, "{}{}", said.out, said.err);
    let line = line(&lines, name);
    assert_eq!(line["status"], status, "{line}");
    let reason = line["reason"].as_str().unwrap_or_else(|| panic!("no reason: {line}"));
    for word in words {
        assert!(reason.contains(word), "no {word:?} in {reason:?}");
    }
    let told = said.err.lines().any(|told| told.contains(name) && words.iter().all(|word| told.contains(word)));
    assert!(told, "{name} is not told of: {}", said.err);
    assert_eq!(self::line(&lines, "good.wav")["status"], "added");
    verifies(world);
}

/// Fails unless the archive verifies with nothing left over.
fn verifies(world: &World) {
    let verified = world.here(&["verify", "--json"]);
    assert_eq!(verified.code, 0, "{}{}", verified.out, verified.err);
    assert_eq!(verified.one()["unknown"], Value::Array(vec![]), "{}", verified.out);
}
