//! `fonoteca verify`: is every byte still what it was, and if not, who has it as it was?

use fonoteca_archive::fixity::repair::{Plan, RepairReport, Source, plan, repair};
use fonoteca_archive::fixity::{self, Amount, Extent, Options, Report, Status};
use fonoteca_model::units::{Bytes, Rate};
use serde::Serialize;

use super::Ended;
use crate::confirm::Yes;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Output, Table};
use crate::values;

/// Check that every byte is still what it was when it came in, and make damage good
///
/// Reads the blobs from the disk and compares them with their ids, which are hashes of their contents; says which pieces
/// of 1 MiB of a damaged blob are wrong; and records what was found as preservation events. A check that was interrupted
/// or killed goes on where it was. Ends with exit code 4 when something is damaged or missing, and names each.
///
/// With --repair, the wrong pieces alone are fetched from other copies, and each is proven before it is used. The damaged
/// file stays until a whole one can take its place.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fonoteca verify
  fonoteca verify --sample 5%                a different twentieth each time
  fonoteca verify --sample 500 --oldest      the 500 whose last check is longest ago
  fonoteca verify --rate 20MB/s --nice       beside other work
  fonoteca verify --repair                   from the feeds that are followed
  fonoteca verify --damaged --repair --from /mnt/copy --from https://mirror.example.org --yes")]
pub struct Args {
    /// Check only so many, chosen anew each time
    #[arg(long, value_name = "N%|N", value_parser = values::amount)]
    sample: Option<Amount>,
    /// Choose the same sample as another run with this number
    #[arg(long, value_name = "N", requires = "sample", conflicts_with = "oldest", hide_short_help = true)]
    seed: Option<u64>,
    /// Check those whose turn it is: all of them once, before any a second time [default: to the end of the round]
    #[arg(long)]
    oldest: bool,
    /// Check only what failed its last check
    #[arg(long, conflicts_with_all = ["sample", "oldest"])]
    damaged: bool,
    /// Begin anew even if the same check was interrupted
    #[arg(long)]
    fresh: bool,
    /// Read so much a second at most
    #[arg(long, value_name = "RATE")]
    rate: Option<Rate>,
    /// Let other programs go first
    #[arg(long)]
    nice: bool,
    /// Make good what is damaged or missing
    #[arg(long)]
    repair: bool,
    /// Where to repair from: another archive, a folder with the same files, or the URL of a mirror [default: the feeds
    /// that are followed]
    #[arg(long, value_name = "DIR|URL", requires = "repair")]
    from: Vec<Source>,
    #[command(flatten)]
    yes: Yes,
    /// Say what was checked and when, and check nothing
    #[arg(long, conflicts_with_all = ["sample", "oldest", "damaged", "fresh", "rate", "nice", "repair", "yes"])]
    status: bool,
}

/// What is said in the end.
#[derive(Serialize)]
struct Said<'a> {
    #[serde(flatten)]
    report: &'a Report,
    #[serde(skip_serializing_if = "Option::is_none")]
    repair: Option<RepairReport>,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    if args.status {
        let status = fixity::status(&archive).await?;
        context.output().result(&status, |output| print_status(output, &status));
        return Ok(Exit::done_if(status.damaged == 0, Exit::Damaged));
    }
    let mut options = Options::new(match args.sample {
        _ if args.damaged => Extent::Damaged,
        amount if args.oldest => Extent::Oldest(amount),
        Some(amount) => Extent::Sample { amount, seed: args.seed, fresh_seed: context.now().0 as u64 },
        None => Extent::All,
    });
    options.fresh = args.fresh;
    options.effort.rate = args.rate.map(|rate| rate.0);
    options.effort.nice = args.nice;
    let progress = context.job();
    let report = fixity::verify(&archive, &options, &progress).await?;
    let output = context.output();
    let only_checked = |repair: Option<RepairReport>| {
        output.result(&Said { report: &report, repair }, |output| print(output, &report));
        Ok(Exit::done_if(report.sound(), Exit::Damaged))
    };
    if !args.repair {
        drop(progress);
        return only_checked(None);
    }
    let plan = plan(&archive, &report, args.from, &progress).await?;
    if plan.blobs.is_empty() {
        drop(progress);
        return only_checked(Some(RepairReport::default()));
    }
    show(output, &plan);
    if plan.sources.is_empty() {
        drop(progress);
        output.note("no feed is followed, so nobody can be asked: name other copies with --from DIR or --from URL");
        return only_checked(None);
    }
    if !args.yes.or_ask(output, "Repair them?")? {
        drop(progress);
        return only_checked(None);
    }
    let repaired = repair(&archive, &plan, &progress).await?;
    drop(progress);
    let sound = repaired.failed.is_empty();
    let said = Said { report: &report, repair: Some(repaired) };
    output.result(&said, |output| print_repair(output, said.repair.as_ref()));
    Ok(Exit::done_if(sound, Exit::Damaged))
}

