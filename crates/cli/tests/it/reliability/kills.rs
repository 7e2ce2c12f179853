//! `kill -9` of an ingest at twenty instants: each rerun redoes at most the three batches that are open at a time, and the tables end as without a kill.

use std::collections::{BTreeSet, HashSet};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use fonoteca_testkit::{Ran, copy_folder};
use serde_json::Value;

use super::clips::clips;
use super::{INSTANTS, are_equal, next};
use crate::world::World;

/// Kills that come before anything is committed.
const BEFORE_THE_FIRST_COMMIT: u64 = 7;
/// Files of the first batch; the others double.
const BATCH: usize = 4;
/// A run that has not ended by then hangs.
const PATIENCE: Duration = Duration::from_mins(4);

#[test]
fn a_killed_ingest_redoes_at_most_three_batches_and_ends_with_the_same_tables() {
    let Some(clips) = clips("a killed ingest ends with the same tables") else { return };
    let world = World::empty();
    world.ok(&["init", "empty", "--name", "Archivo"]);
    copy_folder(&world.path("empty"), &world.path("whole"));
    let all = count_files(&clips, &|path| path.extension().is_some_and(|extension| extension != "png"));
    assert!(all >= 30, "{all} clips");
    let covers = count_files(&clips, &|path| path.extension().is_some_and(|extension| extension == "png"));

    let commits = undisturbed(&world, &clips);
    assert!(commits.len() >= 4, "too few commits to kill between: {commits:?}");
    assert_eq!(statuses(&world.path("whole.jsonl")).len(), all);

    // Two at a time, each of which takes about one processor.
    let done_by = |lane: u64| {
        let numbers = (lane..INSTANTS).step_by(2);
        numbers.map(|number| u64::from(kill_and_rerun(&world, number, &clips, &commits, all, covers))).sum::<u64>()
    };
    let after_the_first = std::thread::scope(|scope| {
        let other = scope.spawn(|| done_by(1));
        done_by(0) + other.join().unwrap()
    });
    assert!(after_the_first * 2 >= INSTANTS, "only {after_the_first} kills came after the first commit");
    let killed = (0..INSTANTS).map(|number| format!("killed-{number}"));
    let archives: Vec<String> = std::iter::once("whole".to_owned()).chain(killed).collect();
    let filled =
        ["artists", "albums", "tracks", "supplements", "links", "blobs", "fingerprints", "holdings", "rights", "files"];
    are_equal(&world, &archives, &filled);

    for archive in ["whole", "killed-3", "killed-17"] {
        let report = world.ok(&["--archive", archive, "verify", "--json"]).one();
        assert_eq!(
            (&report["missing"], &report["damaged"]),
            (&Value::Array(vec![]), &Value::Array(vec![])),
            "{archive}"
        );
        assert_eq!(report["unknown"], Value::Array(vec![]), "{archive}: no blob is left over");
    }
    // Which of two equals comes first, and which copy of a recording is shown, follows the rows' order in the tables.
    let found = |archive: &str| {
        let hits = world.ok(&["--archive", archive, "search", "--json", "--limit", "500"]).json();
        let which = |hit: &Value| if hit["kind"] == "track" { hit["recording_id"].clone() } else { hit["id"].clone() };
        hits.iter().map(|hit| format!("{} {}", hit["kind"], which(hit))).collect::<BTreeSet<_>>()
    };
    assert_eq!(found("whole"), found("killed-12"), "the index is the same too");
}

