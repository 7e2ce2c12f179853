//! `fonoteca rights import`: record many decisions from a CSV file.

use std::path::PathBuf;

use fonoteca_archive::rights::import;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;

/// Record decisions from a CSV file, one a row
///
/// The first line names the columns: subject_kind, subject and basis; and any of licence, layer, permits, territory,
/// holder, attribution, evidence, note. With subject_kind `file`, the subject is a path to a file whose bytes are
/// meant; such paths, and those of evidence, are relative to the CSV's folder. A row that makes no sense is named and
/// left out.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  subject_kind,subject,basis,licence
  file,Bells/01 Westminster Quarters.wav,public-domain,CC0-1.0
  isrc,ZZFN32200005,private-copy,

  fonoteca rights import rights.csv")]
pub struct Args {
    /// The CSV file
    file: PathBuf,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let progress = context.job();
    let report = import(&archive, &args.file, context.person(), &progress).await?;
    drop(progress);
    let output = context.output();
    for row in &report.rejected {
        let reason = row.rejected.as_deref().unwrap_or_default();
        output.note(format_args!("{}:{}: {:?}: {reason}", args.file.display(), row.line, row.subject));
    }
    output.result(&report, |output| {
        output.line(format_args!("{} decisions recorded, {} rejected", report.recorded, report.rejected.len()));
    });
    Ok(Exit::done_if(report.rejected.is_empty(), Exit::SomeFailed))
}
