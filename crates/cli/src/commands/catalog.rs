//! `fonoteca catalog`: look after the tables.

use std::time::Duration;

use fonoteca_archive::ArchiveError;
use fonoteca_catalog::Table as CatalogTable;
use fonoteca_catalog::maintenance::{Commit, OptimizePlan, Pins, VacuumPlan};
use fonoteca_model::units::Bytes;
use fonoteca_model::{Progress as _, Timestamp};
use serde_json::json;

use super::Ended;
use crate::confirm::Yes;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Output, Table};
use crate::values;

const DAY: Duration = Duration::from_hours(24);

/// Look after the tables: their versions, small files, files that nothing needs
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Show the versions of the tables: when, what was done, how much there was
    ///
    /// Every commit makes a version, and `fonoteca sql --at` asks an earlier one. A version that a release was cut from is
    /// kept for as long as the archive lives.
    History {
        /// Which tables [default: all]
        #[arg(value_name = "TABLE", value_parser = values::table)]
        tables: Vec<CatalogTable>,
        /// Show the latest so many versions of each
        #[arg(long, short = 'n', value_name = "N", default_value_t = 20)]
        limit: usize,
    },
    /// Make few large files out of many small ones
    ///
    /// Every ingest adds a file to each table, and every file makes each query a little slower. This writes the same rows in
    /// the same order into larger files; no answer changes, and earlier versions stay readable. Shows what it would do
    /// first. The old files stay on the disk until `fonoteca catalog vacuum`.
    #[command(after_help = "Example:\n  fonoteca catalog optimize --yes && fonoteca catalog vacuum --yes")]
    Optimize {
        /// Which tables [default: all]
        #[arg(value_name = "TABLE", value_parser = values::table)]
        tables: Vec<CatalogTable>,
        /// How large a file may become; those of half the size are left as they are
        #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = values::size)]
        target: u64,
        #[command(flatten)]
        yes: Yes,
    },
    /// Remove files of the tables that nothing needs any more
    ///
    /// Kept are the files of the latest versions, of every version that a release was cut from, and of every version that
    /// was the latest within the days that are kept. What an import or a rewrite left unfinished goes after a week at the
    /// earliest. Shows what it would remove first. The search index is brought up to date before anything goes, since it
    /// reads from the files that it was made of.
    #[command(after_help = "Example:\n  fonoteca catalog vacuum --keep 7 --yes")]
    Vacuum {
        /// Days for which every version stays readable; 0 only while nothing else runs on this archive
        #[arg(long, value_name = "DAYS", default_value_t = 30)]
        keep: u32,
        #[command(flatten)]
        yes: Yes,
    },
}

pub async fn run(command: Command, context: &Context) -> Ended {
    match command {
        Command::History { tables, limit } => history(&all_or(tables), limit, context).await,
        Command::Optimize { tables, target, yes } => optimize(&all_or(tables), target, yes, context).await,
        Command::Vacuum { keep, yes } => vacuum(DAY * keep, yes, context).await,
    }
}

fn all_or(mut tables: Vec<CatalogTable>) -> Vec<CatalogTable> {
    if tables.is_empty() {
        return CatalogTable::ALL.to_vec();
    }
    tables.sort_unstable();
    tables.dedup();
    tables
}

async fn history(tables: &[CatalogTable], limit: usize, context: &Context) -> Ended {
    let archive = context.open().await?;
    let catalog = archive.catalog();
    let pins = catalog.snapshot().await?.pins().await?;
    let output = context.output();
    for table in tables {
        let commits = catalog.history(*table).await?;
        let latest = &commits[commits.len().saturating_sub(limit)..];
        if output.is_json() {
            latest.iter().for_each(|commit| output.json(&commit_json(*table, commit, &pins)));
        } else {
            show_history(output, *table, latest, &pins);
        }
    }
    Ok(Exit::Done)
}

fn commit_json(table: CatalogTable, commit: &Commit, pins: &Pins) -> serde_json::Value {
    json!({
        "table": table.name(),
        "version": commit.version,
        "at": commit.at.as_millis(),
        "operation": commit.operation,
        "job": commit.job,
        "batch": commit.batch,
        "files_added": commit.files_added,
        "files_removed": commit.files_removed,
        "rows_added": commit.rows_added,
        "bytes_added": commit.bytes_added,
        "files": commit.files,
        "rows": commit.rows,
        "releases": pins.of(table, commit.version),
    })
}

fn show_history(output: &Output, table: CatalogTable, commits: &[Commit], pins: &Pins) {
    let mut shown = Table::new(&[
        (table.name(), Align::Right),
        ("when", Align::Left),
        ("what", Align::Left),
        ("rows added", Align::Right),
        ("rows", Align::Right),
        ("files", Align::Right),
        ("releases", Align::Left),
    ]);
    let count = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), |count| count.to_string());
    for commit in commits.iter().rev() {
        shown.row([
            commit.version.to_string(),
            commit.at.to_string(),
            what(commit),
            // A rewrite adds nothing.
            if commit.files_removed > 0 { String::new() } else { commit.rows_added.to_string() },
            count(commit.rows),
            count(commit.files),
            pins.of(table, commit.version).join(", "),
        ]);
    }
    output.table(&shown);
    output.line("");
}

