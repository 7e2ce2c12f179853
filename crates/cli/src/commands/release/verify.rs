//! `fonoteca release verify`: is a release still what was published?

use fonoteca_archive::keys::public_keys;
use fonoteca_archive::mirror::Mirror;
use fonoteca_archive::release::verify;
use fonoteca_model::units::Bytes;

use crate::commands::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Table};

/// Check a release: its signature, its torrents, and every byte that they name
///
/// Ends with exit code 4 when something is not as it was published.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The release's name
    name: String,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    // A mirrored release is signed by the archive that made it.
    let mut keys = public_keys(&archive)?;
    keys.extend(Mirror::all(&archive)?.into_iter().flat_map(|mirror| mirror.keys.into_iter().chain(mirror.former)));
    let progress = context.job();
    let verdict = verify(&archive, &args.name, &keys, &progress).await?;
    drop(progress);
    context.output().result(&verdict, |output| {
        let mut table = Table::new(&[("damaged", Align::Left), ("piece", Align::Right), ("found", Align::Left)]);
        for damage in verdict.damaged.iter().chain(&verdict.unreadable) {
            table.row([damage.root.to_string(), damage.piece.to_string(), damage.found.clone()]);
        }
        for root in &verdict.missing {
            table.row([root.to_string(), String::new(), "nothing: it is missing".to_owned()]);
        }
        output.table(&table);
        for problem in &verdict.problems {
            output.line(problem);
        }
        let said = if verdict.sound() { "as it was published" } else { "not as it was published" };
        let size = Bytes(verdict.bytes);
        output.line(format_args!("release {:?} is {said}: {} blobs checked, {size}", args.name, verdict.checked));
    });
    Ok(Exit::done_if(verdict.sound(), Exit::Damaged))
}
