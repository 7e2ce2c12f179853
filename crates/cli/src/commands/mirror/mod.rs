//! `fonoteca mirror`: keep a verified copy of what another archive gives out.

mod add;
mod plan;
mod pull;
mod report;
mod set;
mod status;

use super::Ended;
use crate::context::Context;

/// Keep a verified copy of what another archive gives out
///
/// A mirror is an archive of its own: it follows another archive's feed, fetches what is missing, checks every blob by
/// its hash, serves and gives out what it holds, and drops what is withdrawn. `fonoteca serve` does all that by itself, for
/// every feed that was added; `mirror set` says how much of what, and when.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Add(add::Args),
    Plan(plan::Args),
    Pull(pull::Args),
    Report(report::Args),
    Set(set::Args),
    Status(status::Args),
}

pub async fn run(command: Command, context: &Context) -> Ended {
    match command {
        Command::Add(args) => add::run(args, context).await,
        Command::Plan(args) => plan::run(args, context).await,
        Command::Pull(args) => pull::run(args, context).await,
        Command::Report(args) => report::run(args, context).await,
        Command::Set(args) => set::run(args, context).await,
        Command::Status(args) => status::run(args, context).await,
    }
}
