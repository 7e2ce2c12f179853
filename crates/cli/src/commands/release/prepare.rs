//! `fonoteca release prepare`: make the copies of the long tail.

use std::num::NonZeroUsize;

use fonoteca_archive::release::{Encoder, prepare};
use fonoteca_model::units::Bytes;

use super::choosing::{Choosing, Cutting, options};
use crate::commands::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Table};
use crate::values;

/// Make the copies that a release with `--tail` gives out of what few people listen to
///
/// Each copy becomes a blob of its own, derived from its original and with its rights; the original stays as it is.
/// Interrupt it whenever you like and run the same command again: no copy is made twice. It needs ffmpeg with libopus.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  fonoteca release prepare 2026-11 --tail opus:72 --tail-below 10")]
pub struct Args {
    /// The release's name
    #[arg(default_value = "next")]
    name: String,
    /// Copies made at once [default: one per processor]
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    choosing: Choosing,
    #[command(flatten)]
    cutting: Cutting,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let options = options(&archive, args.name, args.choosing, args.cutting, None)?;
    let encoder = Encoder { ffmpeg: "ffmpeg".into(), jobs: values::jobs(args.jobs) };
    let progress = context.job();
    let prepared = prepare(&archive, &options, &encoder, &progress).await?;
    drop(progress);
    context.output().result(&prepared, |output| {
        let mut failed = Table::new(&[("no copy of", Align::Left), ("because", Align::Left)]);
        for (root, reason) in &prepared.failed {
            failed.row([root.to_string(), reason.clone()]);
        }
        output.table(&failed);
        let (from, to) = (Bytes(prepared.original_bytes), Bytes(prepared.bytes));
        output.line(format_args!(
            "{} copies made, {} were there already; {from} became {to}",
            prepared.made, prepared.known
        ));
    });
    Ok(Exit::done_if(prepared.failed.is_empty(), Exit::SomeFailed))
}
