//! Identifying by sound at any size; `cargo xtask bench identify` runs both phases.
//!
//! The index holds synthetic fingerprints and three of four of the files given. Asked are: ten seconds of each of those
//! files as they are, in noise and as a small MP3; ten seconds of the other files, which must not be found unless the same
//! sound is in one that is held; and the same of synthetic recordings that are held, and that are not.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints what it measured")]

mod excerpts;
mod noise;
mod synthetic;
mod waveform;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use fonoteca_audio::identify::{Sound, SoundIndex, SoundWriter, listen};
use fonoteca_audio::{ALGORITHM, Limits, analyse};
use fonoteca_model::BlobId;
use serde_json::{Map, Value, json};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Of so many files one is left out of the index.
const LEFT_OUT: usize = 4;
/// Excerpts of each file.
const PLACES: usize = 3;
/// Synthetic recordings that are asked for, of those held and of those that are not.
const SYNTHETIC: u64 = 1_000;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [phase, dir, recordings, files @ ..] = &arguments[..] else {
        // As `cargo bench` calls it.
        eprintln!("usage: identify build|ask DIR RECORDINGS FILE…");
        return Ok(());
    };
    let (dir, recordings) = (Path::new(dir).join("sounds"), recordings.parse()?);
    let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
    let mut figures = match phase.as_str() {
        "build" => build(&dir, recordings, &files)?,
        "ask" => ask(&dir, recordings, &files)?,
        other => return Err(format!("{other} is no phase").into()),
    };
    figures.insert("peak_memory_mb".into(), json!(memory("VmHWM:")));
    println!("{}", Value::Object(figures));
    Ok(())
}

fn is_left_out(number: usize) -> bool {
    number % LEFT_OUT == LEFT_OUT - 1
}

fn root_of_file(number: usize) -> BlobId {
    let mut bytes = [0xff; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    BlobId(bytes)
}

/// The file that has this root; none has, if it is a synthetic one.
fn file_of_root(root: BlobId, files: &[PathBuf]) -> Option<&PathBuf> {
    let number = usize::from_le_bytes(*root.0.first_chunk()?);
    files.get(number).filter(|_| root == root_of_file(number))
}

fn build(dir: &Path, recordings: u64, files: &[PathBuf]) -> Outcome<Map<String, Value>> {
    let _ = std::fs::remove_dir_all(dir);
    let mut prints = Vec::new();
    for (number, file) in files.iter().enumerate().filter(|(number, _)| !is_left_out(*number)) {
        match analyse(file, &Limits::default(), &|| false) {
            Ok(facts) => {
                let print = facts.fingerprint.filter(|print| print.algorithm == ALGORITHM);
                prints.extend(print.map(|print| (root_of_file(number), print.values)));
            }
            Err(error) => eprintln!("left out: {error}"),
        }
    }
    let start = Instant::now();
    let mut writer = SoundWriter::anew(dir)?;
    for number in 0..recordings {
        writer.add(synthetic::root(number), &synthetic::values(number))?;
    }
    for (root, values) in &prints {
        writer.add(*root, values)?;
    }
    writer.commit("bench", &|| false)?;
    let took = start.elapsed().as_secs_f64();
    let index = SoundIndex::new(dir);
    let held = index.recordings()? as f64;
    let mut figures = Map::new();
    figures.insert("recordings".into(), json!(held));
    figures.insert("bytes_a_recording".into(), json!(index.bytes()? as f64 / held));
    figures.insert("recordings_a_second".into(), json!(held / took));
    Ok(figures)
}

/// How often what is held was found, and how often something was found that is not there.
#[derive(Default)]
struct Count {
    asked: u32,
    right: u32,
    wrong: u32,
}

impl Count {
    fn share(&self) -> f64 {
        f64::from(self.right) / f64::from(self.asked.max(1))
    }
}

struct Asking<'a> {
    index: SoundIndex,
    files: &'a [PathBuf],
    milliseconds: Vec<f64>,
    /// The sound was found in another file, which has it.
    elsewhere: Vec<String>,
    wrong: Vec<String>,
}

/// An excerpt of a file: where it lies, and what to call it.
struct Excerpt<'a> {
    path: &'a Path,
    what: String,
}

