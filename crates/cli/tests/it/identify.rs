//! `identify`

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::world::{World, assert_fields};

/// Part of a piece of the sample, as an MP3 of 64 kbit/s.
fn excerpt(world: &World, of: &str, from: &str, seconds: &str) -> String {
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-y", "-v", "error", "-ss", from, "-t", seconds, "-i"])
        .arg(fonoteca_testkit::sample().join(of))
        .args(["-c:a", "libmp3lame", "-b:a", "64k"])
        .arg(world.path("excerpt.mp3"))
        .status()
        .expect("ffmpeg is there");
    assert!(made.success());
    "excerpt.mp3".to_owned()
}

const ELISE: &str = "Clara Monte/Teclas Antiguas (2019)/02 Für Elise.flac";

#[test]
fn ten_seconds_tell_title_artist_and_place() {
    let world = World::with_sample();
    let file = excerpt(&world, ELISE, "7", "10");
    let found = world.here(&["identify", &file, "--json"]);
    assert_eq!(found.code, 0, "{}", found.err);
    let first: Value = found.json().swap_remove(0);
    assert_fields(&first, &["recording_id", "title", "artist", "offset_ms", "score"]);
    assert_eq!((&first["title"], &first["artist"]), (&"Für Elise".into(), &"Clara Monte".into()), "{first}");
    let id = first["recording_id"].as_str().expect("16 hex digits");
    assert!(world.here(&["lookup", id]).out.contains("Für Elise"), "{id}");
    let wrong_by = first["offset_ms"].as_i64().unwrap() - 7_000;
    assert!(wrong_by.abs() <= 120, "the place is wrong by {wrong_by} ms");
    assert!(first["score"].as_f64().unwrap() >= 0.9, "{first}");
    let shown = world.here(&["identify", &file]).out;
    assert!(shown.contains("Für Elise") && shown.contains("0:07"), "{shown}");
}

#[test]
fn what_is_not_held_or_no_sound_ends_with_code_1() {
    let world = World::with_archive();
    let file = excerpt(&world, ELISE, "6.5", "10");
    let ran = world.here(&["identify", &file, "--json"]);
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert!(ran.err.contains("nothing held sounds like excerpt.mp3"), "{}", ran.err);
    let file = excerpt(&world, ELISE, "6.5", "4");
    let ran = world.here(&["identify", &file]);
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains("at least 7 seconds"), "{}", ran.err);
    fs::write(world.path("notes.txt"), "no sound").unwrap();
    assert_eq!(world.here(&["identify", "notes.txt"]).code, 1);
    assert_eq!(world.here(&["identify", "nothing.flac"]).code, 1);
    let ran = world.here(&["identify", &excerpt(&world, ELISE, "6.5", "10"), "--server", "http://127.0.0.1:1"]);
    assert_eq!(ran.code, 2, "without a key: {}", ran.err);
    assert!(ran.err.contains("FONOTECA_API_KEY"), "{}", ran.err);
}

#[test]
fn the_index_of_sounds_follows_the_tables_and_says_when_it_is_damaged() {
    let world = World::with_sample();
    let file = excerpt(&world, ELISE, "6.5", "10");
    let ask = || world.here(&["identify", &file, "--json"]);
    let before = ask().out;
    assert!(before.contains("Für Elise"));
    let sounds = world.path("archive/index/sounds");
    // What was deleted is made again; what is damaged is told, and a rebuild mends it.
    fs::remove_dir_all(&sounds).unwrap();
    assert_eq!(ask().out, before);
    assert_eq!(world.here(&["index", "verify"]).code, 0);
    let segment = fs::read_dir(&sounds)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.file_name().unwrap().to_str().unwrap().parse::<u64>().is_ok())
        .expect("a segment");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[100] ^= 1;
    fs::write(&segment, &bytes).unwrap();
    let told = world.here(&["index", "verify"]);
    assert_eq!(told.code, 4, "{}", told.err);
    assert!(told.err.contains("fonoteca index rebuild"), "{}", told.err);
    fs::write(&segment, &bytes[..50]).unwrap();
    let told = ask();
    assert_eq!(told.code, 4, "{}", told.err);
    assert!(told.err.contains("fonoteca index rebuild"), "{}", told.err);
    // Words are found all the same.
    assert_eq!(world.here(&["search", "elise"]).code, 0);
    assert_eq!(world.here(&["index", "rebuild"]).code, 0);
    assert_eq!(ask().out, before);
}
