//! Which audio: by licence, collection, words, condition, size, along bands of one's own.

use serde_json::Value;

use super::{audio, build, unpack};
use crate::world::World;

fn plan(world: &World, more: &[&str]) -> Value {
    let planned = world.here(&[&["release", "plan", "--json"], more].concat());
    assert_eq!(planned.code, 0, "{more:?}: {}{}", planned.out, planned.err);
    planned.one()
}

fn sum(plan: &Value, field: &str) -> u64 {
    plan["bands"].as_array().unwrap().iter().map(|band| band[field].as_u64().unwrap()).sum()
}

fn left_out(plan: &Value, rule: &str) -> u64 {
    let all = plan["left_out"].as_array().unwrap();
    let of_rule = all.iter().filter(|left| left["rule"].as_str().unwrap().contains(rule));
    of_rule.map(|left| left["files"].as_u64().unwrap()).sum()
}

#[test]
fn every_file_is_inside_or_left_out_by_a_rule() {
    let world = World::with_sample();
    let everything = plan(&world, &[]);
    let files = world.here(&["stats", "--json"]).one()["files"].as_u64().unwrap();
    let all = |plan: &Value| sum(plan, "files") + left_out(plan, "");
    assert_eq!(all(&everything), files);
    let half = (sum(&everything, "bytes") / 2).to_string();
    for (more, rule) in [
        (&["--license", "CC0-1.0"][..], "not chosen: under"),
        (&["--where", "codec = 'flac' -- nothing else"], "not chosen: where codec = 'flac'"),
        (&["--where", "root IN (SELECT root FROM files WHERE codec = 'vorbis')"], "not chosen: where"),
        (&["--query", "ode to joy"], "not found by the words"),
        (&["--max-bytes", &half], "beyond the bytes"),
    ] {
        let chosen = plan(&world, more);
        assert_eq!(all(&chosen), files, "{more:?}: {chosen:#}");
        assert!(left_out(&chosen, rule) > 0, "{more:?}: {chosen:#}");
        assert!((1..sum(&everything, "files")).contains(&sum(&chosen, "files")), "{more:?}: {chosen:#}");
    }
    assert!(sum(&plan(&world, &["--max-bytes", &half]), "bytes") <= sum(&everything, "bytes") / 2);
    let licences = plan(&world, &["--license", "CC0-1.0"]);
    assert_eq!(licences["licences"].as_object().unwrap().keys().collect::<Vec<_>>(), ["CC0-1.0"]);

    for (more, code, told) in [
        (&["--where", "colour = 'red'"][..], 2, "no column `colour`"),
        (&["--where", "codec ="], 2, "cannot be asked"),
        (&["--collection", "nothing"], 2, "no collection"),
        (&["--license", "mine"], 2, "no licence that the rules know"),
        (&["--bands", "10,20"], 2, "falling"),
        (&["--tail", "mp3:64"], 2, "opus:72"),
        (&["--tail-below", "5"], 2, "--tail"),
    ] {
        let said = world.here(&[&["release", "plan"], more].concat());
        assert_eq!(said.code, code, "{more:?}: {}", said.err);
        assert!(said.err.contains(told), "{more:?}: {}", said.err);
    }
}

#[test]
fn bands_and_the_curve() {
    let world = World::with_sample();
    let planned = plan(&world, &["--bands", "90,1", "--plot", "release.svg"]);
    let bands = planned["bands"].as_array().unwrap();
    let popularity: Vec<&Value> = bands.iter().map(|band| &band["popularity"]).collect();
    assert!(
        popularity.iter().all(|band| [[100, 90], [89, 1], [0, 0]].iter().any(|it| **band == serde_json::json!(it)))
    );
    assert!(bands.len() > 1, "{planned:#}");
    let share: f64 = bands.iter().map(|band| band["listens_share"].as_f64().unwrap()).sum();
    let coverage = &planned["coverage"];
    assert!((share - coverage["share_held"].as_f64().unwrap()).abs() < 1e-9 && share <= 1.0, "{planned:#}");
    assert_eq!(coverage["bytes_held"].as_u64().unwrap(), sum(&planned, "bytes"));
    assert_eq!(sum(&planned, "tracks"), sum(&planned, "files"), "each file of the sample is one track");
    let picture = std::fs::read_to_string(world.path("release.svg")).unwrap();
    assert!(picture.starts_with("<svg") && picture.contains("class=\"curve held\""), "{picture}");
    let said = world.here(&["release", "plan"]).out;
    assert!(said.contains("of all listens") && said.contains("first tracks"), "{said}");

    let torrents = audio(&build(&world, "own", &["--bands", "90,1"]));
    assert!(torrents.iter().any(|torrent| torrent["name"].as_str().unwrap().starts_with("own-p089-")), "{torrents:#?}");
    let manifest = std::fs::read_to_string(world.path("archive/releases/own/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["made"]["bands"], serde_json::json!([[90, 100], [1, 89], [0, 0]]));
}

#[test]
fn a_release_has_what_was_chosen_and_the_next_one_the_rest() {
    let world = World::with_sample();
    let everything = sum(&plan(&world, &[]), "files");
    let flac = audio(&build(&world, "flac", &["--where", "codec = 'flac'"]));
    let folder = world.path("unpacked");
    for torrent in &flac {
        unpack(&world, "flac", torrent["name"].as_str().unwrap(), &folder);
    }
    let index = std::fs::read_to_string(folder.join("index.jsonl")).unwrap();
    assert!(index.lines().count() > 0 && index.lines().all(|line| line.contains("\"codec\":\"flac\"")), "{index}");
    let rest = plan(&world, &[]);
    assert_eq!(left_out(&rest, "in an earlier release"), everything - sum(&rest, "files"));
    assert!(left_out(&rest, "in an earlier release") > 0);
}
