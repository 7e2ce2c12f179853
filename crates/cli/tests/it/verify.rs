//! `verify`

use std::os::unix::fs::PermissionsExt;

use std::time::{Duration, Instant};

use fonoteca_testkit::{Serving, noise};
use rustix::process::Signal;
use serde_json::Value;

use crate::interrupt::signal;
use crate::world::World;

#[test]
fn a_flipped_bit_is_found_named_and_counted() {
    let world = World::with_sample();
    let whole = world.here(&["verify", "--json"]);
    assert_eq!(whole.code, 0, "{}", whole.err);
    assert_eq!(whole.one()["checked"], world.here(&["stats", "--json"]).one()["blobs"]);

    let blob = world.a_blob();
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[0] ^= 1;
    std::fs::set_permissions(&blob, std::fs::Permissions::from_mode(0o644)).unwrap();
    std::fs::write(&blob, bytes).unwrap();
    let broken = world.here(&["verify", "--json"]);
    assert_eq!(broken.code, 4);
    let report = broken.one();
    let root = blob.file_name().unwrap().to_str().unwrap();
    assert_eq!((&report["damaged"][0]["root"], &report["damaged"][0]["piece"]), (&root.into(), &0.into()));
    assert!(world.here(&["verify"]).out.contains(root));
    assert_eq!(world.here(&["stats", "--json"]).one()["damaged"], 1);

    std::fs::remove_file(&blob).unwrap();
    let gone = world.here(&["verify", "--json"]);
    assert_eq!((gone.code, &gone.one()["missing"][0]), (4, &root.into()));
}

#[test]
fn a_sample_is_a_part_and_can_be_repeated() {
    let world = World::with_sample();
    let checked = |seed: &str| {
        let report = world.here(&["verify", "--sample", "50%", "--seed", seed, "--json"]).one();
        report["checked"].as_u64().unwrap()
    };
    let all = world.here(&["stats", "--json"]).one()["blobs"].as_u64().unwrap();
    assert!((1..all).contains(&checked("7")), "{} of {all}", checked("7"));
    assert_eq!(checked("7"), checked("7"));
}

/// An archive with so many blobs of 48,044 bytes each.
fn with_blobs(count: u32) -> World {
    let world = World::with_archive();
    std::fs::create_dir(world.path("music")).unwrap();
    for seed in 0..count {
        std::fs::write(world.path("music").join(format!("{seed}.wav")), noise(seed, 3_000)).unwrap();
    }
    let taken = world.here(&["ingest", "music", "--basis", "own-work"]);
    assert_eq!(taken.code, 0, "{}", taken.err);
    world
}

fn flip(blob: &std::path::Path) {
    let mut bytes = std::fs::read(blob).unwrap();
    bytes[1000] ^= 1;
    std::fs::remove_file(blob).unwrap();
    std::fs::write(blob, bytes).unwrap();
}

/// Waits until what a check says of itself is so.
fn wait(world: &World, file: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let path = world.path("archive/state/fixity").join(file);
    let began = Instant::now();
    loop {
        let state = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(state) = state.filter(&wanted) {
            return state;
        }
        assert!(began.elapsed() < Duration::from_mins(2), "{} does not become so", path.display());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_check_that_was_killed_or_interrupted_goes_on_and_loses_nothing() {
    let world = with_blobs(80);
    // The first one to be checked.
    flip(&world.a_blob());
    let slow = ["--archive", "archive", "verify", "--json", "--rate", "400kB/s", "--nice"];
    let mut checked = 0;
    for (ending, code) in [(Signal::KILL, None), (Signal::INT, Some(130))] {
        let mut child = world.command(&slow).spawn().unwrap();
        wait(&world, "all.json", |state| state["checked"].as_u64() > Some(checked));
        signal(&child, ending);
        let ended = child.wait().unwrap();
        assert_eq!(ended.code(), code);
        let state = wait(&world, "all.json", |_| true);
        checked = state["checked"].as_u64().unwrap();
        assert!(checked < 80 && state["ended"].is_null(), "{state}");
    }
    assert_eq!(world.here(&["stats", "--json"]).one()["damaged"], 1, "what was found before the end is recorded");
    let status = world.here(&["verify", "--status", "--json"]);
    assert_eq!(status.code, 4, "{}", status.err);
    let check = &status.one()["checks"][0];
    assert_eq!((&check["check"], &check["checked"], &check["wrong"]), (&"all".into(), &checked.into(), &1.into()));
    let last = world.here(&["verify", "--json"]);
    let report = last.one();
    assert_eq!((last.code, &report["checked"], &report["resumed"]), (4, &80.into(), &checked.into()), "{}", last.err);
    assert_eq!(report["damaged"].as_array().unwrap().len(), 1);
    assert!(last.err.contains("going on"), "{}", last.err);
    let twice = "SELECT subject FROM events WHERE kind = 'fixity check' AND subject_kind = 'blob'";
    assert_eq!(world.here(&["sql", twice, "--format", "json"]).json().len(), 1, "no finding is recorded twice");
}

#[test]
fn serve_checks_by_its_schedule_and_goes_on_where_it_was() {
    let world = with_blobs(12);
    let settings = world.path("archive/archive.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(&settings, format!("{text}\n[fixity]\nevery = \"30d\"\nrate = \"200kB/s\"\n")).unwrap();
    assert_eq!(world.here(&["verify", "--status", "--json"]).one()["checks"], serde_json::json!([]));
    let blob = world.a_blob();
    flip(&blob);
    let serve = || {
        let args = ["--archive", "archive", "serve", "--json", "--listen", "127.0.0.1:0", "--bittorrent", "off"];
        Serving::start(&mut world.command(&args))
    };
    let serving = serve();
    let state = wait(&world, "round.json", |state| state["checked"].as_u64() > Some(0));
    drop(serving);
    let part = state["checked"].as_u64().unwrap();
    assert!(part < 12, "{state}");
    let _serving = serve();
    let state = wait(&world, "round.json", |state| state["ended"].is_i64());
    assert_eq!((&state["checked"], state["findings"].as_array().unwrap().len()), (&12.into(), 1));
    let status = world.here(&["verify", "--status", "--json"]).one();
    assert_eq!((&status["damaged"], &status["every"]), (&1.into(), &"30d".into()));
    assert!(status["due_ms"].as_i64() > state["ended"].as_i64(), "{status}");
    let told = world.here(&["verify", "--status"]);
    assert!(told.out.contains("every 30d") && told.out.contains("1 are damaged"), "{}", told.out);
    let root = blob.file_name().unwrap().to_str().unwrap();
    let events = format!("SELECT outcome FROM events WHERE kind = 'fixity check' AND subject = '{root}'");
    assert_eq!(world.here(&["sql", &events, "--format", "json"]).one()["outcome"], "failure");
}
