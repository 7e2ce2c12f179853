//! `fonoteca import`: read what others publish about music.

mod discogs;
mod dump;
mod listenbrainz;
mod musicbrainz;
mod table;

use super::Ended;
use crate::context::Context;

/// Import what others publish about music
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    #[command(name = "musicbrainz")]
    MusicBrainz(musicbrainz::Args),
    Discogs(discogs::Args),
    #[command(name = "listenbrainz")]
    ListenBrainz(listenbrainz::Args),
    Table(table::Args),
}

pub async fn run(command: Command, context: &Context) -> Ended {
    match command {
        Command::MusicBrainz(args) => musicbrainz::run(args, context).await,
        Command::Discogs(args) => discogs::run(args, context).await,
        Command::ListenBrainz(args) => listenbrainz::run(args, context).await,
        Command::Table(args) => table::run(args, context).await,
    }
}