impl Asking<'_> {
    /// `right` is what should be found; nothing, if it is not held. Of a synthetic sound there is no excerpt.
    fn ask(&mut self, sound: &Sound, right: Option<BlobId>, of: Option<Excerpt>, count: &mut Count) -> Outcome<()> {
        let start = Instant::now();
        let found = self.index.search(sound)?;
        self.milliseconds.push(start.elapsed().as_secs_f64() * 1e3);
        count.asked += 1;
        let Some(found) = found.first() else { return Ok(()) };
        if right == Some(found.root) {
            count.right += 1;
            return Ok(());
        }
        let file = file_of_root(found.root, self.files);
        let name = file.and_then(|file| file.file_name()).unwrap_or_default().display();
        let what = of.as_ref().map_or("a synthetic one", |excerpt| &excerpt.what);
        let told = format!("{what}: in {name} at {} ms, score {:.3}", found.offset_ms, found.score);
        match (of, file) {
            (Some(excerpt), Some(file)) if waveform::is_same(excerpt.path, file, found.offset_ms)? => {
                count.right += u32::from(right.is_some());
                self.elsewhere.push(told);
            }
            _ => {
                count.wrong += 1;
                self.wrong.push(told);
            }
        }
        Ok(())
    }
}

fn ask(dir: &Path, recordings: u64, files: &[PathBuf]) -> Outcome<Map<String, Value>> {
    let (milliseconds, elsewhere, wrong) = (Vec::new(), Vec::new(), Vec::new());
    let mut asking = Asking { index: SoundIndex::new(dir), files, milliseconds, elsewhere, wrong };
    asking.index.recordings()?;
    let folder = tempfile::tempdir()?;
    let mut real: [Count; 3] = Default::default();
    let (mut strangers, mut held, mut absent) = (Count::default(), Count::default(), Count::default());
    let mut listening = Vec::new();
    for (number, file) in files.iter().enumerate() {
        for (kind, name, excerpt) in excerpts::of(file, folder.path(), PLACES)? {
            let start = Instant::now();
            let Ok(sound) = listen(&excerpt, &Limits::default(), &|| false) else { continue };
            listening.push(start.elapsed().as_secs_f64() * 1e3);
            let what = format!("{}, {name}", file.file_name().unwrap_or_default().display());
            let of = Some(Excerpt { path: &excerpt, what });
            if is_left_out(number) {
                asking.ask(&sound, None, of, &mut strangers)?;
            } else {
                asking.ask(&sound, Some(root_of_file(number)), of, &mut real[kind])?;
            }
        }
    }
    for turn in 0..SYNTHETIC {
        let number = turn * 7_919 % recordings.max(1);
        asking.ask(&synthetic::excerpt(number), Some(synthetic::root(number)), None, &mut held)?;
        asking.ask(&synthetic::excerpt(recordings + turn), None, None, &mut absent)?;
    }
    let counts = real.iter().chain([&strangers, &held, &absent]);
    let (asked, wrong) = counts.fold((0, 0), |sum, count| (sum.0 + count.asked, sum.1 + count.wrong));
    let mut figures = Map::new();
    for (name, value) in [
        ("p50_ms", quantile(&mut asking.milliseconds, 0.5)),
        ("p99_ms", quantile(&mut asking.milliseconds, 0.99)),
        ("listen_p50_ms", quantile(&mut listening, 0.5)),
        ("recall_clean", real[0].share()),
        ("recall_noise", real[1].share()),
        ("recall_mp3", real[2].share()),
        ("recall_synthetic", held.share()),
        ("false_matches", f64::from(wrong) / f64::from(asked)),
        ("asked", f64::from(asked)),
        ("asked_of_what_is_not_held", f64::from(strangers.asked + absent.asked)),
    ] {
        figures.insert(name.into(), json!(value));
    }
    figures.insert("elsewhere".into(), json!(asking.elsewhere));
    figures.insert("wrong".into(), json!(asking.wrong));
    Ok(figures)
}

fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values
        .get(((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}

/// A line of `/proc/self/status`, in MB; 0 where there is none.
fn memory(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) * 1024.0 / 1e6
}
