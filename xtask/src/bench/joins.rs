//! Which files are one recording: real music, and a thousand files derived from it, of which the truth is known.
//!
//! Derived files carry no tags and no telling names, so that the sound alone can say what they are from. Pairs count: of two
//! files in one group of `duplicates`, were they made from the same original (precision); of a derived file and its
//! original, are they in one group (recall).

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::ingest::Ours;
use super::{Outcome, Row, TargetIs};
use crate::corpus;
use crate::tools;
use crate::workspace::{Workspace, output, run};

/// Files that are derived, where ffmpeg can read all originals; and how many there must be.
const DERIVED: usize = 1_020;
const ENOUGH: usize = 1_000;
/// Packages of real music have at least as many files.
const ORIGINALS: usize = 400;
/// Files that are derived at the same time.
const WORKERS: usize = 2;
/// What is shorter has no fingerprint that could tell it from anything: it is only given other tags.
const SHORTEST: f64 = 3.0;
/// Seconds of the originals that each round derives one more file from: what is long is encoded less often.
const ROUNDS: [f64; 4] = [f64::INFINITY, 300.0, 200.0, 150.0];

/// One way to derive a file: the ending, and a command of Bash from `$1`, the original, to `$2`.
type Way = (&'static str, &'static str);

const DECODED: &str = "ffmpeg -nostdin -v error -i \"$1\" -map 0:a:0 -map_metadata -1 -fflags +bitexact";
const WAYS: [Way; 9] = [
    ("flac", "-f wav - | flac --silent -8 -o \"$2\" -"),
    ("mp3", "-f wav - | lame --quiet -b 128 - \"$2\""),
    ("ogg", "-f wav - | oggenc --quiet -q 3 -o \"$2\" -"),
    ("opus", "-f wav - | opusenc --quiet --bitrate 64 - \"$2\""),
    ("m4a", "-c:a aac -b:a 128k \"$2\""),
    ("mp3", "-f wav - | lame --quiet -V 5 --resample 32 - \"$2\""),
    ("flac", "-ac 1 -c:a flac \"$2\""),
    ("ogg", "-ar 32000 -f wav - | oggenc --quiet -q 6 -o \"$2\" -"),
    ("opus", "-f wav - | opusenc --quiet --bitrate 160 - \"$2\""),
];

/// A derived file, and the number of what it was made from.
struct Derived {
    path: PathBuf,
    original: usize,
}

/// Takes everything in at once, and compares the groups with the truth.
pub fn measure(workspace: &Workspace) -> Result<Outcome> {
    tools::install_system_packages()?;
    let originals = corpus::fetch(workspace, true)?;
    if originals.len() < ORIGINALS {
        bail!("the corpus has only {} of {ORIGINALS} files", originals.len());
    }
    let originals = distinct(originals)?;
    let folder = workspace.cache("bench").join("derived");
    if !folder.join("list.json").exists() {
        derive(&originals, &folder)?;
    }
    let derived = listed(&folder)?;
    let ours = Ours::build(workspace)?;
    let archive = ours.archive()?;
    let paths: Vec<PathBuf> = originals.iter().cloned().chain([folder]).collect();
    let (_, told) = ours.ingest(archive.path(), &["--link"], &paths, originals.len() + derived.len())?;
    let (_, groups) = ours.run(archive.path(), &["duplicates"], &[])?;
    Ok(judge(&originals, &derived, &told, &groups))
}

/// Each content once: packages repeat files.
fn distinct(files: Vec<PathBuf>) -> Result<Vec<PathBuf>> {
    let mut of_size: HashMap<u64, Vec<PathBuf>> = HashMap::new();
    let mut kept = Vec::new();
    let read = |file: &Path| fs::read(file).with_context(|| format!("cannot read {}", file.display()));
    for file in files {
        let size = file.metadata().with_context(|| format!("cannot look at {}", file.display()))?.len();
        let others = of_size.entry(size).or_default();
        let mut is_new = true;
        for other in others.iter() {
            is_new &= read(other)? != read(&file)?;
        }
        if is_new {
            others.push(file.clone());
            kept.push(file);
        }
    }
    Ok(kept)
}

