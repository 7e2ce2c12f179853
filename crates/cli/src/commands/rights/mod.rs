//! `fonoteca rights`: what may be done with an item, and why.

mod import;
mod opt_out;
mod set;
mod show;
mod withdraw;

use fonoteca_model::rights::Subject;

use super::Ended;
use crate::context::Context;

/// Record and show what may be done with an item, and why
///
/// A SUBJECT is what a decision is about: a blob root (64 hex digits), a track id (16 hex digits), an ISRC, or KIND:KEY
/// with KIND one of blob, track, recording, isrc, release (an album's id), upc, work, iswc, artist, label, collection,
/// source. Decisions are only ever added; where several apply, the strictest wins.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Set(set::Args),
    Show(show::Args),
    Withdraw(withdraw::Args),
    OptOut(opt_out::Args),
    Import(import::Args),
}

pub async fn run(command: Command, context: &Context) -> Ended {
    match command {
        Command::Set(args) => set::run(args, context).await,
        Command::Show(args) => show::run(args, context).await,
        Command::Withdraw(args) => withdraw::run(args, context).await,
        Command::OptOut(args) => opt_out::run(args, context).await,
        Command::Import(args) => import::run(args, context).await,
    }
}

/// Reads a subject as a person writes it.
fn subject(text: &str) -> Result<Subject, String> {
    fonoteca_archive::rights::read_subject(text).map_err(|error| error.to_string())
}
