//! What it costs to take files in, beside the tools that people use for the same facts: the whole analysis, the quick one,
//! a rescan, the check of what is held; and how near the facts are to those of the reference programs.
//!
//! Peers keep nothing; ours also hashes for torrents and commits the catalogue, which is in its figures.

mod accuracy;
mod cost;
mod material;
mod peers;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use self::cost::Cost;
use self::material::{MANY, Material, SHORT};
use super::{Outcome, Row, TargetIs, median};
use crate::tools;
use crate::workspace::Workspace;

/// Rounds of each figure; medians count.
const ROUNDS: usize = 3;
const FACTS: &str = "sha256sum + mutagen + fpcalc + ffmpeg ebur128, two at a time";

/// Measures everything.
pub fn measure(workspace: &Workspace) -> Result<Outcome> {
    tools::install_peers(workspace)?;
    let material = Material::make(workspace)?;
    let ours = Ours::build(workspace)?;
    let mut rows = Vec::new();
    full(workspace, &ours, &material, &mut rows)?;
    quick(workspace, &ours, &material, &mut rows)?;
    rescan(&ours, &material, &mut rows)?;
    check(&ours, &material, &mut rows)?;
    Ok(Outcome {
        work: format!(
            "{} files of music in six formats; {} short FLAC files; {MANY} tiny ones; {:.1} GB of long ones",
            material.mixed.len(),
            SHORT,
            bytes_below(&material.large)? / 1e9
        ),
        rows,
        phases: Vec::new(),
    })
}

/// The program, and an archive that it makes anew for each measurement.
pub(super) struct Ours {
    binary: PathBuf,
}

impl Ours {
    pub(super) fn build(workspace: &Workspace) -> Result<Self> {
        Ok(Self { binary: workspace.build_binary("release")? })
    }

    pub(super) fn archive(&self) -> Result<tempfile::TempDir> {
        let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
        cost::of(Command::new(&self.binary).arg("init").arg(folder.path().join("archive")))?;
        Ok(folder)
    }

    pub(super) fn run(&self, folder: &Path, arguments: &[&str], paths: &[PathBuf]) -> Result<(Cost, Vec<Value>)> {
        let mut command = Command::new(&self.binary);
        command.arg("--archive").arg(folder.join("archive")).arg("--json").args(arguments).args(paths);
        let (cost, printed) = cost::of(&command)?;
        let lines = printed.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>();
        Ok((cost, lines.context("ours prints JSON")?))
    }

    /// Takes files in, and makes sure that all of them came in.
    pub(super) fn ingest(
        &self,
        folder: &Path,
        options: &[&str],
        paths: &[PathBuf],
        files: usize,
    ) -> Result<(Cost, Vec<Value>)> {
        let arguments = [&["ingest", "--basis", "private-copy", "--jobs", "2"], options].concat();
        let (cost, told) = self.run(folder, &arguments, paths)?;
        let taken = told.iter().filter(|line| line["root"].is_string()).count();
        if taken < files {
            bail!("ours took in {taken} of {files} files, so its time means nothing");
        }
        Ok((cost, told))
    }
}

/// The whole analysis of files in all formats, and what it told.
fn full(workspace: &Workspace, ours: &Ours, material: &Material, rows: &mut Vec<Row>) -> Result<()> {
    let (mut mine, mut theirs, mut told) = (Vec::new(), Vec::new(), json!([]));
    for round in 1..=ROUNDS {
        eprintln!("whole analysis, round {round} of {ROUNDS}");
        let folder = ours.archive()?;
        let (cost, lines) = ours.ingest(folder.path(), &[], &material.mixed, material.mixed.len())?;
        mine.push(cost);
        theirs.push(peers::facts(workspace, &material.mixed)?);
        if round == ROUNDS {
            let (_, facts) = ours.run(folder.path(), &["sql", accuracy::QUERY], &[])?;
            told = json!({"files": lines, "facts": facts});
        }
    }
    let ratio = |pick: fn(&Cost) -> f64| (middle(&mine, pick), Some((FACTS, middle(&theirs, pick))));
    rows.push(Row::less_is_better(
        "whole analysis",
        "processor-s",
        ratio(|cost| cost.processor),
        Some((TargetIs::Ratio, 2.5)),
    ));
    rows.push(Row::less_is_better("whole analysis, wall", "s", ratio(|cost| cost.wall), None));
    let peak = (middle(&mine, |cost| cost.peak_mb), None);
    rows.push(Row::less_is_better("whole analysis, peak memory", "MB", peak, Some((TargetIs::AtMost, 500.0))));
    accuracy::compare(&told, &material.mixed, rows)
}

