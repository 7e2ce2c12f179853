//! Which fingerprints are of one recording.

use std::path::{Path, PathBuf};

use fonoteca_audio::{Fingerprint, compare, is_same_recording};

use crate::melody::{Studio, listen};

#[test]
fn copies_join_and_other_melodies_do_not() {
    let studios = [Studio::new(51, 20.0), Studio::new(52, 20.0), Studio::new(53, 20.0)];
    let prints: Vec<Vec<(&str, Fingerprint)>> = studios
        .iter()
        .map(|studio| {
            studio.formats().into_iter().map(|(name, path)| (name, listen(&path).fingerprint.expect("one"))).collect()
        })
        .collect();
    for (here, group) in prints.iter().enumerate() {
        for (name, print) in group {
            let score = is_same_recording(print, &group[0].1);
            assert!(score.is_some_and(|score| score > 0.9), "melody {here}: {name} does not join: {score:?}");
            for (there, others) in prints.iter().enumerate().filter(|(there, _)| *there != here) {
                for (other, other_print) in others {
                    let score = is_same_recording(print, other_print);
                    assert_eq!(score, None, "melodies {here} and {there} join: {name}, {other}");
                }
            }
        }
    }
}

/// Recordings of the librosa data set, each in two qualities: `x.hq.ogg` and `x.ogg`.
fn librosa() -> Option<Vec<(PathBuf, PathBuf)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/librosa/audio");
    let mut pairs: Vec<_> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.to_string_lossy().ends_with(".hq.ogg"))
        .map(|path| (PathBuf::from(path.to_string_lossy().replace(".hq.ogg", ".ogg")), path))
        .collect();
    pairs.sort();
    Some(pairs)
}

#[test]
fn librosa_pairs_join_and_nothing_else() {
    let Some(pairs) = librosa() else {
        println!("skipped: no librosa data set beside the workspace");
        return;
    };
    let prints: Vec<(PathBuf, Fingerprint)> = pairs
        .iter()
        .flat_map(|(low, high)| [low, high])
        // One song is there under two names; the second one is a link that was stored as a text file.
        .filter(|path| std::fs::metadata(path).is_ok_and(|metadata| metadata.len() > 1000))
        .map(|path| (path.clone(), listen(path).fingerprint.unwrap_or_else(|| panic!("{path:?}: no fingerprint"))))
        .collect();
    let recording = |path: &Path| path.to_string_lossy().replace(".hq.ogg", ".ogg");
    let (mut joined, mut least_pair, mut most_other) = (0, 1.0_f64, 0.0_f64);
    for (at, (path, print)) in prints.iter().enumerate() {
        for (other_path, other) in &prints[at + 1..] {
            let score = compare(&print.values, &other.values).score;
            let same = is_same_recording(print, other);
            if recording(path) == recording(other_path) {
                joined += 1;
                least_pair = least_pair.min(score);
                assert!(same.is_some(), "{path:?} does not join its copy: {score}");
            } else {
                most_other = most_other.max(if print.algorithm == other.algorithm { score } else { 0.0 });
                assert_eq!(same, None, "{path:?} joins {other_path:?}");
            }
        }
    }
    println!("librosa: {joined} pairs, at least {least_pair:.3}; others at most {most_other:.3}");
    assert!(joined >= 14, "only {joined} pairs were found");
    assert!(least_pair > 0.78 && most_other < 0.70, "the documented thresholds lost their distance");
}

#[test]
fn short_copies_join_and_other_short_melodies_do_not() {
    let studios = [Studio::new(54, 3.0), Studio::new(55, 3.0), Studio::new(56, 5.0), Studio::new(57, 5.0)];
    let prints: Vec<Vec<Fingerprint>> = studios
        .iter()
        .map(|studio| studio.formats().iter().map(|(_, path)| listen(path).fingerprint.expect("one")).collect())
        .collect();
    for (here, group) in prints.iter().enumerate() {
        assert!(group.iter().all(|print| is_same_recording(print, &group[0]).is_some()), "melody {here}");
        for others in &prints[here + 1..] {
            assert!(group.iter().all(|print| others.iter().all(|other| is_same_recording(print, other).is_none())));
        }
    }
}
