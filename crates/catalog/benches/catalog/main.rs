//! The catalogue at any size, phase by phase; `cargo xtask bench catalog` runs the phases in turn.
//!
//! Each phase is a process of its own, so that its peak of memory is its own, and leaves its figures in the folder.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints what it measured")]
#![allow(clippy::unnecessary_wraps, clippy::unused_self, reason = "phases are alike")]

mod ask;
mod bench;
mod encodings;
mod load;
mod ours;
mod questions;
mod sqlite;

use anyhow::{Context as _, Result};

use bench::Bench;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "usage: catalog PHASE DIR TRACKS\nphases: keys generate encodings load index lookups cold:N pages searches recall sql optimise sqlite-load sqlite-ask";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let [phase, dir, rows] = &arguments[..] else {
        // As `cargo bench` calls it.
        eprintln!("{USAGE}");
        return Ok(());
    };
    let bench = Bench { dir: dir.into(), rows: rows.parse().context("TRACKS is a number")? };
    bench::watch_memory();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match phase.as_str() {
        "keys" => questions::print(&bench),
        "generate" => load::generate(&bench),
        "encodings" => encodings::measure(bench.catalogue(), bench.rows),
        "load" => runtime.block_on(load::load(&bench)),
        "index" => runtime.block_on(ask::index(&bench)),
        "lookups" => ask::lookups(&bench),
        "pages" => ask::pages(&bench),
        "searches" => ask::searches(&bench),
        "recall" => ask::recall(&bench),
        "sql" => runtime.block_on(ask::sql(&bench)),
        "optimise" => runtime.block_on(load::optimise(&bench)),
        "sqlite-load" => sqlite::load(&bench),
        "sqlite-ask" => sqlite::ask(&bench),
        turn if turn.starts_with("cold:") => ask::cold(&bench, turn["cold:".len()..].parse()?),
        _ => anyhow::bail!("{USAGE}"),
    }
}
