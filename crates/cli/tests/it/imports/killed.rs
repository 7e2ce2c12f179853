//! `kill -9` of an import at seeded instants: the same command ends with the same rows.

use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use fonoteca_testkit::{Ran, copy_folder};
use serde_json::Value;

use super::musicbrainz::{lines, release};
use crate::world::World;

const INSTANTS: u64 = 20;
const RELEASES: u64 = 2000;
const ARGS: [&str; 5] = ["import", "musicbrainz", "release.jsonl", "--batch-rows=500", "--json"];

#[test]
fn a_killed_import_goes_on_and_ends_with_the_same_rows() {
    let world = World::empty();
    fs::write(
        world.path("release.jsonl"),
        lines((1..=RELEASES).map(|number| release(number, &format!("Title {number}")))),
    )
    .unwrap();
    let import = |archive: &str| {
        let mut command = world.command(&[&["--archive", archive], &ARGS[..]].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    world.ok(&["init", "empty", "--name", "Archivo"]);
    copy_folder(&world.path("empty"), &world.path("whole"));
    let began = Instant::now();
    let whole = Ran::from(import("whole").output().unwrap());
    let takes = began.elapsed();
    assert_eq!(whole.code, 0, "{}", whole.err);
    assert_eq!(whole.one()["added"], 3 * RELEASES);
    let found = |archive: &str| -> Value { world.ok(&["--archive", archive, "stats", "--json"]).one() };

    let wanted = found("whole");

    let (mut went_on, mut killed) = (0, 0);
    for number in 0..INSTANTS {
        let archive = format!("killed-{number}");
        copy_folder(&world.path("empty"), &world.path(&archive));
        let mut child = import(&archive).spawn().unwrap();
        // Golden steps: spread over the whole time, the same in every run.
        sleep(takes.mul_f64((number as f64 * 0.618 + 0.05).fract()));
        // On Unix this is SIGKILL.
        child.kill().unwrap();
        killed += u32::from(!child.wait().unwrap().success());
        went_on += usize::from(world.path(&archive).join("state/imports").is_dir());
        let stopped = found(&archive)["tracks"].as_u64().unwrap();
        assert!(stopped == 0 || stopped == RELEASES, "{archive}: {stopped} tracks are in the tables");
        let again = Ran::from(import(&archive).output().unwrap());
        assert_eq!(again.code, 0, "{archive}: {}", again.err);
        assert_eq!(again.one()["read"], RELEASES, "{archive}");
        let mut told = found(&archive);
        // The version of `files` is that of an empty table in both.
        told["version"] = wanted["version"].clone();
        assert_eq!(told, wanted, "{archive}");
        let left = fs::read_dir(world.path(&archive).join("state/imports")).unwrap().count();
        assert_eq!(left, 0, "{archive}: a journal is left");
        sleep(Duration::from_millis(1));
    }
    assert!(killed >= 10 && went_on >= 6, "{killed} killed in time, {went_on} with something staged");
}
