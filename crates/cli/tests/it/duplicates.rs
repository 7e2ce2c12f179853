//! `duplicates`

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::world::{World, sample};

/// Makes `to` of `from`; false where there is no ffmpeg.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
pub fn ffmpeg(from: &Path, to: &Path, options: &[&str]) -> bool {
    let ran = Command::new("ffmpeg").args(["-v", "error", "-nostdin", "-i"]).arg(from).args(options).arg(to).output();
    match ran {
        Ok(ran) => {
            assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
            true
        }
        Err(_) => {
            eprintln!("skipped: ffmpeg is not installed");
            false
        }
    }
}

fn names(group: &Value) -> Vec<String> {
    let copies = group["copies"].as_array().unwrap();
    copies.iter().map(|copy| copy["paths"][0].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
}

#[test]
fn copies_are_found_by_what_they_have_in_common_and_the_best_is_named() {
    let world = World::with_archive();
    let music = world.path("music");
    std::fs::create_dir(&music).unwrap();
    let original = sample().join("Clara Monte/Teclas Antiguas (2019)/02 Für Elise.flac");
    let other = sample().join("Clara Monte/Teclas Antiguas (2019)/01 Minuet in G.flac");
    std::fs::copy(&original, music.join("original.flac")).unwrap();
    std::fs::copy(&other, music.join("other.flac")).unwrap();
    let derived: [(&str, &[&str]); 5] = [
        ("retagged.flac", &["-c:a", "copy", "-metadata", "comment=another one"]),
        ("high.mp3", &["-b:a", "320k", "-map_metadata", "-1"]),
        ("low.mp3", &["-b:a", "64k", "-map_metadata", "-1"]),
        ("small.opus", &["-b:a", "64k", "-map_metadata", "-1"]),
        ("coarse.flac", &["-ar", "22050", "-map_metadata", "-1"]),
    ];
    for (name, options) in derived {
        if !ffmpeg(&original, &music.join(name), options) {
            return;
        }
    }
    let before = std::fs::read_dir(&music).unwrap().count();
    let taken = world.here(&["ingest", "music", "--basis", "own-work", "--json"]);
    assert_eq!(taken.code, 0, "{}", taken.err);

    let said = world.here(&["duplicates", "--json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let groups = said.json();
    let by = |same: &str| groups.iter().filter(|group| group["same"] == same).collect::<Vec<_>>();
    assert_eq!(
        (groups.len(), by("bytes").len(), by("essence").len(), by("recording").len()),
        (2, 0, 1, 1),
        "{}",
        said.out
    );
    let essence = names(by("essence")[0]);
    assert_eq!(
        essence.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        BTreeSet::from(["original.flac", "retagged.flac"])
    );
    let recording = by("recording")[0];
    let found = names(recording);
    assert_eq!(found[2..], ["coarse.flac", "high.mp3", "small.opus", "low.mp3"], "best first");
    assert_eq!(found[..2].iter().collect::<BTreeSet<_>>(), essence.iter().collect::<BTreeSet<_>>());
    let copies = recording["copies"].as_array().unwrap();
    assert_eq!(recording["best"], copies[0]["root"]);
    let best: Vec<bool> = copies.iter().map(|copy| copy["best"].as_bool().unwrap()).collect();
    assert_eq!(best, [true, false, false, false, false, false]);
    let bytes = |copy: &Value| copy["bytes"].as_i64().unwrap();
    assert_eq!(recording["other_bytes"].as_i64().unwrap(), copies[1..].iter().map(bytes).sum::<i64>());

    assert_eq!(world.here(&["duplicates", "--same", "essence", "--json"]).json().len(), 1);
    let told = world.here(&["duplicates"]);
    assert!(told.out.contains("the same recording") && told.out.contains("best"), "{}", told.out);
    assert_eq!(std::fs::read_dir(&music).unwrap().count(), before, "nothing is deleted");
    assert_eq!(world.here(&["verify"]).code, 0);
}

#[test]
fn one_blob_at_two_places_is_told() {
    let world = World::with_sample();
    let root = world.here(&["sql", "SELECT root FROM files ORDER BY root LIMIT 1", "--format", "json"]).one();
    let root: fonoteca_model::BlobId = root["root"].as_str().unwrap().parse().unwrap();
    let place = |path: &str| fonoteca_catalog::Location {
        root,
        path: path.as_bytes().to_vec(),
        size: 1,
        mtime: fonoteca_model::Timestamp(0),
        inode: 1,
    };
    let locations = vec![place("/music/a.flac"), place("/music/b.flac"), place("/music/a.flac")];
    let batch = fonoteca_catalog::Batch { locations, ..fonoteca_catalog::Batch::default() };
    crate::links::commit(&world.path("archive"), "places", batch);
    let groups = world.here(&["duplicates", "--same", "bytes", "--json"]).json();
    assert_eq!(groups.len(), 1, "{groups:?}");
    assert_eq!(groups[0]["copies"][0]["paths"], serde_json::json!(["/music/a.flac", "/music/b.flac"]));
}
