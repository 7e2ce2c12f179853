//! Bags and OCFL: what other institutions' tools say of them, and a bag of theirs that comes in.

use std::fs;
use std::path::Path;

use fonoteca_testkit::{copy_folder, sample};

use super::script;
use crate::world::World;

fn files_below(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { files_below(&path) } else { 1 }).sum()
}

#[test]
fn bags_are_valid_and_come_in_again() {
    let world = World::with_sample();
    let args = ["release", "export", "out", "--bagit", "bags", "--torrent-files", "8", "--json"];
    let said = world.here(&args);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let report = said.one();
    let bags: Vec<_> = fs::read_dir(world.path("bags")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(bags.len() > 1 && report["packages"] == bags.len(), "{report}");
    for bag in &bags {
        let checked = script("check_bag.py", &[bag]);
        assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
        let told = checked.one();
        assert!(told["events"].as_u64() > Some(0) && told["events"] == told["objects"], "an ingestion each: {told}");
        assert_eq!(told["rights"], told["objects"], "{told}");
    }
    let again = world.here(&args).one();
    assert_eq!((&again["packages"], &again["present"]), (&0.into(), &report["packages"]));
    let dark = world.here(&["sql", "SELECT count(*) AS n FROM files", "--json"]).one()["n"].as_u64().unwrap();
    assert!(report["files"].as_u64().unwrap() < dark, "only what may be given out: {report}");

    let other = World::with_archive();
    let taken = other.here(&["ingest", bags[0].to_str().unwrap(), "--basis", "licensed", "--json"]);
    let summary = taken.json().pop().unwrap();
    assert!(summary["summary"]["added"].as_u64() > Some(0), "{}{}", taken.out, taken.err);
    assert_eq!(summary["summary"]["failed"], 0, "{}", taken.out);
    let event = "SELECT outcome, detail FROM events WHERE subject_kind = 'bag'";
    let event = other.here(&["sql", event, "--json"]).one();
    assert_eq!(event["outcome"], "success");
    assert!(event["detail"].as_str().unwrap().contains("Bag-Software-Agent"), "{event}");
}

#[test]
fn an_interrupted_export_goes_on_and_a_damaged_blob_is_named() {
    let world = World::with_sample();
    let args = ["release", "export", "--bagit", "bags", "--json"];
    assert_eq!(world.here(&args).code, 0);
    // As a kill leaves it: the bag under its hidden name, with a journal that ends within a line.
    let bag = fs::read_dir(world.path("bags")).unwrap().next().unwrap().unwrap().path();
    let name = bag.file_name().unwrap().to_str().unwrap().to_owned();
    let partial = world.path("bags").join(format!(".{name}.partial"));
    let manifest = fs::read_to_string(bag.join("manifest-sha256.txt")).unwrap();
    let is_text = |path: &str| [Some("jsonl".as_ref()), Some("txt".as_ref())].contains(&Path::new(path).extension());
    let lines: Vec<(&str, &str)> = manifest.lines().map(|line| line.split_once("  ").unwrap()).collect();
    let lines: Vec<(&str, &str)> = lines.into_iter().filter(|(_, path)| !is_text(path)).collect();
    let size = |path: &str| fs::metadata(bag.join(path)).unwrap().len();
    let journal: Vec<String> = lines.iter().map(|(sha256, path)| format!("{sha256} {} {path}\n", size(path))).collect();
    let journal = journal.concat();
    fs::write(bag.join(".written"), &journal[..journal.len() - 9]).unwrap();
    fs::rename(&bag, &partial).unwrap();
    let on = world.here(&args);
    assert_eq!(on.code, 0, "{}{}", on.out, on.err);
    assert!(!partial.exists());
    assert_eq!(script("check_bag.py", &[&bag]).code, 0);
    assert_eq!(fs::read_to_string(bag.join("manifest-sha256.txt")).unwrap(), manifest);

    let (_, path) = lines[0];
    let root = Path::new(path).file_stem().unwrap().to_str().unwrap();
    let blob = world.path("archive/blobs").join(&root[..2]).join(&root[2..4]).join(root);
    let mut bytes = fs::read(&blob).unwrap();
    bytes[100] ^= 1;
    fs::remove_file(&blob).unwrap();
    fs::write(&blob, bytes).unwrap();
    let said = world.here(&["release", "export", "--bagit", "elsewhere", "--json"]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    assert_eq!(said.one()["failed"][0][0], root);
    let rest = world.path("elsewhere").join(&name);
    assert!(!rest.join(path).exists());
    assert_eq!(script("check_bag.py", &[&rest]).code, 0, "the rest is a bag");
}

#[test]
fn an_ocfl_root_is_valid() {
    let world = World::with_sample();
    let said = world.here(&["release", "export", "--ocfl", "ocfl", "--json"]);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    let report = said.one();
    let checked = script("check_ocfl.py", &[&world.path("ocfl")]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    assert_eq!(checked.one()["objects"], report["packages"]);
    let files = files_below(&world.path("ocfl"));
    let again = world.here(&["release", "export", "--ocfl", "ocfl", "--json"]).one();
    assert_eq!((&again["packages"], &again["present"]), (&0.into(), &report["packages"]));
    assert_eq!(files_below(&world.path("ocfl")), files);
    fs::create_dir(world.path("other")).unwrap();
    fs::write(world.path("other/letter"), "x").unwrap();
    assert_eq!(world.here(&["release", "export", "--ocfl", "other"]).code, 2, "no folder of others is written to");
}

#[test]
fn a_bag_by_bagit_python_is_checked_before_it_comes_in() {
    let world = World::with_archive();
    let bag = world.path("bag");
    copy_folder(&sample().join("Clara Monte/Teclas Antiguas (2019)"), &bag);
    let made = script("make_bag.py", &[&bag]);
    assert_eq!(made.code, 0, "{}", made.err);
    let args = ["ingest", "bag", "--basis", "licensed", "--json"];
    let taken = world.here(&args);
    assert_eq!(taken.code, 0, "{}{}", taken.out, taken.err);
    assert_eq!(taken.json().pop().unwrap()["summary"]["added"], 3);

    let other = World::with_archive();
    copy_folder(&bag, &other.path("bag"));
    let damaged = other.path("bag/data/02 Für Elise.flac");
    let mut bytes = fs::read(&damaged).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let taken = other.here(&args);
    assert_eq!(taken.code, 1, "{}{}", taken.out, taken.err);
    let lines = taken.json();
    assert_eq!(lines.last().unwrap()["summary"]["added"], 2);
    let failed: Vec<_> = lines.iter().filter(|line| line["status"] == "failed").collect();
    assert!(failed.len() == 1 && failed[0]["path"].as_str().unwrap().ends_with("02 Für Elise.flac"), "{}", taken.out);
    assert!(failed[0]["reason"].as_str().unwrap().contains("sha512"), "{}", failed[0]);
    let event = "SELECT outcome, detail FROM events WHERE subject_kind = 'bag'";
    let event = other.here(&["sql", event, "--json"]).one();
    assert_eq!(event["outcome"], "failure");
    assert!(event["detail"].as_str().unwrap().contains("A library"), "{event}");
}
