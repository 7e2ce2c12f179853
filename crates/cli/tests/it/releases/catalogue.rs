//! The tables of all that is given out: what DuckDB reads, what the package says of them, and what changed since.

use std::path::Path;

use serde_json::Value;

use super::{build, script, unpack};
use crate::world::World;

fn package(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("datapackage.json")).unwrap()).unwrap()
}

#[test]
fn a_delta_leads_from_each_release_to_the_next() {
    let world = World::with_sample();
    let flac = ["--where", "codec = 'flac'"];
    let torrents = build(&world, "one", &flac);
    assert_eq!(torrents.last().unwrap()["name"], "one-catalogue");
    let first = world.path("first");
    unpack(&world, "one", "one-catalogue", &first);
    assert!(!first.join("delta").exists());

    // More comes, and one file is withdrawn.
    let given = package(&first)["resources"].as_array().unwrap().clone();
    let files = given.iter().find(|resource| resource["name"] == "full-files-parquet").unwrap();
    assert!(files["rows"].as_u64() > Some(1), "{files}");
    let content = world.path("content");
    unpack(&world, "one", torrents[0]["name"].as_str().unwrap(), &content);
    let index = std::fs::read_to_string(content.join("index.jsonl")).unwrap();
    let lines: Vec<Value> = index.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = lines.iter().find(|line| line["codec"] == "flac").unwrap();
    let root = line["root"].as_str().unwrap();
    assert_eq!(world.here(&["rights", "withdraw", root, "--yes"]).code, 0);
    build(&world, "two", &[]);
    let second = world.path("second");
    unpack(&world, "two", "two-catalogue", &second);
    let readme = std::fs::read_to_string(second.join("README.md")).unwrap();
    assert!(readme.contains("since release one") && readme.contains("CC0 1.0"), "{readme}");

    let checked = script("check_catalogue.py", &[&second, &first]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    let told = checked.one();
    assert!(told["added"].as_u64() > Some(0) && told["removed"].as_u64() > Some(0), "{told}");
    let checked = script("check_catalogue.py", &[&first]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    let dark = format!("{}/full/files.parquet", second.display());
    assert!(
        !std::fs::read(dark).unwrap().windows(64).any(|at| at == root.as_bytes()),
        "what is withdrawn is not there"
    );
}
