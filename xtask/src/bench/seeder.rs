//! Seeding many torrents: synthetic ones, each as hybrid and twin, offered by the bench program of `fonoteca-swarm`.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{Outcome, Row, Scale, TargetIs, build};
use crate::workspace::{Workspace, output};

/// Files of a torrent.
const FILES: u64 = 100;

/// Figure, unit, name there, and the most that it may be.
const FIGURES: [(&str, &str, &str, Option<f64>); 7] = [
    ("start", "s", "start_s", Some(5.0)),
    ("first block after the start began", "s", "first_block_s", Some(5.0)),
    ("block of a torrent that is not open, p50", "ms", "opening_p50_ms", None),
    ("block of a torrent that is not open, p99", "ms", "opening_p99_ms", None),
    ("descriptors with 195 peers", "", "descriptors", Some(256.0)),
    ("memory of open torrents", "MB", "open_torrents_mb", None),
    ("peak memory", "MB", "peak_memory_mb", Some(1000.0)),
];

/// Makes the torrents and offers them; a million files take some 1.5 GB of the folder for temporary files.
pub fn measure(workspace: &Workspace, scale: &Scale) -> Result<Outcome> {
    let program = build(workspace, "fonoteca-swarm", "seeder")?;
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let torrents = (scale.rows / FILES).max(1);
    let made = phase(&program, "make", folder.path(), &[torrents.to_string(), scale.rows.to_string()])?;
    let seeded = phase(&program, "seed", folder.path(), &[])?;
    let rows = FIGURES.iter().filter_map(|&(figure, unit, name, target)| {
        let ours = seeded[name].as_f64()?;
        Some(Row {
            figure: figure.to_owned(),
            unit,
            ours,
            peer: None,
            peer_name: None,
            ratio: None,
            target,
            target_is: TargetIs::AtMost,
            meets: target.map(|target| ours <= target),
        })
    });
    Ok(Outcome {
        work: format!("{torrents} torrents of {} files, as hybrid and as twin", made["files"]),
        rows: rows.collect(),
        phases: vec![json!({"make": made, "seed": seeded})],
    })
}

fn phase(program: &Path, name: &str, dir: &Path, more: &[String]) -> Result<Value> {
    eprintln!("{name} …");
    let mut command = Command::new(program);
    command.arg(name).arg(dir).args(more);
    let printed = output(command.stderr(Stdio::inherit()))?;
    serde_json::from_str(&printed).context("the bench program prints its figures as JSON")
}
