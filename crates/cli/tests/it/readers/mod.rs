//! Other programs read the archive's tables and come to the same counts.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use fonoteca_testkit::Ran;
use serde_json::Value;

use crate::world::{World, sample};

/// Kills until one of them comes between the commits of a batch.
const ATTEMPTS: usize = 8;
const PATIENCE: Duration = Duration::from_mins(2);

#[test]
fn duckdb_counts_what_stats_says_after_a_kill_and_a_changed_right() {
    let world = World::with_archive();
    // Rows of a batch that never came to its commit point: the part that only the reader rule leaves out.
    let hidden = (0..ATTEMPTS).any(|_| {
        kill_between_commits(&world);
        // What would complete the batch is lost, as with a disk that was pulled out.
        let _ = std::fs::remove_file(world.path("archive/state/pending-batch"));
        counts(&world)["hidden"].as_u64().unwrap() > 0
    });
    assert!(hidden, "no kill came between the commits of a batch");
    same_counts(&world, "after the kill");

    let sample = sample();
    let taken = world.here(&["ingest", sample.to_str().unwrap(), "--basis", "unknown", "--json"]);
    assert_eq!(taken.code, 1, "one file of the sample is refused: {}", taken.err);
    let root = taken.json()[1]["root"].as_str().unwrap().to_owned();
    let set = world.here(&["rights", "set", &root, "--basis", "public-domain", "--license", "CC0-1.0"]);
    assert_eq!(set.code, 0, "{}", set.err);
    let rights = world.here(&["rights", "import", sample.join("rights.csv").to_str().unwrap()]);
    assert_eq!(rights.code, 0, "{}", rights.err);
    let listens = world.here(&["import", "listenbrainz", sample.join("listens.jsonl").to_str().unwrap()]);
    assert_eq!(listens.code, 0, "{}", listens.err);
    let counted = same_counts(&world, "after the rerun");
    assert_eq!((&counted["files"], &counted["malformed"]), (&20.into(), &1.into()));
    assert!(counted["recordings"].as_i64() < counted["tracks"].as_i64(), "two files are one recording: {counted}");
    assert!(counted["listens"].as_i64() > Some(0), "{counted}");
    assert!(counted["hidden"].as_i64() > Some(0), "the lost batch is still there, and still does not count: {counted}");
}

/// Kills an ingest just after the table `tracks` got a batch, before `files` gets it.
fn kill_between_commits(world: &World) {
    // A file that is still being written has another name.
    let is_commit = |name: &str| name.len() == 25 && Path::new(name).extension().is_some_and(|it| it == "json");
    let commits = |table: &str| {
        let log = std::fs::read_dir(world.path("archive/catalog").join(table).join("_delta_log")).unwrap();
        log.filter(|entry| entry.as_ref().unwrap().file_name().to_str().is_some_and(is_commit)).count()
    };
    let before = commits("tracks");
    let sample = sample();
    let args = ["--archive", "archive", "ingest", sample.to_str().unwrap(), "--basis", "unknown", "--batch-files", "2"];
    let mut child = world.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while commits("tracks") == before && child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < PATIENCE, "the ingest hangs");
        sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

fn same_counts(world: &World, when: &str) -> Value {
    let stats = world.here(&["stats", "--json"]).one();
    let counted = counts(world);
    for count in
        ["artists", "albums", "tracks", "recordings", "files", "blobs", "bytes", "malformed", "damaged", "listens"]
    {
        assert_eq!(counted[count], stats[count], "{when}: {count}: DuckDB {counted}, stats {stats}");
    }
    counted
}

/// What DuckDB counts, and how many rows of `tracks` do not count.
fn counts(world: &World) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/readers/counts.py");
    let mut python = Command::new(fonoteca_testkit::python());
    let said = Ran::from(python.arg(script).arg(world.path("archive")).output().unwrap());
    assert_eq!(said.code, 0, "{}", said.err);
    said.one()
}
