//! `fonoteca release list`: which releases there are.

use fonoteca_archive::release::{Listed, list};
use fonoteca_model::units::Bytes;

use crate::commands::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Output, Table};

/// List the releases, own and mirrored, with their torrents
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Show the magnet links too
    #[arg(long)]
    magnets: bool,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let all = list(&archive)?;
    let output = context.output();
    if output.is_json() {
        for listed in &all {
            output.json(listed);
        }
    } else if all.is_empty() {
        output.note("there is no release yet: `fonoteca release build NAME` makes one");
    } else {
        print(output, &all, args.magnets);
    }
    Ok(Exit::Done)
}

fn print(output: &Output, all: &[Listed], magnets: bool) {
    let mut table = Table::new(&[
        ("release", Align::Left),
        ("torrent", Align::Left),
        ("popularity", Align::Left),
        ("files", Align::Right),
        ("size", Align::Right),
        ("licences", Align::Left),
    ]);
    for listed in all {
        for torrent in &listed.torrents {
            table.row([
                listed.release.clone(),
                torrent.name.clone(),
                torrent.popularity.map(|[high, low]| format!("{high} to {low}")).unwrap_or_default(),
                torrent.files.to_string(),
                Bytes(torrent.bytes).to_string(),
                torrent.licences.join(", "),
            ]);
        }
    }
    output.table(&table);
    let variants = all.iter().flat_map(|listed| &listed.torrents).flat_map(|torrent| &torrent.variants);
    if magnets {
        variants.for_each(|variant| output.line(format_args!("{}  {}", variant.path, variant.magnet)));
    }
}
