//! `fonoteca release`: torrents of what may be given to anyone.

mod build;
mod list;
mod plan;
mod verify;

use fonoteca_archive::Archive;
use fonoteca_archive::release::Options;
use fonoteca_model::limits::Limits;

use super::Ended;
use crate::context::Context;
use crate::values;

/// Cut what may be given to anyone into torrents
///
/// A release holds what the rights allow to pass on and no earlier release has given out: audio in torrents by
/// popularity, most popular first, and a torrent with the tables' rows about it. It is made from stored hashes, without
/// reading a byte of audio, and never changed afterwards.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    Plan(plan::Args),
    Build(build::Args),
    List(list::Args),
    Verify(verify::Args),
}

pub async fn run(command: Command, context: &Context) -> Ended {
    match command {
        Command::Plan(args) => plan::run(args, context).await,
        Command::Build(args) => build::run(args, context).await,
        Command::List(args) => list::run(args, context).await,
        Command::Verify(args) => verify::run(args, context).await,
    }
}

/// What both `plan` and `build` take.
#[derive(Debug, Clone, clap::Args)]
struct Cutting {
    /// Where the archive's server is reached, for trackers and web seeds [default: the one in archive.toml]
    #[arg(long)]
    url: Option<String>,
    /// Bytes of one torrent at most [default: 32 GiB]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    torrent_size: Option<u64>,
    /// Files of one torrent at most [default: 10000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    torrent_files: Option<u32>,
}

impl Cutting {
    fn options(self, archive: &Archive, name: String) -> Options {
        let mut limits = Limits::default();
        limits.torrent_bytes = self.torrent_size.unwrap_or(limits.torrent_bytes);
        limits.torrent_files = self.torrent_files.map_or(limits.torrent_files, |files| files as usize);
        Options { name, url: self.url.or_else(|| archive.settings().publish.url.clone()), limits }
    }
}
