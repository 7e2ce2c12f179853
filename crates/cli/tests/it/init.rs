//! `init`

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Instant;

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
    fs::create_dir(world.path("mine")).unwrap();
    fs::write(world.path("mine/letter.txt"), "dear").unwrap();
    assert_eq!(world.run(&["init", "mine"]).code, 2);
    assert_eq!(fs::read_dir(world.path("mine")).unwrap().count(), 1);
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

#[test]
fn a_killed_init_is_completed_by_the_next() {
    const KILLS: u32 = 8;
    let world = World::empty();
    let begun = Instant::now();
    world.ok(&["init", "whole"]);
    let whole = begun.elapsed();
    let mut unfinished = 0;
    for number in 0..KILLS {
        let name = format!("killed-{number}");
        let mut child = world.command(&["init", &name]).spawn().unwrap();
        sleep(whole * number / KILLS);
        child.kill().unwrap();
        child.wait().unwrap();
        if world.path(&name).join("archive.toml").is_file() {
            continue;
        }
        unfinished += u32::from(world.path(&name).join("blobs").is_dir());
        is_completed(&world, &name);
    }
    assert!(unfinished > 0, "no kill came between the first folder and the last file");
}

/// Each step of an `init` backwards, however fast the machine is.
#[test]
fn what_a_killed_init_leaves_at_any_step_is_completed() {
    const STEPS: [&str; 6] = ["catalog/format.json", "catalog/files/_delta_log", "catalog", "state", "index", "blobs"];
    let world = World::empty();
    world.ok(&["init", "whole"]);
    for done in 0..=STEPS.len() {
        let name = format!("begun-{done}");
        let copied = Command::new("cp").args(["-a", "whole", &name]).current_dir(world.path("")).status().unwrap();
        assert!(copied.success());
        fs::rename(world.path(&name).join("archive.toml"), world.path(&name).join(".archive.toml.1.new")).unwrap();
        for gone in &STEPS[..done] {
            match world.path(&name).join(gone) {
                path if path.is_dir() => fs::remove_dir_all(path).unwrap(),
                path => fs::remove_file(path).unwrap(),
            }
        }
        is_completed(&world, &name);
        assert!(!world.path(&name).join(".archive.toml.1.new").exists());
    }
}

#[test]
fn an_unfinished_archive_with_anything_foreign_in_it_is_left_alone() {
    let world = World::empty();
    world.ok(&["init", "mine"]);
    fs::remove_file(world.path("mine/archive.toml")).unwrap();
    for foreign in ["letter.txt", "state/accounts.sqlite", "catalog/files/part-0.parquet", "releases/old.torrent"] {
        let path = world.path("mine").join(foreign);
        fs::write(&path, "dear").unwrap();
        let said = world.run(&["init", "mine"]);
        assert_eq!(said.code, 2, "{foreign}: {}", said.err);
        assert!(said.err.contains("choose an empty or a new folder"), "{foreign}: {}", said.err);
        assert!(!world.path("mine/archive.toml").exists(), "{foreign}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "dear");
        fs::remove_file(path).unwrap();
    }
    is_completed(&world, "mine");
}

fn is_completed(world: &World, name: &str) {
    world.ok(&["init", name, "--name", "Archivo"]);
    let stats = world.ok(&["--archive", name, "stats", "--json"]).one();
    assert_eq!((&stats["tracks"], &stats["blobs"]), (&0.into(), &0.into()), "{name}");
    assert_eq!(world.ok(&["--archive", name, "verify", "--json"]).one()["checked"], 0);
    assert_eq!(world.run(&["init", name]).code, 2, "{name} is an archive now");
}
