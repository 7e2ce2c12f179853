//! Real music, as other programs see it and as the archive does.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::corpus::corpus;
use crate::mirrors::number;

#[test]
fn every_file_of_the_corpus_is_taken_in_sound_and_found_by_its_tags() {
    let Some(corpus) = corpus("every_file_of_the_corpus_is_taken_in_sound_and_found_by_its_tags") else { return };
    assert!(corpus.files.len() >= 140, "{} files", corpus.files.len());
    let told = |wanted: &[&str]| -> BTreeSet<PathBuf> {
        let outcomes =
            corpus.outcomes.iter().filter(|outcome| wanted.iter().any(|status| outcome["status"] == *status));
        outcomes.map(|outcome| PathBuf::from(outcome["path"].as_str().expect("a path"))).collect()
    };
    assert_eq!(told(&["added", "known"]), corpus.files, "{:?}", told(&["malformed", "refused", "failed"]));
    assert_eq!(number(&corpus.summary, "added") + number(&corpus.summary, "known"), corpus.files.len() as u64);

    let archive = corpus.copy();
    let verified = archive.object(&["verify"]);
    assert_eq!((&verified["damaged"], &verified["missing"]), (&json!([]), &json!([])));
    assert!(number(&verified, "checked") >= number(&corpus.summary, "added"));

    let titled = corpus.files.iter().filter_map(|file| Some((file, tag(file, "title")?, tag(file, "artist")?)));
    let spread = titled.step_by(7).take(5).collect::<Vec<_>>();
    assert_eq!(spread.len(), 5, "five files with a title and an artist");
    for (file, title, artist) in spread {
        let hits = archive.json(&["search", &title, &artist, "--kind", "track"]);
        let found = hits.iter().any(|hit| hit["title"] == *title && hit["artist"] == *artist);
        assert!(found, "{}: {title:?} by {artist:?} is not among {hits:?}", file.display());
    }
}

/// A tag as ffprobe reads it, if it is there once.
fn tag(file: &Path, name: &str) -> Option<String> {
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-of", "json", "-show_entries", "format_tags:stream_tags"])
        .arg(file)
        .output()
        .expect("ffprobe is installed");
    let probed: Value = serde_json::from_slice(&probe.stdout).expect("JSON");
    let tags = [&probed["format"]["tags"], &probed["streams"][0]["tags"]];
    let mut tags = tags.into_iter().filter_map(Value::as_object).flatten();
    let text = tags.find(|(key, _)| key.eq_ignore_ascii_case(name))?.1.as_str()?.trim();
    // ffprobe joins what stands there several times by semicolons.
    (!text.is_empty() && !text.contains(';')).then(|| text.to_owned())
}
