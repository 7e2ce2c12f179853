//! `fonoteca init`: make an archive.

use std::path::PathBuf;

use fonoteca_archive::Archive;
use serde_json::json;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;

/// Make an archive in a new or empty folder
///
/// The folder holds everything: audio exactly as it came, tables that DuckDB or Polars can read, the search index,
/// releases and accounts. Secret keys are kept elsewhere, in your own configuration folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  fonoteca init ~/music-archive --name \"Sound archive of Vila Nova\"")]
pub struct Args {
    /// The folder
    dir: PathBuf,
    /// What the archive is called, on its page and in its feed [default: the folder's name]
    #[arg(long)]
    name: Option<String>,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let folder_name = || {
        let folder = std::path::absolute(&args.dir).unwrap_or_else(|_| args.dir.clone());
        folder.file_name().map_or_else(|| "archive".to_owned(), |name| name.to_string_lossy().into_owned())
    };
    let name = args.name.clone().unwrap_or_else(folder_name);
    let archive = Archive::init(&args.dir, &name, context.clock()).await?;
    let root = archive.root().display().to_string();
    context.output().result(&json!({"archive": root, "name": archive.name()}), |output| {
        output.line(format_args!("Made the archive {name:?} in {root}"));
        output.note("next: `fonoteca ingest PATH… --basis B` from inside that folder, or with --archive");
    });
    Ok(Exit::Done)
}
