//! Ctrl-C: the archive stays consistent, and the same command goes on where it stopped.

use std::io::{BufRead, BufReader, Read};
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};

use crate::world::{World, sample};

/// Sends a signal to a child.
pub fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn an_interrupted_ingest_leaves_a_consistent_archive_and_goes_on() {
    let whole = World::with_sample().here(&["stats", "--json"]).one();
    let world = World::with_archive();
    let sample = sample();
    let args = ["--archive", "archive", "ingest", sample.to_str().unwrap(), "--basis", "licensed", "--json"];
    let mut child = world.command(&[&args[..], &["--batch-files", "1", "--jobs", "1"]].concat()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert!(line.contains("\"root\""), "a line is told after its batch was committed: {line}");
    signal(&child, Signal::INT);
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    let ended = child.wait_with_output().unwrap();
    let complaint = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(130), "{complaint}");
    assert!(complaint.contains("interrupted") && complaint.contains("run the same command again"), "{complaint}");
    assert!(!rest.contains("\"summary\""), "it was not stopped: {rest}");

    let settled = 1 + rest.lines().filter(|line| line.contains("\"root\":\"")).count();
    let stats = world.here(&["stats", "--json"]).one();
    assert_eq!(stats["files"].as_u64(), Some(settled as u64), "what was told of is there, and nothing else");
    assert_eq!(world.here(&["verify"]).code, 0);

    let rerun = world.run(&args);
    assert_eq!(rerun.code, 1, "{}", rerun.err);
    let summary = rerun.json().pop().unwrap();
    assert_eq!(summary["summary"]["known"].as_u64(), Some(settled as u64));
    let stats = world.here(&["stats", "--json"]).one();
    for count in ["artists", "albums", "tracks", "recordings", "files", "malformed"] {
        assert_eq!(stats[count], whole[count], "{count}");
    }
    assert_eq!(world.here(&["verify"]).code, 0);
}
