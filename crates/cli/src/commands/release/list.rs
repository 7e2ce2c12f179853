//! `fonoteca release list`: which releases there are.

use fonoteca_archive::health::{Health, Healths};
use fonoteca_archive::release::{Listed, ManifestTorrent, list};
use fonoteca_model::units::Bytes;

use crate::commands::Ended;
use crate::commands::feed::risk;
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
    let healths = Healths::read(&archive)?;
    if output.is_json() {
        for listed in &all {
            let mut told = serde_json::to_value(listed).expect("a list has nothing that JSON cannot hold");
            for (torrent, of) in listed.torrents.iter().zip(told["torrents"].as_array_mut().into_iter().flatten()) {
                of["health"] = serde_json::json!(health(&healths, torrent));
            }
            output.json(&told);
        }
    } else if all.is_empty() {
        output.note("there is no release yet: `fonoteca release build NAME` makes one");
    } else {
        print(output, &all, &healths, args.magnets);
    }
    Ok(Exit::Done)
}

fn health(healths: &Healths, torrent: &ManifestTorrent) -> Health {
    let web_seed = torrent.variants.iter().any(|variant| variant.magnet.contains("&ws="));
    healths.of(torrent.variants.iter().map(|variant| variant.infohash_v1), web_seed)
}

fn print(output: &Output, all: &[Listed], healths: &Healths, magnets: bool) {
    let mut table = Table::new(&[
        ("release", Align::Left),
        ("torrent", Align::Left),
        ("popularity", Align::Left),
        ("files", Align::Right),
        ("size", Align::Right),
        ("licences", Align::Left),
        ("at risk", Align::Left),
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
                risk(&health(healths, torrent)).to_owned(),
            ]);
        }
    }
    output.table(&table);
    let variants = all.iter().flat_map(|listed| &listed.torrents).flat_map(|torrent| &torrent.variants);
    if magnets {
        variants.for_each(|variant| output.line(format_args!("{}  {}", variant.path, variant.magnet)));
    }
}
