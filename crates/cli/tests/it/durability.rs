//! What `ingest` reports is on the disk: seen by strace, for the blob and for the commit that makes it count.

use std::process::Command;

use crate::world::World;

const CALLS: &str = "fsync,fdatasync,renameat2,rename,link,linkat,write";

#[test]
fn bytes_names_and_folders_reach_the_disk_before_success_is_reported() {
    let world = World::with_archive();
    let song = fonoteca_testkit::sample().join("Unsorted/Track01.mp3");
    let archive = world.path("archive").canonicalize().unwrap();
    let log = world.path("strace.log");
    let plain = world.command(&[]);
    let mut traced = Command::new("strace");
    traced.args(["-f", "-y", "-s", "200", "-e", &format!("trace={CALLS}"), "-o"]).arg(&log).arg(plain.get_program());
    traced.args(["--archive".as_ref(), archive.as_os_str(), "ingest".as_ref(), "--json".as_ref(), song.as_os_str()]);
    traced.args(["--basis", "own-work"]).env_clear().env("HOME", world.path("home"));
    let output = traced.output().expect("strace is installed; `cargo xtask test` does that");
    if String::from_utf8_lossy(&output.stderr).contains("PTRACE_TRACEME") {
        println!("skipped: this machine lets nobody trace");
        return;
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let outcome: serde_json::Value =
        serde_json::from_slice(output.stdout.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    let root = outcome["root"].as_str().unwrap();
    let calls = finished(&std::fs::read_to_string(&log).unwrap());
    let reported = position(&calls, 0, |call| call.starts_with("write(1<") && call.contains(r#"\"status\":\"added\""#));

    let blob = archive.join("blobs").join(&root[..2]).join(&root[2..4]).join(root);
    let blob_done = durable(&calls, &blob.display().to_string());
    let commit = archive.join("catalog/files/_delta_log/00000000000000000001.json");
    let commit_done = durable(&calls, &commit.display().to_string());
    assert!(
        blob_done < commit_done && commit_done < reported,
        "blob {blob_done}, commit {commit_done}, report {reported}"
    );
}

/// The call that makes `place` last: its bytes are fsynced, then it gets its name and replaces nothing, then the folder is
/// fsynced.
fn durable(calls: &[String], place: &str) -> usize {
    let named = position(calls, 0, |call| {
        call.starts_with("renameat2(") && call.contains(&format!("\"{place}\", RENAME_NOREPLACE"))
    });
    let from = calls[named].split('"').nth(1).unwrap();
    let synced = position(calls, 0, |call| call.starts_with("fsync(") && call.contains(&format!("<{from}>")));
    assert!(synced < named, "{place} had its name before its bytes");
    let folder = place.rsplit_once('/').unwrap().0;
    position(calls, named, |call| call.starts_with("fsync(") && call.contains(&format!("<{folder}>")))
}

fn position(calls: &[String], from: usize, wanted: impl Fn(&str) -> bool) -> usize {
    let found = calls[from..].iter().position(|call| wanted(call));
    from + found.unwrap_or_else(|| panic!("no such call after {from} in\n{}", calls.join("\n")))
}

/// strace splits a call in two lines when another thread calls meanwhile; a call counts when it is over.
fn finished(log: &str) -> Vec<String> {
    let mut begun = std::collections::HashMap::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let Some((process, call)) = line.split_once(' ') else { continue };
        let call = call.trim_start();
        if let Some(first) = call.strip_suffix(" <unfinished ...>") {
            begun.insert(process.to_owned(), first.to_owned());
        } else if let Some((_, last)) = call.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            calls.push(format!("{}{last}", begun.remove(process).unwrap_or_default()));
        } else {
            calls.push(call.to_owned());
        }
    }
    calls
}
