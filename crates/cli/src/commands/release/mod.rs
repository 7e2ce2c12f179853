//! `fonoteca release`: torrents of what may be given to anyone.

mod build;
mod check;
mod choosing;
mod export;
mod list;
mod plan;
mod prepare;
mod verify;

use super::Ended;
use crate::context::Context;

/// Cut what may be given to anyone into torrents
///
/// A release holds what the rights allow to pass on and no earlier release has given out: audio in torrents by
/// popularity, most popular first, and a torrent with the tables' rows about it. It is made from stored hashes, without
/// reading a byte of audio, and never changed afterwards.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Plan(plan::Args),
    Prepare(prepare::Args),
    Build(build::Args),
    List(list::Args),
    Verify(verify::Args),
    Check(check::Args),
    Export(export::Args),
}

pub async fn run(command: Command, context: &Context) -> Ended {
    match command {
        Command::Plan(args) => plan::run(args, context).await,
        Command::Prepare(args) => prepare::run(args, context).await,
        Command::Build(args) => build::run(args, context).await,
        Command::List(args) => list::run(args, context).await,
        Command::Verify(args) => verify::run(args, context).await,
        Command::Check(args) => check::run(args, context).await,
        Command::Export(args) => export::run(args, context).await,
    }
}