/// What is derived, from which original and how; what ffmpeg cannot read is an original alone.
fn planned(originals: &[PathBuf]) -> Vec<(usize, String, &'static str)> {
    let readable = originals.iter().enumerate().filter_map(|(number, original)| Some((number, seconds(original)?)));
    let (long, short): (Vec<_>, Vec<_>) = readable.partition(|(_, length)| *length >= SHORTEST);
    let retagged = short.iter().map(|(original, _)| {
        let ending = originals[*original].extension().unwrap_or_default().to_string_lossy().into_owned();
        (*original, ending, "-c copy -metadata title='Another title' \"$2\"")
    });
    let rounds = ROUNDS.into_iter().chain(std::iter::repeat(ROUNDS[ROUNDS.len() - 1])).take(WAYS.len());
    let turns = rounds.enumerate().flat_map(|(round, most)| {
        let some = long.iter().filter(move |(_, length)| *length <= most);
        some.map(move |(original, _)| {
            let (ending, how) = WAYS[(*original + round) % WAYS.len()];
            (*original, ending.to_owned(), how)
        })
    });
    retagged.chain(turns).take(DERIVED).collect()
}

/// Makes the derived files, two at a time, and a list of what each was made from; what is there is not made again.
fn derive(originals: &[PathBuf], folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    // Beside the others, so that what was stopped half-way is taken for none of them, nor stands in the way of a new one.
    let making = tempfile::tempdir_in(folder.with_file_name("")).context("cannot create a temporary folder")?;
    let planned = planned(originals);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut made = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((original, ending, how)) = planned.get(number) else { return made };
            let path = folder.join(format!("{number:04}.{ending}"));
            if !path.exists() {
                let partial = making.path().join(format!("{number:04}.{ending}"));
                let mut bash = Command::new("bash");
                bash.args(["-o", "pipefail", "-ec", &format!("{DECODED} {how}"), "bash"]);
                bash.arg(&originals[*original]).arg(&partial).stdin(Stdio::null());
                if let Err(error) = run(&mut bash).and_then(|()| Ok(fs::rename(&partial, &path)?)) {
                    eprintln!("{error}");
                    continue;
                }
            }
            made.push(json!({"path": path, "original": original}));
            if number % 100 == 99 {
                eprintln!("{} of {} files derived", number + 1, planned.len());
            }
        }
    };
    let list: Vec<Value> = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    if list.len() < ENOUGH {
        bail!("only {} of {DERIVED} files could be derived", list.len());
    }
    fs::write(folder.join("list.json"), serde_json::to_string(&list)?).context("cannot keep the list")
}

/// What was derived, as [`derive`] listed it.
fn listed(folder: &Path) -> Result<Vec<Derived>> {
    let text = fs::read_to_string(folder.join("list.json")).context("cannot read the list of derived files")?;
    let list: Vec<Value> = serde_json::from_str(&text).context("the list of derived files is no JSON")?;
    let read = |entry: &Value| {
        let (path, original) = (entry["path"].as_str()?, entry["original"].as_u64()?);
        Some(Derived { path: path.into(), original: original as usize })
    };
    list.iter().map(|entry| read(entry).context("the list of derived files has another form")).collect()
}

/// Seconds of sound, of packets where the container does not say; nothing where ffmpeg cannot read it.
fn seconds(file: &Path) -> Option<f64> {
    let probe = |entries: &str| {
        let mut ffprobe = Command::new("ffprobe");
        ffprobe.args(["-v", "error", "-select_streams", "a:0", "-show_entries", entries, "-of", "csv=p=0"]).arg(file);
        output(&mut ffprobe).ok()?.lines().filter_map(|line| line.trim_matches(',').parse().ok()).next_back()
    };
    probe("format=duration").or_else(|| probe("packet=pts_time"))
}

