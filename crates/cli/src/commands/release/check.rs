//! `fonoteca release check`: which files of a torrent are held.

use std::path::PathBuf;

use fonoteca_archive::ArchiveError;
use fonoteca_archive::release::{Found, check_torrent};
use fonoteca_model::units::Bytes;

use crate::commands::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Table};

/// Bytes of a torrent file.
const TORRENT_BYTES: u64 = 64 << 20;

/// Say which files of a torrent, yours or anybody's, are in the archive, and read them
///
/// v2 and hybrid torrents name their files by root. Of a v1 torrent the files are found by size and proved by pieces. Ends
/// with exit code 1 when something is missing, with 4 when something is damaged.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The torrent
    #[arg(value_name = "FILE.torrent")]
    file: PathBuf,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let name = args.file.display().to_string();
    let foreign = |reason: String| ArchiveError::Foreign { name: name.clone(), reason };
    let bytes = match std::fs::metadata(&args.file) {
        Ok(file) if file.len() > TORRENT_BYTES => {
            return Err(foreign(format!("is larger than {}", Bytes(TORRENT_BYTES))).into());
        }
        Ok(_) => std::fs::read(&args.file),
        Err(error) => Err(error),
    };
    let bytes = bytes.map_err(|error| foreign(format!("cannot be read: {error}")))?;
    let progress = context.job();
    let checked = check_torrent(&archive, &bytes, &name, &progress).await?;
    drop(progress);
    context.output().result(&checked, |output| {
        let mut table = Table::new(&[("file", Align::Left), ("size", Align::Right), ("", Align::Left)]);
        for file in &checked.files {
            let status = match file.status {
                Found::Held => continue,
                Found::Damaged => "damaged",
                Found::Missing => "missing",
            };
            table.row([file.path.clone(), Bytes(file.bytes).to_string(), status.to_owned()]);
        }
        output.table(&table);
        output.line(format_args!(
            "{:?}: {} of {} files held, {} damaged, {} missing",
            checked.name,
            checked.held,
            checked.files.len(),
            checked.damaged,
            checked.missing
        ));
    });
    Ok(match (checked.damaged, checked.missing) {
        (0, 0) => Exit::Done,
        (0, _) => Exit::SomeFailed,
        _ => Exit::Damaged,
    })
}
