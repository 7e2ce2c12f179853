//! `ingest --in-place`, `--link`, `--watch`: a person's library, killed while it comes in, shared and watched.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Child;
use std::time::{Duration, Instant};

use fonoteca_testkit::{LIMIT, noise};
use rustix::process::Signal;
use serde_json::Value;

use crate::interrupt::signal;
use crate::world::World;

fn library(world: &World, folders: u32, files: u32) {
    for number in 0..folders * files {
        let folder = world.path("music").join(format!("album {}", number % folders));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{number}.wav")), noise(number, 40)).unwrap();
    }
}

pub fn summary(lines: &[Value]) -> &Value {
    &lines.last().unwrap()["summary"]
}

#[test]
fn a_killed_ingest_in_place_goes_on() {
    let world = World::with_archive();
    library(&world, 4, 50);
    let args = ["--archive", "archive", "ingest", "music", "--basis", "own-work", "--in-place", "--json"];
    for lines in [1, 20, 60] {
        let mut child = world.command(&[&args[..], &["--batch-files", "7"]].concat()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..lines {
            out.next();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let said = world.run(&args).ended(0).json();
    assert_eq!(said.len(), 201);
    assert_eq!(world.here(&["verify"]).code, 0);
    let stats = world.here(&["stats", "--json"]).one();
    assert_eq!((&stats["files"], &stats["tracks"]), (&200.into(), &200.into()), "nothing lost, nothing twice");
    let again = world.run(&args).ended(0).json();
    assert_eq!(summary(&again)["unchanged"], 200);
}

#[test]
fn a_file_of_its_own_and_one_that_is_shared() {
    let world = World::with_archive();
    library(&world, 1, 2);
    let said = world.here(&["ingest", "music", "-b", "own-work", "--link", "--nice", "--json"]).ended(0).json();
    assert!(["reflink", "hard-link"].contains(&said[0]["kept"].as_str().unwrap()), "{}", said[0]);
    assert_eq!(world.here(&["verify"]).code, 0);
    let both = world.here(&["ingest", "music", "-b", "own-work", "--link", "--in-place"]);
    assert_eq!(both.code, 2, "{}", both.err);
}

/// Waits until a line of the child's says so.
fn wait_for(lines: &mut impl Iterator<Item = std::io::Result<String>>, what: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    for line in lines {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if what(&line) {
            return line;
        }
        assert!(begun.elapsed() < LIMIT, "not within {LIMIT:?}");
    }
    panic!("it ended before");
}

/// A child that is killed when the test fails.
struct Watching(Child);

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_watched_folder_takes_in_what_comes_and_ends_when_told() {
    let world = World::with_archive();
    library(&world, 1, 1);
    let music = world.path("music");
    let args = ["--archive", "archive", "ingest", "music", "-b", "own-work", "--in-place", "--watch", "--json"];
    let mut child = Watching(world.command(&args).spawn().unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    wait_for(&mut lines, |line| line["status"] == "added");

    // A file that comes in two halves, in a folder that comes with it, is taken whole.
    let bytes = noise(77, 3_000);
    fs::create_dir(music.join("new")).unwrap();
    let path = music.join("new/slow.wav");
    let mut file = fs::File::create(&path).unwrap();
    std::io::Write::write_all(&mut file, &bytes[..20_000]).unwrap();
    std::thread::sleep(Duration::from_secs(4));
    std::io::Write::write_all(&mut file, &bytes[20_000..]).unwrap();
    drop(file);
    fs::write(music.join("new/notes.txt"), "no music").unwrap();
    let added = wait_for(&mut lines, |line| line["path"].as_str().is_some_and(|path| path.ends_with("slow.wav")));
    assert_eq!((&added["status"], &added["reason"]), (&"added".into(), &Value::Null), "{added}");

    fs::rename(&path, music.join("renamed.wav")).unwrap();
    let moved = wait_for(&mut lines, |line| line["path"].as_str().is_some_and(|path| path.ends_with("renamed.wav")));
    assert_eq!((&moved["status"], &moved["root"]), (&"known".into(), &added["root"]));
    fs::write(music.join("renamed.wav"), noise(78, 1_000)).unwrap();
    let changed = wait_for(&mut lines, |line| line["path"].as_str().is_some_and(|path| path.ends_with("renamed.wav")));
    assert_eq!(changed["status"], "added");
    assert!(changed["reason"].as_str().unwrap().contains("was changed"), "{changed}");

    signal(&child.0, Signal::INT);
    let told = wait_for(&mut lines, |line| line.get("summary").is_some());
    assert_eq!((&told["summary"]["added"], &told["summary"]["refused"]), (&3.into(), &0.into()));
    assert_eq!(child.0.wait().unwrap().code(), Some(0), "that is how it ends");
    let stats = world.here(&["stats", "--json"]).one();
    assert_eq!(stats["files"], 3);
}
