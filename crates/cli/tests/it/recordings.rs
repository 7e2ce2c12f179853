//! Fifteen real recordings, each in two encodings, with the licences that a text beside each pair names.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use fonoteca_model::licence::{LicenceMatch, read};
use serde_json::Value;

use crate::world::World;

/// What the text beside a pair says.
struct Stated {
    basis: &'static str,
    licence: String,
    /// As `rights show` is to tell it.
    spdx: Option<String>,
    nc: bool,
}

#[test]
fn each_pair_is_one_recording_under_the_licence_that_its_text_names() {
    let Some(data) = fonoteca_testkit::shared_data("fifteen recordings, each in two encodings") else { return };
    let world = World::with_archive();
    let music = world.path("music");
    copy_audio(&data.join("librosa/audio"), &music);
    let pairs = pairs(&music);
    assert_eq!(pairs.len(), 15, "{:?}", pairs.keys());

    let taken = world.here(&["ingest", "music", "--basis", "unknown", "--json"]);
    assert_eq!(taken.code, 0, "{}", taken.err);
    let lines = taken.json();
    assert_eq!(lines.last().unwrap()["summary"]["added"], 30, "{}", taken.out);
    let root_of: BTreeMap<String, String> = lines
        .iter()
        .filter_map(|line| {
            let name = Path::new(line["path"].as_str()?).file_name()?.to_str()?.to_owned();
            Some((name, line["root"].as_str()?.to_owned()))
        })
        .collect();
    for root in root_of.values() {
        let shown = world.here(&["rights", "show", root, "--json"]).one();
        assert_eq!((&shown["uses"]["stream"], &shown["uses"]["distribute"]), (&false.into(), &false.into()), "{shown}");
    }

    let mut csv = "subject_kind,subject,basis,licence\n".to_owned();
    for (stem, files) in &pairs {
        let stated = stated(&music.join(format!("{stem}.txt")));
        for file in files {
            csv.push_str(&format!("file,\"{file}\",{},{}\n", stated.basis, stated.licence));
        }
    }
    fs::write(music.join("rights.csv"), csv).unwrap();
    let imported = world.here(&["rights", "import", "music/rights.csv", "--json"]);
    assert_eq!(imported.code, 0, "{}", imported.err);

    let mut recording_of: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (stem, files) in &pairs {
        let stated = stated(&music.join(format!("{stem}.txt")));
        for file in files {
            let root = &root_of[file];
            let shown = world.here(&["rights", "show", root, "--json"]).one();
            assert_eq!(shown["basis"], stated.basis, "{file}");
            assert_eq!(shown["licence"], stated.licence, "{file}");
            assert_eq!(shown["spdx"], Value::from(stated.spdx.clone()), "{file}");
            let uses = &shown["uses"];
            assert_eq!(
                (&uses["distribute"], &uses["commercial"]),
                (&true.into(), &(!stated.nc).into()),
                "{file}: {shown}"
            );
            let track = world.here(&["lookup", root, "--json"]).json().remove(0);
            let recording = track["recording_id"].as_str().unwrap_or_else(|| panic!("{track}"));
            recording_of.entry(stem).or_default().insert(recording.to_owned());
        }
    }
    for (stem, recordings) in &recording_of {
        assert_eq!(recordings.len(), 1, "both encodings of {stem} are one recording");
    }
    let different: BTreeSet<&String> = recording_of.values().flatten().collect();
    assert_eq!(different.len(), pairs.len(), "no two recordings are joined: {recording_of:?}");
    assert_eq!(world.here(&["stats", "--json"]).one()["recordings"], 15);

    let plan = world.here(&["release", "plan", "all", "--json"]).one();
    let files: u64 = plan["bands"].as_array().unwrap().iter().filter_map(|band| band["files"].as_u64()).sum();
    assert_eq!(files, 30, "{plan}");
}

/// Copies the audio and the texts. What is not a file of its own is a note, left by a system without links, of the other
/// spelling under which the same file lies there.
fn copy_audio(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    let mut other_spellings = 0;
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let is_note = std::str::from_utf8(&bytes).is_ok_and(|text| from.join(text.trim()).is_file());
        if is_note {
            other_spellings += 1;
        } else if path.extension().is_some_and(|extension| extension == "ogg" || extension == "txt") {
            fs::write(to.join(path.file_name().unwrap()), bytes).unwrap();
        }
    }
    assert_eq!(other_spellings, 3, "one pair and its text lie there under two spellings");
}

/// The file names of each pair, by what they have in common.
fn pairs(music: &Path) -> BTreeMap<String, Vec<String>> {
    let mut pairs: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let paths: Vec<PathBuf> = fs::read_dir(music).unwrap().map(|entry| entry.unwrap().path()).collect();
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "ogg")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let stem = name.trim_end_matches(".ogg").trim_end_matches(".hq");
        pairs.entry(stem.to_owned()).or_default().push(name.to_owned());
    }
    assert!(pairs.values().all(|files| files.len() == 2), "{pairs:?}");
    pairs
}

fn stated(text: &Path) -> Stated {
    let text = fs::read_to_string(text).unwrap();
    let links: Vec<&str> = text.split_whitespace().filter(|word| word.starts_with("http")).collect();
    if let Some(link) = links.iter().find(|link| link.contains("creativecommons.org/")) {
        let LicenceMatch::Known { row, spdx, .. } = read(link) else { panic!("{link} is a licence") };
        let basis = if row.public_domain { "public-domain" } else { "licensed" };
        return Stated { basis, licence: (*link).to_owned(), spdx, nc: row.nc };
    }
    assert!(text.contains("Public domain"), "{text}");
    Stated { basis: "public-domain", licence: (*links.last().unwrap()).to_owned(), spdx: None, nc: false }
}
