//! `fonoteca verify`: is every byte still what it was?

use fonoteca_archive::fixity::{self, Report};
use fonoteca_model::units::Bytes;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Output, Table};
use crate::values;

/// Check that every byte is still what it was when it came in
///
/// Reads the blobs and compares them with their ids, which are hashes of their contents; what is found is recorded as
/// preservation events. Ends with exit code 4 when something is damaged or missing, and names each.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  fonoteca verify\n  fonoteca verify --sample 5%      a different twentieth each time"
)]
pub struct Args {
    /// Check only so much, chosen anew each time
    #[arg(long, value_name = "N%", value_parser = values::percent)]
    sample: Option<f64>,
    /// Choose the same sample as another run with this number
    #[arg(long, value_name = "N", requires = "sample", hide_short_help = true)]
    seed: Option<u64>,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let seed = args.seed.unwrap_or(context.now().0 as u64);
    let progress = context.job();
    let report = fixity::verify(&archive, args.sample, seed, &progress).await?;
    drop(progress);
    context.output().result(&report, |output| print(output, &report));
    Ok(Exit::done_if(report.sound(), Exit::Damaged))
}

fn print(output: &Output, report: &Report) {
    let mut table = Table::new(&[("damaged blob", Align::Left), ("piece", Align::Right), ("found", Align::Left)]);
    for damage in &report.damaged {
        table.row([damage.root.to_string(), damage.piece.to_string(), damage.found.clone()]);
    }
    for root in &report.missing {
        table.row([root.to_string(), String::new(), "nothing: it is missing".to_owned()]);
    }
    output.table(&table);
    output.line(format_args!(
        "{} blobs checked, {} in {:.1} s: {} pieces damaged, {} blobs missing",
        report.checked,
        Bytes(report.bytes),
        report.seconds,
        report.damaged.len(),
        report.missing.len()
    ));
    for unknown in &report.unknown {
        output.note(format_args!("no table names {unknown}; it may be left from an interrupted command"));
    }
}
