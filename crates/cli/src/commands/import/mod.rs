//! `fonoteca import`: read what others publish about music.

mod dump;
mod listenbrainz;
mod musicbrainz;

use super::Ended;
use crate::context::Context;

/// Import what others publish about music
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    #[command(name = "musicbrainz")]
    MusicBrainz(musicbrainz::Args),
    #[command(name = "listenbrainz")]
    ListenBrainz(listenbrainz::Args),
}

pub async fn run(command: Command, context: &Context) -> Ended {
    match command {
        Command::MusicBrainz(args) => musicbrainz::run(args, context).await,
        Command::ListenBrainz(args) => listenbrainz::run(args, context).await,
    }
}
