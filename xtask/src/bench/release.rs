//! Making releases: the torrents of a folder, beside the programs that make torrents by reading it, and a release of a great
//! many files that only the tables know. The bench program of `fonoteca-archive` does ours, a process a phase.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::{Outcome, Row, Scale, TargetIs, build, median};
use crate::tools;
use crate::workspace::{Workspace, output};

/// Files of the folder, and about how large they are.
const FILES: u64 = 1_000;
const BYTES: u64 = 3_000_000;
/// Rounds of each figure; medians count.
const ROUNDS: usize = 3;
const SECONDS_FOR_A_MILLION: f64 = 60.0;
const MEMORY_MB: f64 = 1_000.0;

const LIBTORRENT: &str = "
import os, sys
import libtorrent
folder, target = sys.argv[1:]
files = libtorrent.file_storage()
libtorrent.add_files(files, folder)
torrent = libtorrent.create_torrent(files, 1 << 20)
libtorrent.set_piece_hashes(torrent, os.path.dirname(folder))
open(target, 'wb').write(libtorrent.bencode(torrent.generate()))
";

/// Measures everything. The folder takes 3 GB of the place for temporary files, the archive 1 GB a million files.
pub fn measure(workspace: &Workspace, scale: &Scale) -> Result<Outcome> {
    tools::install_system_packages()?;
    let program = build(workspace, "fonoteca-archive", "release")?;
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let music = folder.path().join("music");
    let made = phase(&program, "material", &music, &[FILES, BYTES])?;
    let (mut ours, mut mktorrent, mut libtorrent) = (Vec::new(), Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        eprintln!("torrents, round {round} of {ROUNDS}");
        // It reads all files first, so that they are warm for those that come after it.
        let told = phase(&program, "torrents", &music, &[ROUNDS as u64])?;
        ours.extend(told["seconds"].as_array().into_iter().flatten().filter_map(Value::as_f64));
        let target = folder.path().join("peer.torrent");
        let mut command = Command::new("mktorrent");
        command.args(["-t", "2", "-l", "20", "-o"]).arg(&target).arg(&music);
        mktorrent.push(seconds(&mut command, &target)?);
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-c", LIBTORRENT]).arg(&music).arg(&target);
        libtorrent.push(seconds(&mut command, &target)?);
    }
    let ours = median(ours);
    let mut rows = Vec::new();
    for (name, peer, target) in
        [("mktorrent, v1, 2 threads", mktorrent, 10.0), ("libtorrent, hybrid", libtorrent, 40.0)]
    {
        let peer = median(peer);
        rows.push(Row {
            figure: "hybrid and twin of a folder, warm".to_owned(),
            unit: "s",
            ours,
            peer: Some(peer),
            peer_name: Some(name),
            ratio: Some(peer / ours),
            target: Some(target),
            target_is: TargetIs::Ratio,
            meets: Some(peer / ours >= target),
        });
    }
    let archive = folder.path().join("archive");
    let tables = phase(&program, "tables", &archive, &[scale.rows])?;
    let release = phase(&program, "build", &archive, &[])?;
    let of_rows = scale.rows as f64 / 1e6;
    for (figure, unit, name, target) in [
        ("release with all tables", "s", "seconds", SECONDS_FOR_A_MILLION * of_rows.max(1.0)),
        ("release with all tables, peak memory", "MB", "peak_memory_mb", MEMORY_MB),
    ] {
        let ours = release[name].as_f64().context("the bench program says what it took")?;
        rows.push(Row {
            figure: figure.to_owned(),
            unit,
            ours,
            peer: None,
            peer_name: None,
            ratio: None,
            target: Some(target),
            target_is: TargetIs::AtMost,
            meets: Some(ours <= target),
        });
    }
    Ok(Outcome {
        work: format!(
            "{FILES} files, {:.2} GB; {} files of 3.5 MB that only the tables know",
            made["bytes"].as_f64().unwrap_or(f64::NAN) / 1e9,
            scale.rows
        ),
        rows,
        phases: vec![json!({"tables": tables, "build": release})],
    })
}

fn phase(program: &Path, phase: &str, dir: &Path, numbers: &[u64]) -> Result<Value> {
    eprintln!("{phase} …");
    let mut command = Command::new(program);
    command.arg(phase).arg(dir).args(numbers.iter().map(u64::to_string));
    let printed = output(command.stderr(Stdio::inherit()))?;
    serde_json::from_str(&printed).context("the bench program prints its figures as JSON")
}

/// How long a program takes to make a torrent.
fn seconds(command: &mut Command, target: &Path) -> Result<f64> {
    if target.exists() {
        std::fs::remove_file(target).context("cannot remove the torrent of the round before")?;
    }
    let start = Instant::now();
    let ended = command.stdout(Stdio::null()).status().with_context(|| format!("cannot start {command:?}"))?;
    if !ended.success() || !target.exists() {
        bail!("{command:?} made no torrent");
    }
    Ok(start.elapsed().as_secs_f64())
}
