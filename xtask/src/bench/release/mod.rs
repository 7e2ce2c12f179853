//! What releases cost whoever makes and whoever mirrors them: the torrents of a folder, beside the programs that make
//! torrents by reading it; a release of a great many files that only the tables know; a mirror of a release, beside other
//! BitTorrent clients; a feed of very many torrents. The bench program of `fonoteca-archive` does what commands do not show.

mod clients;
mod mirror;
mod publisher;

use std::path::{Path, PathBuf};
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

/// Measures everything. It takes some 20 GB of the place for temporary files, and 1 GB a million files.
pub fn measure(workspace: &Workspace, scale: &Scale) -> Result<Outcome> {
    tools::install_system_packages()?;
    let bench = Bench(build(workspace, "fonoteca-archive", "release")?);
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let mut rows = Vec::new();
    let mirrored = mirror::measure(workspace, &bench, &mut rows)?;
    let read = bench.phase("feed", &folder.path().join("follower"), &[])?;
    for (figure, unit, name, divisor, target) in [
        ("feed of 20,000 torrents, first load", "s", "first_s", 1.0, 3.0),
        ("feed of 20,000 torrents, update", "KB", "update_bytes", 1e3, 100.0),
    ] {
        rows.push(at_most(figure, unit, number(&read, name)? / divisor, target));
    }
    let bytes = torrents(&bench, &folder.path().join("music"), &mut rows)?;
    let archive = folder.path().join("archive");
    let tables = bench.phase("tables", &archive, &[scale.rows])?;
    let held = bench.phase("held", &archive, &[])?;
    let release = bench.phase("build", &archive, &[])?;
    let millions = (scale.rows as f64 / 1e6).max(1.0);
    for (told, figure, seconds, memory) in [
        (&held, "torrents from the tables", Some(SECONDS_FOR_A_MILLION * millions), Some(MEMORY_MB)),
        // What goes with the torrents: indices, rows of each, and the catalogue twice over.
        (&release, "release with all tables", None, None),
    ] {
        for (name, unit, what, target) in
            [("seconds", "s", "", seconds), ("peak_memory_mb", "MB", ", peak memory", memory)]
        {
            let target = target.map(|target| (TargetIs::AtMost, target));
            let ours = (number(told, name)?, None);
            rows.push(Row::less_is_better(&format!("{figure}{what}"), unit, ours, target));
        }
    }
    Ok(Outcome {
        work: format!(
            "{FILES} files, {:.2} GB; {} files of 3.5 MB that only the tables know; a mirror of {:.2} GB",
            bytes / 1e9,
            scale.rows,
            number(&mirrored, "bytes")? / 1e9
        ),
        rows,
        phases: vec![json!({"tables": tables, "held": held, "build": release, "feed": read, "mirror": mirrored})],
    })
}

/// Hybrid and twin of a folder, beside the programs that make torrents; returns its bytes.
fn torrents(bench: &Bench, music: &Path, rows: &mut Vec<Row>) -> Result<f64> {
    let made = bench.phase("material", music, &[0, FILES, BYTES])?;
    let (mut ours, mut mktorrent, mut libtorrent) = (Vec::new(), Vec::new(), Vec::new());
    let target = music.with_extension("torrent");
    for round in 1..=ROUNDS {
        eprintln!("torrents, round {round} of {ROUNDS}");
        // It reads all files first, so that they are warm for those that come after it.
        let told = bench.phase("torrents", music, &[ROUNDS as u64])?;
        ours.extend(told["seconds"].as_array().into_iter().flatten().filter_map(Value::as_f64));
        let mut command = Command::new("mktorrent");
        command.args(["-t", "2", "-l", "20", "-o"]).arg(&target).arg(music);
        mktorrent.push(seconds(&mut command, &target)?);
        let mut command = Command::new("/usr/bin/python3");
        command.args(["-c", LIBTORRENT]).arg(music).arg(&target);
        libtorrent.push(seconds(&mut command, &target)?);
    }
    let ours = median(ours);
    for (name, peer, target) in
        [("mktorrent, v1, 2 threads", mktorrent, 10.0), ("libtorrent, hybrid", libtorrent, 40.0)]
    {
        let pair = (ours, Some((name, median(peer))));
        rows.push(Row::less_is_better("hybrid and twin of a folder, warm", "s", pair, Some((TargetIs::Ratio, target))));
    }
    std::fs::remove_dir_all(music).context("cannot remove the files for the torrents")?;
    number(&made, "bytes")
}

/// The bench program of `fonoteca-archive`.
struct Bench(PathBuf);

impl Bench {
    /// Runs a phase of it, and returns its figures.
    fn phase(&self, phase: &str, dir: &Path, numbers: &[u64]) -> Result<Value> {
        eprintln!("{phase} …");
        let mut command = Command::new(&self.0);
        command.arg(phase).arg(dir).args(numbers.iter().map(u64::to_string));
        let printed = output(command.stderr(Stdio::inherit()))?;
        serde_json::from_str(&printed).context("the bench program prints its figures as JSON")
    }
}

fn at_most(figure: &str, unit: &'static str, ours: f64, target: f64) -> Row {
    Row::less_is_better(figure, unit, (ours, None), Some((TargetIs::AtMost, target)))
}

fn number(told: &Value, name: &str) -> Result<f64> {
    told[name].as_f64().with_context(|| format!("{name} is not told: {told}"))
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
