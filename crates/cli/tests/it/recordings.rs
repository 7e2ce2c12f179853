//! Fifteen real recordings, each in two encodings, with the licences that a text beside each pair names.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fonoteca_archive::Archive;
use fonoteca_model::licence::{LicenceMatch, read};
use fonoteca_model::{Id, Timestamp};
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
    let summary = &lines.last().unwrap()["summary"];
    assert_eq!((&summary["added"], &summary["known"]), (&28.into(), &2.into()), "{}", taken.out);
    let root_of: BTreeMap<String, String> = lines
        .iter()
        .filter_map(|line| {
            let name = Path::new(line["path"].as_str()?).file_name()?.to_str()?.to_owned();
            Some((name, line["root"].as_str()?.to_owned()))
        })
        .collect();
    for root in root_of.values().take(3) {
        let shown = world.here(&["rights", "show", root, "--json"]).one();
        assert_eq!((&shown["uses"]["stream"], &shown["uses"]["distribute"]), (&false.into(), &false.into()), "{shown}");
    }

    let mut csv = "subject_kind,subject,basis,licence\n".to_owned();
    for (stem, files) in &pairs {
        let stated = stated(&music.join(format!("{stem}.txt")));
        for file in files {
            csv.extend([format!("file,\"{file}\",{},{}\n", stated.basis, stated.licence)]);
        }
    }
    fs::write(music.join("rights.csv"), csv).unwrap();
    let imported = world.here(&["rights", "import", "music/rights.csv", "--json"]);
    assert_eq!(imported.code, 0, "{}", imported.err);

    let tracks: Vec<Id> = root_of.values().map(|root| Id::of("local", root)).collect();
    let recordings = recordings(&world.path("archive"), &tracks);
    let mut recording_of: BTreeMap<&str, BTreeSet<Id>> = BTreeMap::new();
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
            recording_of.entry(stem).or_default().insert(recordings[&Id::of("local", root)]);
        }
    }
    for (stem, recordings) in &recording_of {
        assert_eq!(recordings.len(), 1, "both encodings of {stem} are one recording");
    }
    let different: BTreeSet<&Id> = recording_of.values().flatten().collect();
    // One of the fifteen is there under two spellings of its name.
    assert_eq!(different.len(), 14, "no two recordings are joined: {recording_of:?}");
    assert_eq!(world.here(&["stats", "--json"]).one()["recordings"], 14);

    let plan = world.here(&["release", "plan", "all", "--json"]).one();
    let files: u64 = plan["bands"].as_array().unwrap().iter().filter_map(|band| band["files"].as_u64()).sum();
    assert_eq!(files, 28, "{plan}");
}

/// The recording that each track is.
fn recordings(archive: &Path, tracks: &[Id]) -> HashMap<Id, Id> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let archive = Archive::open(archive, Arc::new(|| Timestamp(0))).await.unwrap();
        archive.snapshot().await.unwrap().recording_of(tracks).await.unwrap()
    })
}

/// Copies the audio and the texts. One pair is there under two spellings, the second being links that were stored as
/// files which hold the name of the first: links again here.
fn copy_audio(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    let mut links = 0;
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        let target = to.join(path.file_name().unwrap());
        if let Some(name) = std::str::from_utf8(&bytes).ok().filter(|name| from.join(name.trim()).is_file()) {
            symlink(name.trim(), target).unwrap();
            links += 1;
        } else if path.extension().is_some_and(|extension| extension == "ogg" || extension == "txt") {
            fs::write(target, bytes).unwrap();
        }
    }
    assert_eq!(links, 3, "one pair and its text");
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
