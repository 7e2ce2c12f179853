//! `fonoteca import discogs`: take in the monthly dumps of Discogs.

use fonoteca_archive::import;

use super::{Ended, dump};
use crate::context::Context;
use crate::exit::Exit;

/// Take in the monthly dumps of Discogs
///
/// Releases, masters, artists and labels are a dump each, as XML; each replaces the one of its kind before it. Interrupt
/// it whenever you like and run the same command again: it goes on where it was. The data is CC0.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  fonoteca import discogs discogs_20251101_artists.xml.gz discogs_20251101_releases.xml.gz"
)]
pub struct Args {
    #[command(flatten)]
    dump: dump::Files,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let output = context.output();
    let mut exit = Exit::Done;
    for request in args.dump.requests()? {
        let progress = context.job();
        let report = import::discogs(&archive, &request, &progress).await?;
        drop(progress);
        if dump::tell(output, &request.name(), &report) != Exit::Done {
            exit = Exit::SomeFailed;
        }
    }
    Ok(exit)
}
