//! `fonoteca links`: what is one, why, and what is not.

mod join;
mod show;
mod undo;

use super::Ended;
use crate::context::Context;

/// Find, show and take back what is one: tracks, artists and albums of several sources
///
/// Several sources tell of the same recordings, artists and albums. A link says that two are one, with its reason and
/// how sure it is. Links are only ever added; a join that was taken back is never made again.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Join(join::Args),
    Show(show::Args),
    Undo(undo::Args),
}

pub async fn run(command: Command, context: &Context) -> Ended {
    match command {
        Command::Join(args) => join::run(args, context).await,
        Command::Show(args) => show::run(args, context).await,
        Command::Undo(args) => undo::run(args, context).await,
    }
}
