//! `fonoteca ingest`: take files in.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use fonoteca_archive::ingest::{Bag, Depth, FileOutcome, Keep, Options, Summary, ingest, watch};
use fonoteca_model::rights::Basis;
use fonoteca_model::units::Bytes;
use serde_json::json;

use super::Ended;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::nice;
use crate::output::Output;
use crate::values;

/// Take audio files in
///
/// Walks the folders and opens archives (zip, and tar packed or not), copies every audio file into the archive exactly as
/// it is, and records what it holds: tags,
/// format, fingerprint, loudness, cover, and the hashes that prove it and that torrents are made from. A file that
/// arrived incomplete is kept and marked as malformed; one that is no audio, or is locked by DRM, is refused. Each is
/// named.
///
/// A CUE sheet beside a file, or in it, makes one file several tracks; words (`.lrc`, `.txt` of the same name) and covers
/// beside a file are kept with it.
///
/// With --in-place the files stay where they are, and are only ever read. The archive remembers where each lies; after
/// you moved or renamed files, the same command finds them again by their bytes, and names those that were changed or
/// are gone.
///
/// Of a BagIt bag the manifests are checked first: what is not as they say is named and left, and `bag-info.txt` is kept
/// with the archive's events.
///
/// Interrupt it whenever you like and run the same command again: nothing is lost and nothing comes in twice. Files that
/// look as they did when they were taken in (size, time of modification, inode) are not read again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fonoteca ingest ~/Music --basis private-copy           for your own ears
  fonoteca ingest ~/Music -b private-copy --in-place     the same, without a second copy
  fonoteca ingest netlabel/ --basis licensed             each file's tags name its licence
  fonoteca ingest mine/ -b own-work --license CC0-1.0    yours, and given to everybody")]
pub struct Args {
    /// Files, folders, and archives of audio (.zip, .tar, .tar.gz, .tar.bz2, .tar.xz, .tar.zst)
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Why the archive may hold them
    #[arg(long, short, value_name = "BASIS", value_parser = values::basis())]
    basis: Basis,
    /// The licence of files whose tags name none: an SPDX id or a URI
    #[arg(long, short, visible_alias = "licence")]
    license: Option<String>,
    /// Copy the files into the archive; this is the default
    #[arg(long, group = "keep")]
    copy: bool,
    /// Share the files' blocks: by a reflink, else by a hard link, else copy; --json says which
    ///
    /// A hard link is a second name of the same bytes: a program that writes into the file where it was, as some taggers
    /// do, damages the blob, which `verify` then tells.
    #[arg(long, group = "keep")]
    link: bool,
    /// Leave the files where they are and refer to them there
    #[arg(long, group = "keep")]
    in_place: bool,
    /// How far to look into each file; `fonoteca analyse` looks further later
    #[arg(long, value_name = "DEPTH", default_value = "full", value_parser = values::depth())]
    analyse: Depth,
    /// Files hashed or decoded at once [default: one per processor]
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Let other programs go first
    #[arg(long)]
    nice: bool,
    /// Go on and take in what is added or changed, until Ctrl-C
    ///
    /// A file is taken two seconds after its writer closed it or it was moved here, and half a minute after the last
    /// change where nobody was seen to close it.
    #[arg(long)]
    watch: bool,
    /// Files of the first batch; batches double up to 1024 files, and a kill costs at most three of them
    #[arg(long, value_name = "N", hide_short_help = true)]
    batch_files: Option<NonZeroUsize>,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    if args.nice {
        nice::give_way()?;
    }
    // Two ingests that begin in one microsecond differ by their processes.
    let job = format!("ingest-{}-{}", context.now().0, std::process::id());
    let output = context.output();
    let (paths, bags) = unpacked(args.paths, context)?;
    let options = Options {
        licence: args.license,
        keep: match (args.link, args.in_place) {
            (_, true) => Keep::InPlace,
            (true, _) => Keep::Link,
            _ => Keep::Copy,
        },
        depth: args.analyse,
        jobs: values::jobs(args.jobs),
        first_batch: args.batch_files.map_or(Options::FIRST_BATCH, NonZeroUsize::get),
        ..Options::new(paths, args.basis, context.person(), &job)
    };
    let progress = context.job();
    let mut report = |outcome: FileOutcome| {
        if output.is_json() {
            output.json(&outcome);
        }
    };
    let mut is_whole = true;
    for bag in &bags {
        for failure in bag.failures() {
            is_whole = false;
            output.note(format_args!("{}: {}", failure.path, failure.reason.as_deref().unwrap_or_default()));
            report(failure);
        }
        bag.record(&archive).await?;
    }
    let summary = if args.watch {
        watch(&archive, &options, &progress, &mut report).await?
    } else {
        ingest(&archive, &options, &progress, &mut report).await?
    };
    drop(progress);
    output.result(&json!({"summary": summary}), |output| print(output, &summary));
    Ok(Exit::done_if(is_whole && !summary.incomplete(), Exit::SomeFailed))
}

/// The paths as they are, but for bags: of those the payload that their manifests prove.
fn unpacked(paths: Vec<PathBuf>, context: &Context) -> Result<(Vec<PathBuf>, Vec<Bag>), CommandError> {
    let (mut unpacked, mut bags) = (Vec::new(), Vec::new());
    for path in paths {
        if Bag::is_bag(&path) {
            let bag = Bag::check(&path, &context.job())?;
            unpacked.extend(bag.paths());
            bags.push(bag);
        } else {
            unpacked.push(path);
        }
    }
    Ok((unpacked, bags))
}

fn print(output: &Output, summary: &Summary) {
    let parts = [
        (summary.added, "added"),
        (summary.known - summary.unchanged, "known already"),
        (summary.unchanged, "unchanged"),
        (summary.malformed, "kept, though malformed"),
        (summary.refused, "refused"),
        (summary.failed, "failed"),
        (summary.gone, "gone"),
        (summary.ignored, "other files left alone"),
    ];
    let told: Vec<String> = parts
        .iter()
        .filter(|(count, what)| *count > 0 || *what == "added")
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    output.line(format_args!("{}; {} in {:.1} s", told.join(", "), Bytes(summary.bytes), summary.seconds));
}
