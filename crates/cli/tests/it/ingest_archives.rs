//! Archives of audio and CUE sheets from the command line, and a later look with `analyse`: made by `tar`, killed and gone on with.

use std::io::{BufRead, BufReader};
use std::process::Command;

use fonoteca_testkit::noise;
use serde_json::Value;

use crate::world::World;

fn write(world: &World, name: &str, bytes: &[u8]) {
    let path = world.path(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Twenty files of noise in `album`, and the archive that `tar` makes of them.
fn album(world: &World) {
    for number in 0..20 {
        write(world, &format!("album/{number:02}.wav"), &noise(number + 1, 300));
    }
    let made =
        Command::new("tar").args(["--sort=name", "-czf", "album.tar.gz", "album"]).current_dir(world.path("")).status();
    assert!(made.unwrap().success());
}

fn counts(world: &World) -> Vec<Value> {
    let stats = world.here(&["stats", "--json"]).one();
    ["artists", "albums", "tracks", "recordings", "files", "blobs", "bytes"].map(|count| stats[count].clone()).to_vec()
}

#[test]
fn an_ingest_of_an_archive_that_is_killed_ends_the_same_when_run_again() {
    let (world, whole) = (World::with_archive(), World::with_archive());
    album(&world);
    album(&whole);
    let args = ["--archive", "archive", "ingest", "album.tar.gz", "--basis", "own-work", "--json"];
    let mut child = world.command(&[&args[..], &["--batch-files", "2", "--jobs", "1"]].concat()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let first: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(first["path"], "album.tar.gz!/album/00.wav");
    assert_eq!(first["status"], "added");

    let again = world.run(&args).ended(0).json();
    let summary = &again.last().unwrap()["summary"];
    assert_eq!(summary["added"].as_u64().unwrap() + summary["known"].as_u64().unwrap(), 20, "{summary}");
    assert!(summary["known"].as_u64().unwrap() >= 1, "{summary}");
    // What is in a folder and in an archive of it is the same.
    let folder = ["--archive", "archive", "ingest", "album", "--basis", "own-work", "--json"];
    assert_eq!(whole.run(&folder).ended(0).json().last().unwrap()["summary"]["added"], 20);
    assert_eq!(counts(&world), counts(&whole));
    assert_eq!(world.here(&["verify"]).code, 0);
}

#[test]
fn a_later_look_is_killed_and_goes_on() {
    let world = World::with_archive();
    album(&world);
    write(&world, "album/all.wav", &noise(90, 6_000));
    let sheet =
        "TITLE \"All\"\nFILE \"all.wav\" WAVE\nTRACK 01 AUDIO\nINDEX 01 00:00:00\nTRACK 02 AUDIO\nINDEX 01 00:03:00\n";
    write(&world, "album/all.cue", sheet.as_bytes());
    let quick = ["--archive", "archive", "ingest", "album", "--basis", "own-work", "--analyse", "quick", "--json"];
    let taken = world.run(&quick).ended(0).json();
    let all = taken.iter().find(|line| line["path"].as_str().is_some_and(|path| path.ends_with("all.wav"))).unwrap();
    assert_eq!(all["track_ids"].as_array().map(Vec::len), Some(2), "{all}");
    let before = counts(&world);

    let args = ["--archive", "archive", "analyse", "--json"];
    let mut child = world.command(&[&args[..], &["--batch-files", "3", "--jobs", "1"]].concat()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(line.contains("\"added\""), "{line}");
    let rest = world.run(&args).ended(0).json();
    let summary = &rest.last().unwrap()["summary"];
    let left = summary["added"].as_u64().unwrap();
    assert!((1..=18).contains(&left), "{summary}");
    assert_eq!(world.run(&args).ended(0).json().last().unwrap()["summary"]["added"], 0);
    let mut after = counts(&world);
    // Sounds that are the same may be joined now; nothing else changes.
    after[3] = before[3].clone();
    assert_eq!(after, before);
    let query = "SELECT count(*) AS files, count(clipped_samples) AS heard FROM files";
    let told = world.here(&["sql", query, "--json"]).one();
    assert_eq!((&told["files"], &told["heard"]), (&21.into(), &21.into()), "{told}");
}
