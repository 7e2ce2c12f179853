//! `fonoteca links join`: find what is one.

use fonoteca_archive::identity::{Extent, Joined, join};

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Output, Table};

/// Find which tracks are one recording, which artists and which albums are one
///
/// By MusicBrainz id, ISRC, UPC or catalogue number, and failing those by artist, title and duration, misspelt or not.
/// Where something speaks against it, nothing is joined: a wrong join is worse than a missed one. Asks about what came
/// since the last time.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  fonoteca links join --dry-run\n  fonoteca links join --all")]
pub struct Args {
    /// Show what would be joined, and join nothing
    #[arg(long)]
    dry_run: bool,
    /// Ask about everything, not only about what came since the last time
    #[arg(long)]
    all: bool,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let extent = if args.all { Extent::All } else { Extent::New };
    let progress = context.job();
    let joined = join(&archive, extent, args.dry_run, &progress).await?;
    drop(progress);
    let output = context.output();
    output.result(&joined, |output| show(output, &joined, args.dry_run));
    if joined.report.large_groups > 0 {
        output.note(format_args!(
            "{} groups were too large to compare each with each (the largest has {}): there, only neighbours met",
            joined.report.large_groups, joined.report.largest_group
        ));
    }
    Ok(Exit::Done)
}

fn show(output: &Output, joined: &Joined, dry: bool) {
    if joined.nothing_new {
        output.line("nothing came since the last time; --all asks about everything");
        return;
    }
    let mut table = Table::new(&[("joined", Align::Left), ("because of", Align::Left), ("links", Align::Right)]);
    for (entity, reasons) in &joined.report.joins {
        for (reason, count) in reasons {
            table.row([format!("{entity}s"), (*reason).to_owned(), count.to_string()]);
        }
    }
    output.table(&table);
    let what = if dry { "nothing was written".to_owned() } else { format!("{} links written", joined.written) };
    output.line(format_args!(
        "{} tracks, {} pairs compared, {} refused since they contradict each other, {} since they were taken back: {what}",
        joined.report.tracks, joined.report.compared, joined.report.contradictions, joined.report.taken_back
    ));
}
