//! What it costs to take files in: `fonoteca ingest` against a script of the usual tools.
//!
//! The script learns what ingest learns too: a hash (`sha256sum`), a fingerprint (`fpcalc`, first two minutes) and the
//! loudness with true peak (`ffmpeg`, whole file), two files at a time. It keeps nothing; ours also copies the files, hashes them
//! for torrents and commits the catalogue, which is in its time.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context, Result, bail};

use super::{Outcome, Row, TargetIs, alternate, median, timed};
use crate::corpus;
use crate::workspace::{Workspace, output};

const FILES: usize = 60;
/// Files that the script works on at a time.
const WORKERS: usize = 2;
/// As fast as the script, though it keeps nothing.
const TARGET: f64 = 1.0;

/// Measures megabytes a second of both.
pub fn measure(workspace: &Workspace) -> Result<Outcome> {
    let corpus = corpus::fetch(workspace, false)?;
    eprintln!("choosing {FILES} files …");
    let mut unreadable = 0;
    let mut files = Vec::new();
    for file in corpus {
        if files.len() == FILES {
            break;
        }
        // Some of the corpus is too short for fpcalc or odd enough for ffmpeg to refuse it; a race needs two runners.
        if facts(&file).is_ok() { files.push(file) } else { unreadable += 1 }
    }
    if files.len() < FILES {
        bail!(
            "the script can read only {} files of the corpus, and {FILES} are wanted: are fpcalc and ffmpeg there?",
            files.len()
        );
    }
    let bytes = files.iter().map(|file| file.metadata().map_or(0, |facts| facts.len())).sum::<u64>();
    let megabytes = bytes as f64 / 1e6;
    let binary = workspace.build_binary("release")?;

    let rounds = alternate(|| ours(&binary, &files), || timed(|| script(&files)))?;
    let [ours, peer] = [0, 1].map(|side| megabytes / median(rounds.iter().map(|round| round[side]).collect()));
    let ratio = ours / peer;
    Ok(Outcome {
        work: format!(
            "{FILES} files of the corpus, {megabytes:.1} MB; {unreadable} that the script cannot read left out"
        ),
        rows: vec![Row {
            figure: "ingest".to_owned(),
            unit: "MB/s",
            ours,
            peer: Some(peer),
            peer_name: Some("sha256sum + fpcalc + ffmpeg ebur128, two at a time"),
            ratio: Some(ratio),
            target: Some(TARGET),
            target_is: TargetIs::Ratio,
            meets: Some(ratio >= TARGET),
        }],
        rounds,
        phases: Vec::new(),
    })
}

/// A fresh archive each time; making it is not timed, taking the files in is.
fn ours(binary: &Path, files: &[PathBuf]) -> Result<std::time::Duration> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let archive = folder.path().join("archive");
    output(Command::new(binary).arg("init").arg(&archive))?;
    let mut command = Command::new(binary);
    command.arg("--archive").arg(&archive).args(["ingest", "--json", "--basis", "private-copy"]).args(files);
    let mut report = String::new();
    let took = timed(|| {
        report = output(&mut command)?;
        Ok(())
    })?;
    let taken = report.lines().filter(|line| line.contains("\"root\"")).count();
    if taken < files.len() {
        bail!("ingest reported {taken} of {} files, so its time means nothing", files.len());
    }
    Ok(took)
}

fn script(files: &[PathBuf]) -> Result<()> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<()> {
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            facts(file)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a worker panicked")))
    })
}

fn facts(file: &Path) -> Result<()> {
    output(Command::new("sha256sum").arg(file))?;
    // fpcalc exits with 3 on files shorter than two minutes though it prints the fingerprint.
    let printed = Command::new("fpcalc").arg(file).output().context("cannot start fpcalc")?;
    if !String::from_utf8_lossy(&printed.stdout).contains("FINGERPRINT=") {
        bail!("fpcalc found no fingerprint in {}", file.display());
    }
    let mut loudness = Command::new("ffmpeg");
    loudness.args(["-nostdin", "-nostats", "-hide_banner", "-i"]).arg(file);
    loudness.args(["-map", "0:a", "-af", "ebur128=peak=true", "-f", "null", "-"]).stdin(Stdio::null());
    output(&mut loudness).map(|_| ())
}
