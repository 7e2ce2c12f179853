//! `fonoteca mirror plan`: what a pull would fetch.

use fonoteca_archive::mirror::{Mirror, PlannedTorrent, plan};
use fonoteca_model::units::Bytes;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Table};
use crate::values;

/// Show what a pull would fetch, in order
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which mirror [default: the only one]
    name: Option<String>,
    /// Plan with this much space instead of the mirror's own budget
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    budget: Option<u64>,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let mut mirror = Mirror::read(&archive, args.name.as_deref())?;
    let plan = plan(&archive, &mut mirror, args.budget).await?;
    context.output().result(&plan, |output| {
        let mut table = Table::new(&[
            ("torrent", Align::Left),
            ("popularity", Align::Left),
            ("size", Align::Right),
            ("", Align::Left),
        ]);
        for torrent in &plan.torrents {
            table.row(row(torrent, if torrent.held { "held" } else { "to fetch" }));
        }
        for torrent in &plan.beyond_budget {
            table.row(row(torrent, "beyond the budget"));
        }
        output.table(&table);
        output.line(format_args!("{} of {} are here", Bytes(plan.have_bytes), Bytes(plan.want_bytes)));
    });
    Ok(Exit::Done)
}

fn row(torrent: &PlannedTorrent, state: &str) -> [String; 4] {
    let popularity = torrent.popularity.map(|[high, low]| format!("{high} to {low}")).unwrap_or_default();
    [torrent.name.clone(), popularity, Bytes(torrent.bytes).to_string(), state.to_owned()]
}