/// In our words; Delta's own for what another program did.
fn what(commit: &Commit) -> String {
    match (commit.operation.as_str(), &commit.job, commit.batch) {
        ("CREATE TABLE", ..) => "made".to_owned(),
        ("OPTIMIZE", ..) => format!("{} files into {}", commit.files_removed, commit.files_added),
        ("WRITE", Some(job), Some(batch)) => format!("{job}, batch {batch}"),
        (other, ..) => other.to_lowercase(),
    }
}

async fn optimize(tables: &[CatalogTable], target: u64, yes: Yes, context: &Context) -> Ended {
    let archive = context.open().await?;
    let catalog = archive.catalog();
    let output = context.output();
    let plan = catalog.plan_optimize(tables, target).await?;
    if plan.rewrites.is_empty() {
        output.result(&json!({"rewrites": 0, "files_before": 0, "files_after": 0}), |output| {
            output.line("there is nothing to make larger");
        });
        return Ok(Exit::Done);
    }
    show_optimize(output, tables, &plan);
    if !yes.or_ask(output, "Rewrite them?")? {
        return Ok(Exit::Done);
    }
    let progress = context.job();
    let done = catalog.optimize(&plan, &progress).await?;
    drop(progress);
    let told = json!({
        "rewrites": plan.rewrites.len(),
        "files_before": done.files_before,
        "files_after": done.files_after,
        "bytes_before": done.bytes_before,
        "bytes_after": done.bytes_after,
    });
    output.result(&told, |output| {
        output.line(format_args!(
            "{} files with {} are now {} with {}; `fonoteca catalog vacuum` removes the old ones",
            done.files_before,
            Bytes(done.bytes_before),
            done.files_after,
            Bytes(done.bytes_after)
        ));
    });
    Ok(if context.interrupt().is_set() { Exit::Interrupted } else { Exit::Done })
}

fn show_optimize(output: &Output, tables: &[CatalogTable], plan: &OptimizePlan) {
    let mut shown = Table::new(&[
        ("table", Align::Left),
        ("files", Align::Right),
        ("then", Align::Right),
        ("rows to write", Align::Right),
        ("size", Align::Right),
    ]);
    for table in tables {
        let of_table: Vec<_> = plan.rewrites.iter().filter(|rewrite| rewrite.table == *table).collect();
        if of_table.is_empty() {
            continue;
        }
        let before = plan.files.get(table).copied().unwrap_or(0);
        let gone: u64 = of_table.iter().map(|rewrite| rewrite.files.len() as u64 - 1).sum();
        shown.row([
            table.name().to_owned(),
            before.to_string(),
            before.saturating_sub(gone).to_string(),
            of_table.iter().map(|rewrite| rewrite.rows).sum::<u64>().to_string(),
            Bytes(of_table.iter().map(|rewrite| rewrite.bytes).sum()).to_string(),
        ]);
    }
    output.plan(&shown);
}

async fn vacuum(keep: Duration, yes: Yes, context: &Context) -> Ended {
    let archive = context.open().await?;
    let catalog = archive.catalog();
    let output = context.output();
    let now: Timestamp = archive.now();
    let plan = catalog.plan_vacuum(now, keep).await?;
    if plan.files.is_empty() {
        output.result(&json!({"files": 0, "bytes": 0}), |output| {
            output.line("there is nothing that could be removed");
        });
        return Ok(Exit::Done);
    }
    show_vacuum(output, &plan);
    if !yes.or_ask(output, "Remove them?")? {
        return Ok(Exit::Done);
    }
    // The index reads ids from the files that it was made of: from those that go, too, until it is up to date.
    let progress = context.job();
    match archive.refresh_index_with(&progress).await {
        Err(ArchiveError::Index(error)) if error.needs_rebuild() => progress.note(&error.to_string()),
        refreshed => refreshed?,
    }
    drop(progress);
    let done = catalog.vacuum(&plan, now).await?;
    output.result(&json!({"files": done.files, "bytes": done.bytes}), |output| {
        output.line(format_args!("{} files removed, {}", done.files, Bytes(done.bytes)));
    });
    Ok(Exit::Done)
}

fn show_vacuum(output: &Output, plan: &VacuumPlan) {
    let mut shown = Table::new(&[
        ("table", Align::Left),
        ("files", Align::Right),
        ("never finished", Align::Right),
        ("size", Align::Right),
        ("readable from version", Align::Right),
    ]);
    for (table, from) in &plan.readable_from {
        let files: Vec<_> = plan.files.iter().filter(|file| file.table == *table).collect();
        if files.is_empty() {
            continue;
        }
        shown.row([
            table.name().to_owned(),
            files.len().to_string(),
            files.iter().filter(|file| !file.named).count().to_string(),
            Bytes(files.iter().map(|file| file.bytes).sum()).to_string(),
            from.to_string(),
        ]);
    }
    output.plan(&shown);
}