/// What results call a file: where it lies is one machine's matter.
fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Compares groups with what each file was made from.
fn judge(originals: &[PathBuf], derived: &[Derived], told: &[Value], groups: &[Value]) -> Outcome {
    let by_path: HashMap<&Path, &str> =
        told.iter().filter_map(|line| Some((Path::new(line["path"].as_str()?), line["root"].as_str()?))).collect();
    let root = |path: &Path| by_path.get(path).copied().unwrap_or_default();
    let mut made_from: BTreeMap<&str, usize> = BTreeMap::new();
    made_from.extend(originals.iter().enumerate().map(|(number, path)| (root(path), number)));
    made_from.extend(derived.iter().map(|derived| (root(&derived.path), derived.original)));
    let names: HashMap<&str, &str> = by_path.iter().map(|(path, root)| (*root, name(path))).collect();
    let group_of = united(groups);
    let (mut joined, mut right, mut wrong) = (0_u64, 0_u64, Vec::new());
    let files: Vec<(&str, usize)> = made_from.iter().map(|(root, original)| (*root, *original)).collect();
    for (place, (one, original)) in files.iter().enumerate() {
        let Some(group) = group_of.get(one) else { continue };
        for (other, of_other) in &files[place + 1..] {
            if group_of.get(other) != Some(group) {
                continue;
            }
            joined += 1;
            if original == of_other {
                right += 1;
            } else {
                wrong.push(json!([names[one], names[other]]));
            }
        }
    }
    let found = |derived: &&Derived| {
        let (copy, original) = (root(&derived.path), root(&originals[derived.original]));
        copy == original || group_of.get(copy).is_some_and(|group| group_of.get(original) == Some(group))
    };
    let (found, missed): (Vec<&Derived>, Vec<&Derived>) = derived.iter().partition(found);
    let missed: Vec<Value> =
        missed.iter().map(|missed| json!([name(&missed.path), name(&originals[missed.original])])).collect();
    let share = |some: u64, all: u64| if all == 0 { 0.0 } else { some as f64 / all as f64 };
    let row = |figure, ours| Row::less_is_better(figure, "share", (ours, None), Some((TargetIs::AtLeast, 0.99)));
    let rows = vec![
        row("precision of pairs", share(right, joined)),
        row("recall of derived files", share(found.len() as u64, derived.len() as u64)),
    ];
    Outcome {
        work: format!(
            "{} files of music and {} derived from them; {joined} pairs joined",
            originals.len(),
            derived.len()
        ),
        rows,
        phases: vec![json!({"wrong": wrong, "missed": missed})],
    }
}

/// The group of each file; groups that share a file are one.
fn united(groups: &[Value]) -> HashMap<&str, usize> {
    let mut group_of: HashMap<&str, usize> = HashMap::new();
    for (number, group) in groups.iter().enumerate() {
        let copies = group["copies"].as_array().map_or(&[][..], Vec::as_slice);
        let roots: Vec<&str> = copies.iter().filter_map(|copy| copy["root"].as_str()).collect();
        let before: Vec<usize> = roots.iter().filter_map(|root| group_of.get(root).copied()).collect();
        for of in group_of.values_mut().filter(|of| before.contains(of)) {
            *of = number;
        }
        group_of.extend(roots.into_iter().map(|root| (root, number)));
    }
    group_of
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_judged_by_what_they_were_made_from() {
        let originals = ["a", "b", "c"].map(PathBuf::from);
        let derived = [("d", 0), ("e", 0), ("f", 1)].map(|(path, original)| Derived { path: path.into(), original });
        let told: Vec<Value> =
            "abcdef".chars().map(|name| json!({"path": name.to_string(), "root": name.to_string()})).collect();
        let group = |roots: &[&str]| {
            let copies: Vec<Value> = roots.iter().map(|root| json!({"root": root})).collect();
            json!({"copies": copies})
        };
        // Of three pairs one is wrong; of three derived files one is missed.
        let outcome = judge(&originals, &derived, &told, &[group(&["a", "d"]), group(&["d", "e"])]);
        assert_eq!(outcome.rows.iter().map(|row| row.ours).collect::<Vec<_>>(), [1.0, 2.0 / 3.0]);
        let outcome = judge(&originals, &derived, &told, &[group(&["a", "d", "c"]), group(&["b", "f"])]);
        assert_eq!(outcome.rows.iter().map(|row| row.ours).collect::<Vec<_>>(), [0.5, 2.0 / 3.0]);
        assert_eq!(outcome.phases[0]["wrong"].as_array().map(Vec::len), Some(2));
    }
}
