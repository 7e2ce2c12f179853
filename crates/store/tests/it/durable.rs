//! The order of system calls, seen by strace: bytes, name, folder, and only then success.

use std::path::Path;
use std::process::Command;

use fonoteca_model::BlobId;
use fonoteca_store::{Store, layout};
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use tempfile::TempDir;

use crate::hashes;

/// Where the traced child works; set by [`trace`] alone.
const CHILD: &str = "FONOTECA_STORE_TRACED";
const CALLS: &str = "fsync,fdatasync,renameat2,renameat,rename,link,linkat";

/// What the child does; after each success it renames a marker, which the trace shows.
#[tokio::test]
#[ignore = "a child that the test below traces"]
async fn traced_child() {
    let Some(root) = std::env::var_os(CHILD) else { return };
    let root = Path::new(&root);
    let store = Store::local(root).unwrap();
    let report = |what: &str| std::fs::rename(root.join(what), root.join(format!("{what}-reported"))).unwrap();
    std::fs::write(root.join("source"), b"a song").unwrap();
    store.put_file(&root.join("source"), 100).await.unwrap();
    report("blob");
    std::fs::write(root.join("download"), b"another song").unwrap();
    store.adopt(&root.join("download"), hashes(b"another song").root).await.unwrap();
    report("adopted");
    let objects = store.objects();
    let commit = Key::from("catalog/files/_delta_log/00000000000000000000.json");
    objects.put_opts(&commit, "{}".into(), PutMode::Create.into()).await.unwrap();
    report("commit");
    let mut upload = objects.put_multipart(&Key::from("catalog/files/part-0.parquet")).await.unwrap();
    upload.put_part("rows".into()).await.unwrap();
    upload.complete().await.unwrap();
    report("upload");
    objects.put(&Key::from("catalog/files/_delta_log/_last_checkpoint"), "{}".into()).await.unwrap();
    report("overwrite");
    objects.rename_if_not_exists(&commit, &Key::from("catalog/files/_delta_log/1.json")).await.unwrap();
    report("renamed");
}

/// The child's calls in order, each with the paths that strace shows for its descriptors; `None` without strace.
fn trace(root: &Path) -> Option<Vec<String>> {
    for marker in ["blob", "adopted", "commit", "upload", "overwrite", "renamed"] {
        std::fs::write(root.join(marker), b"").unwrap();
    }
    let log = root.join("strace.log");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-s", "4096", "-e", &format!("trace={CALLS}"), "-o"]).arg(&log);
    strace.arg(std::env::current_exe().unwrap());
    strace.args(["--exact", "durable::traced_child", "--ignored", "--test-threads=1"]).env(CHILD, root);
    let output = match strace.output() {
        Ok(output) if !String::from_utf8_lossy(&output.stderr).contains("PTRACE_TRACEME") => output,
        _ => return None,
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let log = std::fs::read_to_string(log).unwrap();
    Some(joined(&log))
}

/// strace splits a call in two lines when another thread calls meanwhile; a call counts when it is over.
fn joined(log: &str) -> Vec<String> {
    let mut calls = Vec::new();
    let mut unfinished = std::collections::HashMap::new();
    for line in log.lines() {
        let (process, call) = line.split_once(' ').unwrap();
        let call = call.trim_start();
        if let Some(begun) = call.strip_suffix(" <unfinished ...>") {
            unfinished.insert(process, begun);
        } else if let Some(end) = call.strip_prefix("<... ") {
            let (_, end) = end.split_once(" resumed>").unwrap();
            calls.push(format!("{}{end}", unfinished.remove(process).unwrap()));
        } else {
            calls.push(call.to_owned());
        }
    }
    calls
}

/// Where in `calls` the first one at or after `from` is that begins with `name`, holds all `parts`, and succeeded.
fn find(calls: &[String], from: usize, name: &str, parts: &[&str]) -> usize {
    let found = calls[from..].iter().position(|call| {
        call.starts_with(&format!("{name}(")) && parts.iter().all(|part| call.contains(part)) && call.ends_with("= 0")
    });
    from + found.unwrap_or_else(|| panic!("no {name} with {parts:?} after call {from} of\n{}", calls.join("\n")))
}

/// File fsync, rename to `place` by `call`, fsync of the folder, report: in this order. `new_folders` were made on the
/// way.
fn check(calls: &[String], root: &Path, place: &str, rename: (&str, &[&str]), report: &str, new_folders: &[&str]) {
    let (call, flags) = rename;
    let place = root.join(place);
    let folder = place.parent().unwrap().display().to_string();
    let quoted = format!("\"{}\"", place.display());
    let renamed = find(calls, 0, call, &[&[quoted.as_str()], flags].concat());
    let from = calls[renamed].split('"').nth(1).unwrap();
    let synced = find(calls, 0, "fsync", &[&format!("<{from}>")]);
    let folder_synced = find(calls, renamed, "fsync", &[&format!("<{folder}>")]);
    let reported = find(calls, 0, "rename", &[&format!("{report}-reported\"")]);
    assert!(synced < renamed && renamed < folder_synced && folder_synced < reported, "{quoted}\n{}", calls.join("\n"));
    for parent in new_folders {
        let parent = root.join(parent);
        let parent = parent.to_str().unwrap().trim_end_matches('/');
        assert!(find(calls, 0, "fsync", &[&format!("<{parent}>")]) < renamed, "{parent} before {quoted}");
    }
}

#[test]
fn bytes_then_name_then_folder_then_success() {
    let folder = TempDir::new().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let Some(calls) = trace(&root) else {
        eprintln!("skipped: strace is not installed or may not trace here");
        return;
    };
    let no_replace: (&str, &[&str]) = ("renameat2", &["RENAME_NOREPLACE"]);
    let blob = |bytes: &[u8]| -> (BlobId, String) {
        let id = hashes(bytes).root;
        (id, layout::key(id))
    };
    let (id, place) = blob(b"a song");
    let name = id.to_string();
    let fan_out = format!("blobs/{}", &name[..2]);
    check(&calls, &root, &place, no_replace, "blob", &["", "blobs", &fan_out]);
    let (_, place) = blob(b"another song");
    check(&calls, &root, &place, no_replace, "adopted", &[]);
    let log = "catalog/files/_delta_log";
    let commit = format!("{log}/00000000000000000000.json");
    check(&calls, &root, &commit, no_replace, "commit", &["", "catalog", "catalog/files"]);
    let replace: (&str, &[&str]) = ("rename", &[]);
    check(&calls, &root, "catalog/files/part-0.parquet", replace, "upload", &[]);
    check(&calls, &root, &format!("{log}/_last_checkpoint"), replace, "overwrite", &[]);
    check(&calls, &root, &format!("{log}/1.json"), no_replace, "renamed", &[]);
    assert!(!calls.iter().any(|call| call.starts_with("link")), "no hard links where renameat2 works");
}
