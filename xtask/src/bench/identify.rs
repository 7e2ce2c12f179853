//! Identifying by sound: synthetic fingerprints and the corpus in one index, asked for ten seconds of what it holds and of
//! what it does not. The bench program of `fonoteca-audio` does the work, a process a phase.

use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Outcome, Row, Scale, TargetIs, build};
use crate::corpus;
use crate::workspace::{Workspace, output};

/// Figure, unit, phase, name there, and what is to be reached.
type Figure = (&'static str, &'static str, &'static str, &'static str, Option<(TargetIs, f64)>);

const FIGURES: [Figure; 11] = [
    ("10 s excerpt, p50", "ms", "ask", "p50_ms", None),
    ("10 s excerpt, p99", "ms", "ask", "p99_ms", Some((TargetIs::AtMost, 100.0))),
    ("hearing 10 s, p50", "ms", "ask", "listen_p50_ms", None),
    ("recall, clean", "share", "ask", "recall_clean", Some((TargetIs::AtLeast, 0.95))),
    ("recall, noise at 10 dB", "share", "ask", "recall_noise", Some((TargetIs::AtLeast, 0.85))),
    ("recall, MP3 at 64 kbit/s", "share", "ask", "recall_mp3", Some((TargetIs::AtLeast, 0.85))),
    ("recall, synthetic", "share", "ask", "recall_synthetic", Some((TargetIs::AtLeast, 0.85))),
    ("false matches", "share", "ask", "false_matches", Some((TargetIs::AtMost, 0.001))),
    ("size", "B/recording", "build", "bytes_a_recording", None),
    ("peak memory, building", "MB", "build", "peak_memory_mb", Some((TargetIs::AtMost, 500.0))),
    ("peak memory, asking", "MB", "ask", "peak_memory_mb", Some((TargetIs::AtMost, 500.0))),
];

/// Builds the index and asks it. The index of a million recordings takes 1.6 GB of the folder for temporary files.
pub fn measure(workspace: &Workspace, scale: &Scale) -> Result<Outcome> {
    let files = corpus::fetch(workspace, true)?;
    let program = build(workspace, "fonoteca-audio", "identify")?;
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let run = |phase: &str| phase_of(&program, phase, folder.path(), scale.rows, &files);
    let phases = json!({"build": run("build")?, "ask": run("ask")?});
    let rows = FIGURES.iter().filter_map(|&(figure, unit, phase, name, target)| {
        let ours = phases[phase][name].as_f64()?;
        Some(Row::less_is_better(figure, unit, (ours, None), target))
    });
    Ok(Outcome {
        work: format!("{} synthetic recordings and {} files of the corpus", scale.rows, files.len()),
        rows: rows.collect(),
        phases: vec![phases.clone()],
    })
}

fn phase_of(program: &Path, phase: &str, dir: &Path, rows: u64, files: &[std::path::PathBuf]) -> Result<Value> {
    eprintln!("{phase} …");
    let mut command = std::process::Command::new(program);
    command.arg(phase).arg(dir).arg(rows.to_string()).args(files);
    let printed = output(command.stderr(std::process::Stdio::inherit()))?;
    serde_json::from_str(&printed).context("the bench program prints its figures as JSON")
}
