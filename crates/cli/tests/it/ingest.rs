//! `ingest`

use std::collections::BTreeMap;

use crate::world::{World, assert_fields, sample};

#[test]
fn every_file_is_told_of_and_then_the_sum() {
    let world = World::with_archive();
    let sample = sample();
    let args = ["ingest", sample.to_str().unwrap(), "--basis", "licensed", "--json"];
    let first = world.here(&args);
    assert_eq!(first.code, 1, "one file is refused: {}", first.err);
    let mut lines = first.json();
    let summary = lines.pop().unwrap();
    assert_fields(&summary["summary"], &["added", "known", "malformed", "refused", "failed", "bytes", "seconds"]);
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for line in &lines {
        assert_fields(line, &["path", "status", "root", "track_id", "basis", "reason"]);
        *counted.entry(line["status"].as_str().unwrap().to_owned()).or_default() += 1;
        let is_kept = line["status"] != "refused";
        assert_eq!(line["root"].as_str().map(str::len), is_kept.then_some(64), "{line}");
        assert_eq!(line["track_id"].as_str().map(str::len), is_kept.then_some(16), "{line}");
    }
    for (status, count) in &counted {
        assert_eq!(summary["summary"][status], *count, "{status}");
    }
    assert_eq!((counted["malformed"], counted["refused"]), (1, 1));
    let refused = lines.iter().find(|line| line["status"] == "refused").unwrap();
    assert!(refused["path"].as_str().unwrap().ends_with("shopping list.mp3"));
    assert!(first.err.contains("shopping list.mp3\" is not audio: "), "{}", first.err);

    let again = world.here(&args).json();
    let sum = &again.last().unwrap()["summary"];
    assert_eq!(sum["known"].as_u64(), Some(counted["added"] + counted["malformed"]));
    assert_eq!((&sum["added"], &sum["bytes"]), (&0.into(), &0.into()));
}

#[test]
fn people_read_a_sentence() {
    let world = World::with_archive();
    let folder = sample().join("Tower Recorders");
    let said = world.here(&["ingest", folder.to_str().unwrap(), "--basis", "own-work", "--license", "CC0-1.0"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(
        said.out.starts_with("1 added, 1 other files left alone; ") && said.out.lines().count() == 1,
        "{}",
        said.out
    );
}

#[test]
fn a_path_that_is_not_there_fails_alone() {
    let world = World::with_archive();
    let bells = sample().join("Tower Recorders");
    let said = world.here(&["ingest", "nowhere", bells.to_str().unwrap(), "--basis", "unknown", "--json"]);
    assert_eq!(said.code, 1);
    let lines = said.json();
    assert_eq!((&lines[0]["status"], &lines[0]["path"]), (&"failed".into(), &"nowhere".into()));
    assert_eq!(lines.last().unwrap()["summary"]["added"], 1);
    assert!(said.err.contains("nowhere: "), "{}", said.err);
}
