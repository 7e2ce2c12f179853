//! `fonoteca mirror plan`: what a pull would fetch and drop.

use fonoteca_archive::mirror::{Mirror, PARTS, PlannedTorrent, plan};
use fonoteca_model::units::Bytes;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Table};
use crate::values;

/// Show what a pull would fetch, in order, and what it would drop
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
            ("size", Align::Right),
            ("here", Align::Right),
            ("wanted", Align::Right),
            ("", Align::Left),
            ("why", Align::Left),
        ]);
        for torrent in &plan.torrents {
            table.row(row(torrent, if torrent.held { "held" } else { "to fetch" }));
        }
        for going in &plan.drop {
            let bytes = Bytes(going.bytes).to_string();
            let name = format!("{} ({} of {PARTS} parts)", going.name, going.parts);
            table.row([name, String::new(), bytes, "0 B".to_owned(), "to drop".to_owned(), going.why.clone()]);
        }
        for torrent in &plan.beyond_budget {
            table.row(row(torrent, "left"));
        }
        output.table(&table);
        let budget = plan.budget_bytes.map_or_else(String::new, |budget| format!(", budget {}", Bytes(budget)));
        output.line(format_args!("{} of {} are here{budget}", Bytes(plan.have_bytes), Bytes(plan.want_bytes)));
        if plan.drop_bytes > 0 {
            output.line(format_args!("{} would be dropped first", Bytes(plan.drop_bytes)));
        }
    });
    Ok(Exit::Done)
}

fn row(torrent: &PlannedTorrent, state: &str) -> [String; 6] {
    let bytes = |bytes| Bytes(bytes).to_string();
    [
        torrent.name.clone(),
        bytes(torrent.bytes),
        bytes(torrent.have_bytes),
        bytes(torrent.want_bytes),
        state.to_owned(),
        torrent.why.clone(),
    ]
}
