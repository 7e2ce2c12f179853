//! `fonoteca import listenbrainz`: count listens.

use std::path::PathBuf;

use fonoteca_archive::listens;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;

/// Count the listens of a ListenBrainz file and set popularity anew
///
/// The file has one listen a line, as in the dumps of ListenBrainz and in an export of one's own listens. A listen
/// counts for the recording that its ISRC, its MusicBrainz recording id, or else artist and title name. Popularity,
/// 0 to 100, follows: it orders search and says which torrents come first. The same file is never counted twice.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  fonoteca import listenbrainz listens.jsonl")]
pub struct Args {
    /// The file, in JSON Lines
    file: PathBuf,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let file = args.file;
    let archive = context.open().await?;
    let progress = context.job();
    let report = listens::import(&archive, &file, &progress).await?;
    drop(progress);
    let output = context.output();
    for (line, reason) in &report.rejected {
        output.note(format_args!("{}:{line}: {reason}", file.display()));
    }
    output.result(&report, |output| {
        if report.already {
            output.line("this file was counted before; nothing was counted again");
        } else {
            output.line(format_args!(
                "{} listens read: {} of {} recordings counted, {} of recordings that are not in the catalogue, \
                 {} rejected",
                report.rows,
                report.matched,
                report.recordings,
                report.unmatched,
                report.rejected.len()
            ));
        }
    });
    Ok(Exit::done_if(report.rejected.is_empty(), Exit::SomeFailed))
}
