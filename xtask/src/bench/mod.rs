//! `cargo xtask bench`: ours beside what people use today, on the same work in the same run.
//!
//! Both sides run in turn, and where a figure is not the middle of many already, three times: medians count. The rows are
//! printed and kept in `benches/results/` with the machine they were measured on.

mod catalog;
mod identify;
mod ingest;
mod joins;
mod machine;
mod release;
mod seeder;

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;

use crate::workspace::{Workspace, output};

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// Taking files in, against a script of the usual tools that learns the same facts
    Ingest,
    /// The catalogue at any size: load, index, look-ups, searches, SQL; beside SQLite and DuckDB
    Catalog,
    /// Which files are one recording: music, and a thousand files derived from it
    Joins,
    /// Identifying ten seconds of sound among synthetic recordings and the corpus
    Identify,
    /// Torrents of a folder, against mktorrent and libtorrent; a release of a million files that only the tables know; a
    /// mirror of 4 GB, against Transmission, rqbit and libtorrent; a feed of 20,000 torrents
    Release,
    /// Offering many synthetic torrents to BitTorrent peers
    Seeder,
}

/// What `bench catalog`, `bench identify`, `bench release` and `bench seeder` take besides.
#[derive(Debug, Clone, clap::Args)]
pub struct Scale {
    /// Tracks (catalog), recordings (identify), files (release) or files in torrents of 100 (seeder)
    #[arg(long, default_value_t = 1_000_000)]
    rows: u64,
    /// Keep the data in this folder; phases that are done there are not done again (catalog)
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Ours alone (catalog)
    #[arg(long)]
    no_peers: bool,
    /// Leave a phase out, for want of time or disk (catalog)
    #[arg(long, value_name = "PHASE", value_parser = clap::builder::PossibleValuesParser::new(catalog::OURS))]
    skip: Vec<String>,
}

/// What has to be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum TargetIs {
    /// The target is a ratio.
    Ratio,
    /// Ours is to be no more than the target.
    AtMost,
    /// Ours is to be no less.
    AtLeast,
}

/// One figure.
#[derive(Debug, Serialize)]
struct Row {
    figure: String,
    unit: &'static str,
    ours: f64,
    peer: Option<f64>,
    peer_name: Option<&'static str>,
    /// More than 1 when ours is better.
    ratio: Option<f64>,
    target: Option<f64>,
    target_is: TargetIs,
    /// Whether the target is reached, where there is one.
    meets: Option<bool>,
}

/// A bench's outcome, before it is given a date and a machine.
#[derive(Debug, Serialize)]
struct Outcome {
    /// The work, in words: how many files, how large.
    work: String,
    rows: Vec<Row>,
    /// What else was measured, by phase.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    phases: Vec<Value>,
}

#[derive(Serialize)]
struct Kept<'a> {
    bench: &'a str,
    date: &'a str,
    machine: machine::Machine,
    #[serde(flatten)]
    outcome: &'a Outcome,
}

/// Runs a bench, prints its rows and keeps them.
pub fn run(workspace: &Workspace, name: Name, json: bool, scale: &Scale) -> Result<()> {
    let (name, outcome) = match name {
        Name::Ingest => ("ingest".to_owned(), ingest::measure(workspace)?),
        Name::Joins => ("joins".to_owned(), joins::measure(workspace)?),
        Name::Identify => (format!("identify-{}", scale.rows), identify::measure(workspace, scale)?),
        Name::Release => (format!("release-{}", scale.rows), release::measure(workspace, scale)?),
        Name::Seeder => (format!("seeder-{}", scale.rows), seeder::measure(workspace, scale)?),
        Name::Catalog => (format!("catalog-{}", scale.rows), catalog::measure(workspace, scale)?),
    };
    if !json {
        println!("{}", outcome.work);
    }
    for row in &outcome.rows {
        if json { println!("{}", serde_json::to_string(row)?) } else { println!("{}", row.in_words()) }
    }
    let date = output(workspace.command("date").args(["-u", "+%F"]))?;
    let date = date.trim();
    let folder = workspace.root.join("benches/results");
    let file = folder.join(format!("{name}-{date}.json"));
    let kept = Kept { bench: &name, date, machine: machine::Machine::this(), outcome: &outcome };
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    fs::write(&file, serde_json::to_string_pretty(&kept)? + "\n")
        .with_context(|| format!("cannot write {}", file.display()))?;
    eprintln!("kept in {}", file.display());
    Ok(())
}

impl Row {
    /// A figure; where a peer has it, less of it is better.
    fn less_is_better(
        figure: &str,
        unit: &'static str,
        (ours, peer): (f64, Option<(&'static str, f64)>),
        target: Option<(TargetIs, f64)>,
    ) -> Self {
        let ratio = peer.map(|(_, theirs)| theirs / ours);
        let (target_is, target) = target.unzip();
        let target_is = target_is.unwrap_or(TargetIs::AtMost);
        let meets = target.map(|target| match target_is {
            TargetIs::Ratio => ratio.is_some_and(|ratio| ratio >= target),
            TargetIs::AtMost => ours <= target,
            TargetIs::AtLeast => ours >= target,
        });
        let (peer_name, peer) = peer.unzip();
        Self { figure: figure.to_owned(), unit, ours, peer, peer_name, ratio, target, target_is, meets }
    }

    fn in_words(&self) -> String {
        let Self { figure, unit, ours, .. } = self;
        let peer = match (self.peer, self.peer_name, self.ratio) {
            (Some(peer), Some(name), Some(ratio)) => format!(", {name} {peer:.2} {unit}: ratio {ratio:.2}"),
            _ => String::new(),
        };
        let verdict = match (self.target, self.meets) {
            (Some(target), Some(meets)) => {
                format!(", {} the target of {target}", if meets { "meets" } else { "misses" })
            }
            _ => String::new(),
        };
        format!("{figure}: ours {ours:.2} {unit}{peer}{verdict}")
    }
}

/// Builds a package's bench program and says where it is.
fn build(workspace: &Workspace, package: &str, bench: &str) -> Result<PathBuf> {
    let mut cargo = workspace.cargo();
    // Beside the program, so that dependencies have the features that they have there, and are not built once more.
    cargo.args(["build", "--release", "--package", "fonoteca", "--package", package, "--bench", bench]);
    cargo.args(["--message-format", "json"]);
    let messages = output(cargo.stderr(Stdio::inherit()))?;
    let artefacts = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = artefacts.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    programs.next_back().context("cargo built no bench program")
}

/// The middle value; of an even number, the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(vec![9.0, 1.0, 5.0]) - 5.0).abs() < 1e-9);
        assert!((median(vec![1.0, 2.0, 4.0, 9.0]) - 3.0).abs() < 1e-9);
        assert!(median(vec![]).is_nan());
    }
}
