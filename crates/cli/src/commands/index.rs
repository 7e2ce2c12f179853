//! `fonoteca index`: look after the search index.

use serde_json::json;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;

/// Look after the search index
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make the search index anew from the tables
    ///
    /// The index holds nothing of its own, so this is always safe: it is made beside the old one and takes its place.
    /// Do it when the index is said to be damaged, or of another version.
    Rebuild,
}

pub async fn run(command: Command, context: &Context) -> Ended {
    let Command::Rebuild = command;
    let archive = context.open().await?;
    let progress = context.job();
    archive.rebuild_index(&progress).await?;
    drop(progress);
    context.output().result(&json!({"rebuilt": true}), |output| output.line("the search index is made anew"));
    Ok(Exit::Done)
}
