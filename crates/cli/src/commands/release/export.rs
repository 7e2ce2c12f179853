//! `fonoteca release export`: a selection as BagIt bags or an OCFL storage root.

use std::path::PathBuf;

use fonoteca_archive::release::{Shape, export};
use fonoteca_model::units::Bytes;

use super::choosing::{Choosing, Cutting, options};
use crate::commands::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Table};

/// Write what may be given to anyone into a folder, as BagIt bags or as an OCFL storage root
///
/// A bag (BagIt 1.0, RFC 8493) has the files that a torrent of the same selection would have, and PREMIS events. A storage
/// root (OCFL 1.1) has an object a file. Releases neither take away from an export nor does it count as one. Interrupt it
/// whenever you like and run the same command again: what is there is not written again.
#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("shape").required(true),
    after_help = "\
Examples:
  fonoteca release export 2026-11 --bagit /mnt/disk/bags --license CC0-1.0
  fonoteca release export --ocfl /mnt/disk/ocfl --collection \"Field recordings\""
)]
pub struct Args {
    /// What the bags' names begin with
    #[arg(default_value = "export")]
    name: String,
    /// Bags, below this folder
    #[arg(long, value_name = "DIR", group = "shape")]
    bagit: Option<PathBuf>,
    /// A storage root in this folder, which must be empty or one already
    #[arg(long, value_name = "DIR", group = "shape")]
    ocfl: Option<PathBuf>,
    #[command(flatten)]
    choosing: Choosing,
    #[command(flatten)]
    cutting: Cutting,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let options = options(&archive, args.name, args.choosing, args.cutting, None)?;
    let (shape, folder) = match (args.bagit, args.ocfl) {
        (Some(folder), _) => (Shape::BagIt, folder),
        (_, folder) => (Shape::Ocfl, folder.unwrap_or_default()),
    };
    let progress = context.job();
    let report = export(&archive, &options, shape, &folder, &progress).await?;
    drop(progress);
    context.output().result(&report, |output| {
        let mut failed = Table::new(&[("not exported", Align::Left), ("because", Align::Left)]);
        for (root, reason) in &report.failed {
            failed.row([root.to_string(), reason.clone()]);
        }
        output.table(&failed);
        let what = if shape == Shape::BagIt { "bags" } else { "objects" };
        output.line(format_args!(
            "{} {what} written with {} files, {}; {} were there already",
            report.packages,
            report.files,
            Bytes(report.bytes),
            report.present
        ));
    });
    Ok(Exit::done_if(report.failed.is_empty(), Exit::SomeFailed))
}
