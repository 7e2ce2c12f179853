//! `fonoteca release build`: make the torrents.

use fonoteca_archive::release::{Manifest, build, plan};
use fonoteca_model::units::Bytes;
use serde_json::json;

use super::choosing::{Choosing, Cutting, Naming, options};
use super::plan::{summary, tables};
use crate::commands::Ended;
use crate::commands::feed::release_key;
use crate::confirm::Yes;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Output, Table};

/// Build a release: torrents, magnets and a signed manifest
///
/// Each torrent comes in two variants made from the same hashes: a hybrid for BitTorrent v1 and v2, and a v1-only twin
/// for clients that cannot read hybrids. Nothing leaves the archive before `fonoteca feed publish`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  fonoteca release build 2026-11 --url https://music.example.org")]
pub struct Args {
    /// The release's name: letters, digits, `-`, `_` and `.`
    name: String,
    #[command(flatten)]
    choosing: Choosing,
    #[command(flatten)]
    cutting: Cutting,
    #[command(flatten)]
    naming: Naming,
    #[command(flatten)]
    yes: Yes,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let options = options(&archive, args.name, args.choosing, args.cutting, Some(args.naming))?;
    let planned = plan(&archive, &options).await?;
    let output = context.output();
    for table in tables(&planned) {
        output.plan(&table);
    }
    // A release of nothing is refused by the archive, with its reasons; there is nothing to ask about.
    if planned.files() > 0 {
        output.note(summary(&planned));
        if let Some(tail) = planned.tail.filter(|tail| tail.lacking > 0) {
            output.note(format_args!("{} copies are lacking: `fonoteca release prepare` makes them", tail.lacking));
        }
        if options.outside.url.is_none() {
            output.note("without --url the torrents name neither a tracker nor a web seed");
        }
        if !args.yes.or_ask(output, "Build it?")? {
            return Ok(Exit::Done);
        }
    }
    let key = release_key(context, &archive)?;
    let progress = context.job();
    let manifest = build(&archive, &options, &key, &progress).await?;
    drop(progress);
    let folder = archive.releases_path().join(&manifest.release);
    let told = json!({
        "release": manifest.release,
        "path": folder,
        "torrents": manifest.torrents,
        "left_out": manifest.left_out,
    });
    output.result(&told, |output| {
        print(output, &manifest);
        output.line(format_args!("built in {}", folder.display()));
    });
    output.note("`fonoteca feed publish` tells the world");
    Ok(Exit::Done)
}

fn print(output: &Output, manifest: &Manifest) {
    let mut table = Table::new(&[("torrent", Align::Left), ("files", Align::Right), ("size", Align::Right)]);
    for torrent in &manifest.torrents {
        table.row([torrent.name.clone(), torrent.files.to_string(), Bytes(torrent.bytes).to_string()]);
    }
    output.table(&table);
}
