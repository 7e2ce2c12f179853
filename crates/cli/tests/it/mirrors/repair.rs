//! Damage made good from a mirror: only what is wrong is fetched, and whoever serves wrong bytes is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use fonoteca_testkit::{Operator, Relay, Wire, noise};
use serde_json::{Value, json};

use super::{PROGRAM, Publisher, follower, number, pull};

/// A hundred recordings; every fifth has two pieces of 1 MiB.
const RECORDINGS: u32 = 100;

/// Flips one bit in each blob of audio, somewhere else in each, and says in which piece.
fn flip_a_bit_in_each(operator: &Operator) -> BTreeMap<String, u64> {
    let audio = operator.json(&["sql", "SELECT root, size FROM files ORDER BY root"]);
    let mut flipped = BTreeMap::new();
    for (file, seed) in audio.iter().zip(1u64..) {
        let (root, size) = (file["root"].as_str().expect("a root"), number(file, "size"));
        let at = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) % size;
        let path = operator.blob(root);
        let mut bytes = fs::read(&path).expect("the blob");
        bytes[at as usize] ^= 1 << (seed % 8);
        fs::remove_file(&path).expect("replaced");
        fs::write(&path, bytes).expect("replaced");
        flipped.insert(root.to_owned(), at >> 20);
    }
    flipped
}

#[test]
fn a_flipped_bit_in_each_of_a_hundred_blobs_is_found_and_made_good_by_a_mirror() {
    let operator = Operator::new(PROGRAM, "Source");
    let music = operator.archive().with_file_name("music");
    fs::create_dir(&music).expect("a folder");
    for seed in 0..RECORDINGS {
        let milliseconds = if seed % 5 == 0 { 70_000 } else { 5_000 + seed };
        fs::write(music.join(format!("{seed}.wav")), noise(seed + 1, milliseconds)).expect("written");
    }
    operator.json(&["ingest", music.to_str().expect("UTF-8"), "--basis", "own-work"]);
    let source = Publisher::serving(operator);
    let release = source.release("first");
    let mirror = follower(&source.serving.url(), &release.key);
    pull(&mirror, &["--via", "web-seed"]);
    let served = mirror.serve(&[]);

    let before = source.operator.blobs();
    let flipped = flip_a_bit_in_each(&source.operator);
    assert_eq!(flipped.len() as u32, RECORDINGS);
    let found = source.operator.run(&["verify", "--json"]).ended(4).one();
    let damaged: BTreeMap<String, u64> = found["damaged"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|damage| (damage["root"].as_str().expect("a root").to_owned(), number(damage, "piece")))
        .collect();
    assert_eq!(damaged, flipped, "each is located to its piece, and nothing else is damaged");
    assert_eq!(found["damaged"].as_array().expect("a list").len() as u32, RECORDINGS);

    // Nothing is repaired before somebody has seen the plan and said yes.
    let url = served.url();
    let asked = source.operator.run(&["verify", "--damaged", "--repair", "--from", &url]).ended(2);
    assert!(asked.err.contains("100 blobs") && asked.err.contains(&url), "{}", asked.err);

    let liar = Relay::to(served.http, Wire { corrupts: Some(b"GET /webseed/"), ..Wire::default() });
    let lying = ["verify", "--damaged", "--repair", "--yes", "--json", "--from", &liar.url()];
    let refused = source.operator.run(&lying).ended(4);
    let report = &refused.one()["repair"];
    assert_eq!((&report["repaired"], &report["bytes"]), (&json!([]), &json!(0)), "nothing of it was used");
    assert_eq!(report["failed"].as_array().expect("a list").len() as u32, RECORDINGS);
    assert_eq!(report["refused"].as_array().expect("a list").len(), 1, "it is asked no more");
    assert_eq!(report["refused"][0]["source"], liar.url());
    assert!(refused.err.contains(&liar.url()) && refused.err.contains("wrong bytes"), "{}", refused.err);
    let still = source.operator.run(&["verify", "--damaged", "--json"]).ended(4).one();
    assert_eq!((&still["checked"], &still["damaged"]), (&json!(RECORDINGS), &found["damaged"]));

    let both = ["verify", "--damaged", "--repair", "--yes", "--json", "--from", &liar.url(), "--from", &url];
    let report = source.operator.run(&both).ended(0).one()["repair"].clone();
    assert_eq!(report["refused"].as_array().expect("a list").len(), 1);
    let repaired = report["repaired"].as_array().expect("a list");
    let of = |blob: &Value| (blob["root"].as_str().expect("a root").to_owned(), blob["pieces"].clone());
    let pieces: BTreeMap<String, Value> = repaired.iter().map(of).collect();
    let wanted: BTreeMap<String, Value> = flipped.iter().map(|(root, piece)| (root.clone(), json!([piece]))).collect();
    assert_eq!(pieces, wanted, "the wrong pieces and no others were fetched");
    let from: BTreeSet<String> = repaired.iter().map(|blob| blob["from"].to_string()).collect();
    assert_eq!(from, BTreeSet::from([json!([url]).to_string()]));
    let whole: u64 =
        source.operator.json(&["sql", "SELECT size FROM files"]).iter().map(|file| number(file, "size")).sum();
    assert!((1..whole).contains(&number(&report, "bytes")), "{} of {whole}", report["bytes"]);

    let sound = source.operator.object(&["verify"]);
    assert_eq!((&sound["damaged"], &sound["missing"], &sound["unknown"]), (&json!([]), &json!([]), &json!([])));
    assert_eq!(source.operator.blobs(), before);
    for root in flipped.keys() {
        assert_eq!(fs::read(source.operator.blob(root)).expect("read"), fs::read(mirror.blob(root)).expect("read"));
    }
    let events = "SELECT outcome, count(*) AS events, count(DISTINCT subject) AS blobs FROM events \
                  WHERE kind = 'recovery' GROUP BY outcome ORDER BY outcome";
    let events = source.operator.json(&["sql", events]);
    assert_eq!(events[1], json!({"outcome": "success", "events": RECORDINGS, "blobs": RECORDINGS}), "{events:?}");
    assert_eq!(events[0]["outcome"], "failure");
}

#[test]
fn a_mirror_makes_damage_good_from_the_feed_that_it_follows() {
    let source = Publisher::of(&["Tower Recorders"]);
    let release = source.release("first");
    let mirror = follower(&source.serving.url(), &release.key);
    pull(&mirror, &["--via", "web-seed"]);
    let flipped = flip_a_bit_in_each(&mirror);
    assert!(!flipped.is_empty());
    fs::remove_file(mirror.blob(flipped.keys().next().expect("one"))).expect("removed");
    let report = mirror.run(&["verify", "--repair", "--yes", "--json"]).ended(0).one();
    assert_eq!(report["repair"]["repaired"].as_array().expect("a list").len(), flipped.len());
    super::assert_same(&source.operator, &mirror);
}

#[test]
fn an_archive_that_never_followed_a_feed_learns_from_it_where_its_blobs_are() {
    let source = Publisher::of(&["Tower Recorders"]);
    source.release("first");
    let stranger = Publisher::of(&["Tower Recorders"]);
    let flipped = flip_a_bit_in_each(&stranger.operator);
    let url = source.serving.url();
    let report = stranger.operator.run(&["verify", "--repair", "--from", &url, "--yes", "--json"]).ended(0).one();
    assert_eq!(report["repair"]["repaired"].as_array().expect("a list").len(), flipped.len(), "{report}");
    assert_eq!(stranger.operator.object(&["verify"])["damaged"], json!([]));
}
