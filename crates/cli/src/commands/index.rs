//! `fonoteca index`: look after the indexes.

use fonoteca_archive::ArchiveError;
use serde_json::json;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;

/// Look after the indexes by words and by sound
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Make the indexes anew from the tables: the one by words, and the one by sound
    ///
    /// An index holds nothing of its own, so this is always safe: it is made beside the old one and takes its place.
    /// Do it when an index is said to be damaged, or of another version.
    Rebuild,
    /// Read all of the index by sound and compare its checksums
    Verify,
}

pub async fn run(command: Command, context: &Context) -> Ended {
    let archive = context.open().await?;
    if let Command::Verify = command {
        let sounds = archive.sounds();
        sounds.verify().map_err(ArchiveError::from)?;
        let recordings = sounds.recordings().map_err(ArchiveError::from)?;
        let told = json!({"sounds": recordings, "bytes": sounds.bytes().map_err(ArchiveError::from)?});
        context.output().result(&told, |output| output.line(format_args!("{recordings} sounds, all as written")));
        return Ok(Exit::Done);
    }
    let progress = context.job();
    archive.rebuild_index(&progress).await?;
    drop(progress);
    context.output().result(&json!({"rebuilt": true}), |output| output.line("the indexes are made anew"));
    Ok(Exit::Done)
}
