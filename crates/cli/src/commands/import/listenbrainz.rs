//! `fonoteca import listenbrainz`: count listens.

use std::path::PathBuf;

use fonoteca_archive::listens;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;

/// Count the listens of ListenBrainz dumps or exports and set popularity anew
///
/// Dumps of listens, full or incremental, as they are published (`.tar.zst`, `.tar.xz`), or their files by themselves:
/// one listen a line, packed or not. A listen counts for the recording that its ISRC, its MusicBrainz recording id, or
/// else artist and title name. Popularity, 0 to 100, follows: it orders search and says which torrents come first.
///
/// The same file is never counted twice, and after an interruption the same command goes on.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fonoteca import listenbrainz listens.jsonl
  fonoteca import listenbrainz listenbrainz-listens-dump-*.tar.zst --rejects rejects.jsonl")]
pub struct Args {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Add the lines that are no listens to this file: JSON Lines with file, number, field and reason
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// How many different names are counted in memory before they go to disk; a million take 50 MB
    #[arg(long, value_name = "N", default_value_t = 4_000_000, hide_short_help = true)]
    in_memory: usize,
}

/// Rejected lines of a file that are named on stderr.
const NAMED: usize = 20;

pub async fn run(args: Args, context: &Context) -> Ended {
    let Args { files, rejects, in_memory } = args;
    let archive = context.open().await?;
    let progress = context.job();
    let options = listens::Options { rejects, in_memory: in_memory.max(1) };
    let report = listens::import(&archive, &files, &options, &progress).await?;
    drop(progress);
    let output = context.output();
    for file in &report.files {
        for (line, reason) in file.rejected.iter().take(NAMED) {
            output.note(format_args!("{}:{line}: {reason}", file.path));
        }
        if file.rejected.len() > NAMED {
            output.note(format_args!("{}: and more like that; --rejects FILE names them all", file.path));
        }
        if file.already && !report.already {
            output.note(format_args!("{}: counted before", file.path));
        }
    }
    output.result(&report, |output| {
        if report.already {
            let what = if files.len() == 1 { "this file was" } else { "these files were" };
            output.line(format_args!("{what} counted before; nothing was counted again"));
        } else {
            output.line(format_args!(
                "{} listens read: {} of {} recordings counted, {} of recordings that are not in the catalogue, \
                 {} rejected",
                report.rows, report.matched, report.recordings, report.unmatched, report.rejected_rows
            ));
        }
    });
    Ok(Exit::done_if(report.rejected_rows == 0, Exit::SomeFailed))
}