/// Kills one ingest and runs the same command again; says whether anything was committed before the kill.
fn kill_and_rerun(world: &World, number: u64, clips: &Path, commits: &[Duration], all: usize, covers: usize) -> bool {
    let mut random = number;
    let stage = if number < BEFORE_THE_FIRST_COMMIT {
        0
    } else {
        1 + (next(&mut random) % (commits.len() as u64 - 1)) as usize
    };
    let archive = format!("killed-{number}");
    copy_folder(&world.path("empty"), &world.path(&archive));
    let held = killed(world, &archive, clips, commits, stage, next(&mut random) % 1000);
    let after_the_first = commits_of(&world.path(&archive)) > 0;
    let settled = statuses(&world.path(&format!("{archive}.jsonl")));

    let again = Ran::from(ingest(world, &archive, clips).stdout(Stdio::piped()).output().unwrap());
    assert_eq!(again.code, 0, "{archive}: {}", again.err);
    let mut lines = again.json();
    let summary = lines.pop().unwrap();
    let known: HashSet<&str> =
        lines.iter().filter(|line| line["status"] == "known").map(|line| line["root"].as_str().unwrap()).collect();
    let boundaries = boundaries(all);
    assert!(boundaries.contains(&known.len()), "{archive}: {} files are no whole number of batches", known.len());
    // Bytes arrive ahead of the commits: three batches are open at a time.
    let open = boundaries.iter().copied().filter(|boundary| *boundary > known.len()).nth(2).unwrap_or(all);
    assert!(held <= open + covers, "{archive}: {held} blobs, though {} files were committed", known.len());
    for (root, status) in &settled {
        assert!(known.contains(root.as_str()), "{archive}: {root} was told as {status} and then lost");
    }
    let of = |status: &str| summary["summary"][status].as_u64().unwrap() as usize;
    assert_eq!(of("added") + of("malformed") + of("known"), all, "{archive}: {summary}");
    after_the_first
}

/// The elapsed time of each commit of a run that nobody disturbs.
fn undisturbed(world: &World, clips: &Path) -> Vec<Duration> {
    let began = Instant::now();
    let mut child = start(world, "whole", clips);
    let mut commits = Vec::new();
    loop {
        let ended = child.try_wait().unwrap();
        for _ in commits.len()..commits_of(&world.path("whole")) {
            commits.push(began.elapsed());
        }
        if let Some(status) = ended {
            assert!(status.success());
            return commits;
        }
        assert!(began.elapsed() < PATIENCE, "the ingest hangs");
        sleep(Duration::from_millis(3));
    }
}

/// Kills an ingest after `stage` commits and some part of the time that passes before the next; says how many blobs the
/// store has then.
fn killed(world: &World, archive: &str, clips: &Path, commits: &[Duration], stage: usize, permille: u64) -> usize {
    let began = Instant::now();
    let mut child = start(world, archive, clips);
    while commits_of(&world.path(archive)) < stage {
        assert!(child.try_wait().unwrap().is_none(), "{archive}: it ended before commit {stage}");
        assert!(began.elapsed() < PATIENCE, "the ingest hangs");
        sleep(Duration::from_millis(2));
    }
    let before = if stage == 0 { Duration::ZERO } else { commits[stage - 1] };
    let gap = commits[stage].saturating_sub(before);
    sleep(gap.mul_f64(permille as f64 / 1000.0));
    // On Unix this is SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    let blobs = world.path(archive).join("blobs");
    count_files(&blobs, &|path| path.parent().is_some_and(|folder| folder.file_name().unwrap().len() == 2))
}

fn start(world: &World, archive: &str, clips: &Path) -> Child {
    let lines = File::create(world.path(&format!("{archive}.jsonl"))).unwrap();
    ingest(world, archive, clips).stdout(lines).stderr(Stdio::null()).spawn().unwrap()
}

fn ingest(world: &World, archive: &str, clips: &Path) -> Command {
    let batch = BATCH.to_string();
    let args = ["--archive", archive, "ingest", "--basis", "licensed", "--json", "--batch-files", &batch];
    let mut command = world.command(&args);
    command.arg(clips);
    command
}

/// Root and status of each line that was written whole.
fn statuses(path: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(path).unwrap();
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines = whole.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let kept = |line: Value| Some((line["root"].as_str()?.to_owned(), line["status"].as_str()?.to_owned()));
    lines.filter_map(kept).collect()
}

/// Commits of the table `files`, without the one that made it.
fn commits_of(archive: &Path) -> usize {
    let log = fs::read_dir(archive.join("catalog/files/_delta_log"));
    let is_commit =
        |name: &str| name.len() == 25 && Path::new(name).extension().is_some_and(|extension| extension == "json");
    let names = log.into_iter().flatten().filter_map(Result::ok).map(|entry| entry.file_name());
    names.filter(|name| name.to_str().is_some_and(is_commit)).count().saturating_sub(1)
}

/// How many files are committed after each batch.
fn boundaries(all: usize) -> Vec<usize> {
    let sums = (0..).map(|batch| BATCH * ((1 << batch) - 1));
    sums.take_while(|sum| *sum < all).chain([all]).collect()
}

fn count_files(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { count_files(&path, wanted) } else { usize::from(wanted(&path)) }).sum()
}
