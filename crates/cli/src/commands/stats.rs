//! `fonoteca stats`: how much there is.

use fonoteca_model::units::Bytes;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Table};

/// Show how much there is
#[derive(Debug, clap::Args)]
pub struct Args {}

pub async fn run(_args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let stats = archive.snapshot().await?.stats().await?;
    context.output().result(&stats, |output| {
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
        table.row(["size".to_owned(), Bytes(stats.bytes.max(0) as u64).to_string()]);
        output.table(&table);
    });
    Ok(Exit::Done)
}
