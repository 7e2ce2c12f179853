//! `fonoteca stats`: how much there is, and how few tracks have most of the listens.

use std::path::{Path, PathBuf};

use fonoteca_catalog::{Coverage, Stats};
use fonoteca_model::units::Bytes;
use serde::Serialize;

use super::Ended;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::{Align, Output, Table, curve};

/// Show how much there is, and how few tracks have most of the listens
///
/// Most listens go to few recordings. The second table says how few tracks have a half of all listens, and so on up to
/// 99.6 %; the third how listens spread over the bands of popularity along which releases are cut.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  fonoteca stats\n  fonoteca stats --plot coverage.svg")]
pub struct Args {
    /// Draw the share of listens against tracks and against bytes held
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

/// What `stats --json` prints.
#[derive(Debug, Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    stats: &'a Stats,
    coverage: &'a Coverage,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let snapshot = archive.snapshot().await?;
    let stats = snapshot.stats().await?;
    let coverage = snapshot.coverage().await?;
    let output = context.output();
    output.result(&Told { stats: &stats, coverage: &coverage }, |output| {
        output.table(&counts(&stats));
        if coverage.listens > 0 {
            output.line("");
            output.table(&covering(&coverage));
            output.line("");
            output.table(&bands(&coverage));
        }
    });
    if let Some(path) = args.plot {
        plot(&path, archive.name(), &coverage, output)?;
    }
    Ok(Exit::Done)
}

pub(super) fn plot(path: &Path, archive: &str, coverage: &Coverage, output: &Output) -> Result<(), CommandError> {
    if coverage.listens == 0 {
        return Err(CommandError::of(Exit::SomeFailed, &std::io::Error::other("there are no listens to draw"))
            .hint("`fonoteca import listenbrainz FILE` counts some"));
    }
    std::fs::write(path, curve::svg(archive, coverage)).map_err(|error| {
        CommandError::of(Exit::SomeFailed, &error).hint(format!("while writing {}", path.display()))
    })?;
    output.note(format_args!("{} is drawn", path.display()));
    Ok(())
}

fn counts(stats: &Stats) -> Table {
    let mut table = Table::new(&[("in the archive", Align::Left), ("", Align::Right)]);
    for (name, count) in [
        ("artists", stats.artists),
        ("albums", stats.albums),
        ("tracks", stats.tracks),
        ("recordings", stats.recordings),
        ("audio files", stats.files),
        ("of them malformed", stats.malformed),
        ("blobs", stats.blobs),
        ("of them damaged", stats.damaged),
        ("listens", stats.listens),
    ] {
        table.row([name.to_owned(), count.to_string()]);
    }
    table.row(["size".to_owned(), bytes(stats.bytes)]);
    table
}

fn covering(coverage: &Coverage) -> Table {
    let mut table = Table::new(&[
        ("of all listens", Align::Right),
        ("tracks", Align::Right),
        ("recordings", Align::Right),
        ("held of them", Align::Right),
    ]);
    for few in &coverage.covering {
        let (tracks, recordings) = (few.tracks.to_string(), few.recordings.to_string());
        table.row([curve::percent(few.share), tracks, recordings, bytes(few.bytes)]);
    }
    table
}

fn bands(coverage: &Coverage) -> Table {
    let mut table = Table::new(&[
        ("popularity", Align::Left),
        ("tracks", Align::Right),
        ("listens", Align::Right),
        ("of all listens", Align::Right),
        ("held of them", Align::Right),
    ]);
    for band in &coverage.bands {
        let (low, high) = band.popularity;
        table.row([
            if low == high { low.to_string() } else { format!("{high} to {low}") },
            band.tracks.to_string(),
            band.listens.to_string(),
            format!("{:.1} %", band.share * 100.0),
            bytes(band.bytes),
        ]);
    }
    table
}

fn bytes(count: i64) -> String {
    Bytes(count.max(0) as u64).to_string()
}
