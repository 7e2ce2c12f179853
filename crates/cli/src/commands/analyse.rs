//! `fonoteca analyse`: look fully at what was taken in after a short look.

use std::num::NonZeroUsize;

use fonoteca_archive::ingest::{Deepening, Depth, FileOutcome, Summary, deepen};
use serde_json::json;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::nice;
use crate::output::Output;
use crate::values;

/// Look fully at what was taken in after a short look
///
/// Reads and decodes every file that `ingest` took in with `--analyse none` or `quick`, and records what was left open:
/// whether it is whole, its true length, fingerprint, loudness, and which recordings are the same. Nothing is stored twice;
/// ids and rights stay as they are.
///
/// Interrupt it whenever you like and run it again: it goes on where it was.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fonoteca analyse --nice          all that was not heard yet, while others work
  fonoteca analyse --depth quick   read every packet, decode none")]
pub struct Args {
    /// How far to look into each file; what was looked at as far is left alone
    #[arg(long, value_name = "DEPTH", default_value = "full", value_parser = values::depth())]
    depth: Depth,
    /// Files decoded at once [default: one per processor]
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Let other programs go first
    #[arg(long)]
    nice: bool,
    /// Files of one batch: a kill costs at most their analysis
    #[arg(long, value_name = "N", hide_short_help = true)]
    batch_files: Option<NonZeroUsize>,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    if args.nice {
        nice::give_way()?;
    }
    // Two that begin in one microsecond differ by their processes.
    let unique = format!("{}-{}", context.now().0, std::process::id());
    let options = Deepening {
        depth: args.depth,
        jobs: values::jobs(args.jobs),
        batch: args.batch_files.map_or(Deepening::BATCH, NonZeroUsize::get),
        ..Deepening::new(&unique)
    };
    let output = context.output();
    let progress = context.job();
    let mut report = |outcome: FileOutcome| {
        if output.is_json() {
            output.json(&outcome);
        }
    };
    let summary = deepen(&archive, &options, &progress, &mut report).await?;
    drop(progress);
    output.result(&json!({"summary": summary}), |output| print(output, &summary));
    Ok(Exit::done_if(!summary.incomplete() && summary.gone == 0, Exit::SomeFailed))
}

fn print(output: &Output, summary: &Summary) {
    let parts = [
        (summary.added + summary.malformed, "analysed"),
        (summary.malformed, "of them malformed"),
        (summary.known, "with nothing new"),
        (summary.refused + summary.failed, "failed"),
        (summary.gone, "gone"),
    ];
    let told: Vec<String> = parts
        .iter()
        .filter(|(count, what)| *count > 0 || *what == "analysed")
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    output.line(format_args!("{} in {:.1} s", told.join(", "), summary.seconds));
}
