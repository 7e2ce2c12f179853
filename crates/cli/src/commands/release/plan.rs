//! `fonoteca release plan`: what a release would hold.

use std::path::PathBuf;

use fonoteca_archive::release::{Plan, plan};
use fonoteca_model::units::Bytes;

use super::choosing::{Choosing, Cutting, options};
use crate::commands::Ended;
use crate::commands::stats;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Table, curve};

/// Show what a release would hold, and what is left out and why
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fonoteca release plan --license CC0-1.0 --license CC-BY-4.0
  fonoteca release plan --where \"date LIKE '199%' AND codec = 'flac'\" --max-bytes 4TB
  fonoteca release plan --tail opus:72 --tail-below 10 --plot coverage.svg")]
pub struct Args {
    /// The release's name
    #[arg(default_value = "next")]
    name: String,
    /// Draw the share of all listens against tracks and bytes of the release
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    choosing: Choosing,
    #[command(flatten)]
    cutting: Cutting,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let options = options(&archive, args.name, args.choosing, args.cutting, None)?;
    let plan = plan(&archive, &options).await?;
    let output = context.output();
    output.result(&plan, |output| {
        for table in tables(&plan) {
            output.table(&table);
            output.line("");
        }
        output.line(summary(&plan));
    });
    if let Some(path) = args.plot {
        stats::plot(&path, &format!("release {}", plan.release), &plan.coverage, output)?;
    }
    Ok(Exit::Done)
}

/// What is inside by popularity, how few of it have how many listens, the licences, and what is left out.
pub(super) fn tables(plan: &Plan) -> Vec<Table> {
    let mut bands = Table::new(&[
        ("popularity", Align::Left),
        ("torrents", Align::Right),
        ("tracks", Align::Right),
        ("files", Align::Right),
        ("size", Align::Right),
        ("of all listens", Align::Right),
    ]);
    for band in &plan.bands {
        let [high, low] = band.popularity;
        bands.row([
            if high == low { high.to_string() } else { format!("{high} to {low}") },
            band.torrents.to_string(),
            band.tracks.to_string(),
            band.files.to_string(),
            Bytes(band.bytes).to_string(),
            format!("{:.1} %", band.listens_share * 100.0),
        ]);
    }
    let mut covering =
        Table::new(&[("of all listens", Align::Right), ("first tracks", Align::Right), ("size", Align::Right)]);
    for few in &plan.coverage.covering {
        covering.row([curve::percent(few.share), few.tracks.to_string(), Bytes(few.bytes.max(0) as u64).to_string()]);
    }
    let mut tail = Table::new(&[("long tail", Align::Left), ("files", Align::Right), ("size", Align::Right)]);
    if let Some(of_tail) = plan.tail {
        let originals = Bytes(of_tail.original_bytes).to_string();
        tail.row(["originals that stay here".to_owned(), of_tail.copies.to_string(), originals]);
        tail.row(["copies that go out".to_owned(), of_tail.copies.to_string(), Bytes(of_tail.bytes).to_string()]);
        tail.row(["of them still to be prepared".to_owned(), of_tail.lacking.to_string(), String::new()]);
    }
    let mut licences = Table::new(&[("licence or basis", Align::Left), ("files", Align::Right)]);
    for (licence, files) in &plan.licences {
        licences.row([licence.clone(), files.to_string()]);
    }
    let mut left_out = Table::new(&[("left out", Align::Left), ("files", Align::Right), ("size", Align::Right)]);
    for left in &plan.left_out {
        left_out.row([left.rule.clone(), left.files.to_string(), Bytes(left.bytes).to_string()]);
    }
    [bands, covering, tail, licences, left_out].into_iter().filter(|table| !table.is_empty()).collect()
}

/// One line about the whole.
pub(super) fn summary(plan: &Plan) -> String {
    format!("release {:?}: {} files, {}", plan.release, plan.files(), Bytes(plan.bytes()))
}
