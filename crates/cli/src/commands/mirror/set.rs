//! `fonoteca mirror set`: how much a mirror may take, of what, and when.

use std::fmt::Write as _;

use fonoteca_archive::mirror::{KEYS, Mirror, move_to};

use super::Ended;
use crate::commands::feed::signing_key;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Table};

/// Say how much a mirror may take, of what, and when
///
/// Without settings it shows them. They are kept in archive.toml, under `[mirrors.NAME]`; a server that runs goes by them
/// from its next look at the feed on. KEY= with nothing behind it takes a setting away; a list is parted by commas.
#[derive(Debug, clap::Args)]
#[command(after_help = keys())]
pub struct Args {
    /// Settings, as in budget=4TB strategy=rarest
    #[arg(value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Which mirror [default: the only one]
    #[arg(long, value_name = "NAME")]
    mirror: Option<String>,
    /// Follow the feed at another address from now on; it must go on from what was believed so far
    #[arg(long)]
    url: Option<String>,
}

/// The settings, for the help.
fn keys() -> String {
    let mut text = "Settings:\n".to_owned();
    for key in KEYS {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {:<10} {} (as in {})", key.name, key.meaning.replace('`', ""), key.example);
    }
    text.push_str(
        "\nExamples:\n  fonoteca mirror set budget=4TB strategy=rarest report=true\n  \
         fonoteca mirror set only=genre:jazz,licence:CC0-1.0 hours=01:00-06:00\n",
    );
    text
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let mut mirror = Mirror::read(&archive, args.mirror.as_deref())?;
    let mut rules = mirror.rules.clone();
    for setting in &args.settings {
        rules = rules.with(setting)?;
    }
    if let Some(url) = &args.url {
        move_to(&archive, &mut mirror, url).await?;
    }
    if rules.report && !mirror.rules.report {
        signing_key(context, &archive)?;
    }
    if rules != mirror.rules {
        rules.write(&archive, &mirror.name)?;
    }
    let output = context.output();
    output.result(&rules, |output| {
        let mut table = Table::new(&[("setting", Align::Left), ("value", Align::Left)]);
        table.row(["url".to_owned(), mirror.url.clone()]);
        for (name, value) in rules.said() {
            table.row([name, value]);
        }
        output.table(&table);
    });
    if rules.report != mirror.rules.report && rules.report {
        output.note("with each pull the origin is told, under this archive's key, which of its torrents are here");
    }
    Ok(Exit::Done)
}
