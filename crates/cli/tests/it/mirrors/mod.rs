//! Mirrors as people run them: processes that talk to each other over this machine's own addresses.

mod keys;
mod later;
mod publisher;
mod pulling;
mod refusals;
mod repair;
mod resuming;
mod spread;
mod static_host;
mod withdrawal;

pub use publisher::Publisher;

use std::collections::BTreeSet;

use fonoteca_testkit::Operator;
use serde_json::Value;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_fonoteca");

/// Somebody with an empty archive who follows the feed at `url`, trusting `key`.
pub fn follower(url: &str, key: &str) -> Operator {
    let operator = Operator::new(PROGRAM, "Mirror");
    operator.json(&["mirror", "add", url, "--key", key, "--name", "m"]);
    operator
}

/// Pulls and expects that nothing fails; returns the report.
pub fn pull(mirror: &Operator, more: &[&str]) -> Value {
    let report = mirror.object(&[&["mirror", "pull"], more].concat());
    assert_eq!(report["failed"], serde_json::json!([]), "{report}");
    report
}

/// Expects both archives to hold the same bytes, to be sound, and to know the same.
pub fn assert_same(a: &Operator, b: &Operator) {
    assert_eq!(a.blobs(), b.blobs());
    let counts = |operator: &Operator| {
        let stats = operator.object(&["stats"]);
        (number(&stats, "blobs"), number(&stats, "bytes"))
    };
    assert_eq!(counts(a), counts(b));
    assert_same_music(a, b);
}

/// Expects both archives to be sound and to know the same, whatever they hold of releases' tables.
pub fn assert_same_music(a: &Operator, b: &Operator) {
    for operator in [a, b] {
        let verified = operator.object(&["verify"]);
        assert_eq!((&verified["damaged"], &verified["missing"]), (&Value::Array(vec![]), &Value::Array(vec![])));
        assert_eq!(verified["checked"], operator.blobs().len());
    }
    let counts = |operator: &Operator| {
        let stats = operator.object(&["stats"]);
        ["artists", "albums", "tracks", "recordings", "files", "malformed", "listens"]
            .map(|name| stats[name].as_i64().expect("a count"))
    };
    assert_eq!(counts(a), counts(b));
    let rows = |operator: &Operator| {
        operator.json(&[
            "sql",
            "SELECT t.id, t.title, t.artist_credit, t.album_id, t.isrc, h.root FROM tracks t \
             JOIN holdings h ON h.track_id = t.id ORDER BY t.id, h.root",
        ])
    };
    assert_eq!(rows(a), rows(b));
    // Which of two equals comes first, and which copy of a recording is shown, follows each archive's own rows.
    let found = |operator: &Operator| {
        let hits = operator.json(&["search", "--held", "--kind", "track", "--limit", "1000"]);
        hits.iter().map(|hit| hit["recording_id"].to_string()).collect::<BTreeSet<_>>()
    };
    assert_eq!(found(a), found(b));
}

/// A number of a JSON object.
pub fn number(object: &Value, name: &str) -> u64 {
    object[name].as_u64().unwrap_or_else(|| panic!("{name} of {object} is no number"))
}