/// Hash and tags in place: bytes of long files, and files of a library of short ones.
fn quick(workspace: &Workspace, ours: &Ours, material: &Material, rows: &mut Vec<Row>) -> Result<()> {
    const QUICK: [&str; 3] = ["--in-place", "--analyse", "quick"];
    let [mut large, mut hashes, mut short, mut beets, mut supysonic] = [const { Vec::new() }; 5];
    for round in 1..=ROUNDS {
        eprintln!("quick analysis, round {round} of {ROUNDS}");
        let library = std::slice::from_ref(&material.large);
        hashes.push(peers::hashes(&material.large)?);
        large.push(ours.ingest(ours.archive()?.path(), &QUICK, library, material::LARGE)?.0);
        let library = std::slice::from_ref(&material.short);
        short.push(ours.ingest(ours.archive()?.path(), &QUICK, library, SHORT)?.0);
        beets.push(peers::beets(workspace, &material.short)?);
        supysonic.push(peers::supysonic(workspace, &material.short)?);
    }
    let seconds = |costs: &[Cost]| middle(costs, |cost| cost.wall);
    let pair = (seconds(&large), Some(("sha256sum, two at a time", seconds(&hashes))));
    rows.push(Row::less_is_better("quick analysis of long files", "s", pair, Some((TargetIs::Ratio, 0.85))));
    for (name, theirs) in [("beets import, no autotag", &beets), ("supysonic folder scan", &supysonic)] {
        let thousand = |costs: &[Cost]| seconds(costs) * 1000.0 / SHORT as f64;
        let pair = (thousand(&short), Some((name, thousand(theirs))));
        rows.push(Row::less_is_better("quick analysis, 1,000 short files", "s", pair, Some((TargetIs::Ratio, 1.0))));
    }
    Ok(())
}

/// A library of very many files, of which none has changed.
fn rescan(ours: &Ours, material: &Material, rows: &mut Vec<Row>) -> Result<()> {
    eprintln!("rescan of {MANY} files");
    let folder = ours.archive()?;
    let library = std::slice::from_ref(&material.many);
    let again = |files| ours.ingest(folder.path(), &["--in-place", "--analyse", "quick"], library, files);
    again(MANY)?;
    let costs = (0..ROUNDS).map(|_| Ok(again(0)?.0)).collect::<Result<Vec<_>>>()?;
    let thousand = middle(&costs, |cost| cost.wall) * 1000.0 / MANY as f64;
    rows.push(Row::less_is_better(
        "rescan, 1,000 unchanged files",
        "s",
        (thousand, None),
        Some((TargetIs::AtMost, 0.05)),
    ));
    let peak = (middle(&costs, |cost| cost.peak_mb), None);
    rows.push(Row::less_is_better("rescan, peak memory", "MB", peak, Some((TargetIs::AtMost, 500.0))));
    Ok(())
}

/// The check of all bytes that are held, none of which is in memory.
fn check(ours: &Ours, material: &Material, rows: &mut Vec<Row>) -> Result<()> {
    let folder = ours.archive()?;
    ours.ingest(folder.path(), &["--analyse", "none"], std::slice::from_ref(&material.large), material::LARGE)?;
    let blobs = folder.path().join("archive/blobs");
    let (mut mine, mut theirs) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        eprintln!("check, round {round} of {ROUNDS}");
        theirs.push(peers::cold_read(&blobs)?.wall.max(peers::hashes(&blobs)?.wall));
        peers::forget(&blobs)?;
        mine.push(ours.run(folder.path(), &["verify", "--fresh"], &[])?.0.wall);
    }
    let pair = (median(mine), Some(("reading or sha256sum, the slower", median(theirs))));
    rows.push(Row::less_is_better("verify, nothing in memory", "s", pair, Some((TargetIs::Ratio, 0.9))));
    Ok(())
}

fn middle(costs: &[Cost], pick: fn(&Cost) -> f64) -> f64 {
    median(costs.iter().map(pick).collect())
}

fn bytes_below(folder: &Path) -> Result<f64> {
    let files = crate::corpus::audio_files(folder)?;
    Ok(files.iter().map(|file| file.metadata().map_or(0, |facts| facts.len())).sum::<u64>() as f64)
}