fn print(output: &Output, report: &Report) {
    let mut table = Table::new(&[("damaged blob", Align::Left), ("piece", Align::Right), ("found", Align::Left)]);
    for damage in report.damaged.iter().chain(&report.unreadable) {
        table.row([damage.root.to_string(), damage.piece.to_string(), damage.found.clone()]);
    }
    for root in &report.missing {
        table.row([root.to_string(), String::new(), "nothing: it is missing".to_owned()]);
    }
    output.table(&table);
    let resumed = if report.resumed > 0 { format!(" ({} by an earlier run)", report.resumed) } else { String::new() };
    let unreadable = report.unreadable.len();
    let unreadable = if unreadable > 0 { format!(", {unreadable} unreadable") } else { String::new() };
    output.line(format_args!(
        "{} blobs checked{resumed}, {} in {:.1} s: {} pieces damaged{unreadable}, {} blobs missing",
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

fn show(output: &Output, plan: &Plan) {
    let mut table = Table::new(&[("repair blob", Align::Left), ("pieces", Align::Right), ("fetch", Align::Right)]);
    for blob in &plan.blobs {
        let of = format!("{} of {}", blob.pieces.len(), blob.all_pieces());
        table.row([blob.root.to_string(), of, Bytes(blob.bytes).to_string()]);
    }
    output.plan(&table);
    let sources: Vec<String> = plan.sources.iter().map(ToString::to_string).collect();
    output.note(format_args!("{} blobs, {} from {}", plan.blobs.len(), Bytes(plan.bytes), sources.join(", ")));
}

fn print_repair(output: &Output, report: Option<&RepairReport>) {
    let Some(report) = report else { return };
    let mut table = Table::new(&[("blob", Align::Left), ("now", Align::Left), ("", Align::Left)]);
    for repaired in &report.repaired {
        let from: Vec<&str> = repaired.from.iter().map(String::as_str).collect();
        table.row([repaired.root.to_string(), "sound".to_owned(), format!("from {}", from.join(", "))]);
    }
    for failed in &report.failed {
        table.row([failed.root.to_string(), "damaged".to_owned(), failed.reason.clone()]);
    }
    output.table(&table);
    output.line(format_args!(
        "{} blobs repaired with {}, {} still damaged",
        report.repaired.len(),
        Bytes(report.bytes),
        report.failed.len()
    ));
    for refused in &report.refused {
        output.note(format_args!(
            "{} gave wrong bytes for piece {} of {}: they were not used",
            refused.source, refused.piece, refused.root
        ));
    }
}

fn print_status(output: &Output, status: &Status) {
    let mut table = Table::new(&[
        ("check", Align::Left),
        ("began", Align::Left),
        ("ended", Align::Left),
        ("blobs", Align::Right),
        ("bytes", Align::Right),
        ("wrong", Align::Right),
    ]);
    for check in &status.checks {
        table.row([
            check.check.to_owned(),
            check.began.to_string(),
            check.ended.map_or_else(|| "goes on".to_owned(), |ended| ended.to_string()),
            check.checked.to_string(),
            Bytes(check.bytes).to_string(),
            check.wrong.to_string(),
        ]);
    }
    output.table(&table);
    output.line(format_args!("{} blobs, {}; {} are damaged", status.blobs, Bytes(status.bytes), status.damaged));
    match status.every {
        None => output.line("serve checks nothing by itself: archive.toml has no fixity.every"),
        Some(every) => {
            let due = status.due.map_or_else(|| "now".to_owned(), |due| due.to_string());
            let rate = status.rate.map_or_else(String::new, |rate| format!(" at {rate}"));
            let hours = status.hours.map_or_else(String::new, |hours| format!(", {hours}"));
            output
                .line(format_args!("serve checks everything every {every}{rate}{hours}; the next round is due {due}"));
        }
    }
}
