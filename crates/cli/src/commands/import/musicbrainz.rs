//! `fonoteca import musicbrainz`: take in the JSON dumps of MusicBrainz.

use fonoteca_archive::import;
use fonoteca_catalog::import::musicbrainz::{Entity, Options};

use super::{Ended, dump};
use crate::context::Context;
use crate::exit::Exit;

/// Take in the JSON dumps of MusicBrainz
///
/// A dump is a `.tar.xz` with `mbdump/<entity>` inside, for artist, release, recording, release-group or label; a file
/// of its lines will do as well. A dump replaces the one of the same entity before it. Interrupt it whenever you like
/// and run the same command again: it goes on where it was. Only what comes on standard input begins anew.
///
/// The core data is CC0. Genres, tags, ratings and annotations are CC BY-NC-SA 3.0, are kept apart under that licence,
/// and stay out of releases.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fonoteca import musicbrainz artist.tar.xz release.tar.xz
  fonoteca import musicbrainz recording.tar.xz --no-supplements --rejects rejects.jsonl
  curl -L URL | fonoteca import musicbrainz -")]
pub struct Args {
    #[command(flatten)]
    dump: dump::Files,
    /// Leave genres, tags, ratings and annotations out
    #[arg(long)]
    no_supplements: bool,
    /// What the lines are, where neither the archive nor they themselves tell; or which part of an archive is meant
    #[arg(long, value_name = "ENTITY", value_parser = entity)]
    entity: Option<Entity>,
}

fn entity(text: &str) -> Result<Entity, String> {
    text.parse()
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let output = context.output();
    let options = Options { supplements: !args.no_supplements, entity: args.entity, ..Options::default() };
    let mut exit = Exit::Done;
    for request in args.dump.requests()? {
        let progress = context.job();
        let reports = import::musicbrainz(&archive, &request, options, &progress).await?;
        drop(progress);
        for report in &reports {
            if dump::tell(output, &request.name(), report) != Exit::Done {
                exit = Exit::SomeFailed;
            }
        }
    }
    Ok(exit)
}
