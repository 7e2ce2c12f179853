//! `fonoteca links undo`: take joins back.

use fonoteca_archive::identity::{plan_undo, undo};
use serde_json::json;

use super::Ended;
use crate::confirm::Yes;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Table};

/// Take joins back: what they joined stands apart again, for good
///
/// No later `links join` makes them again. Nothing is lost: rights, listens and playlists go on pointing where they
/// did.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  fonoteca links undo 0f3a9c5be1d24786a5b0c1d2e3f40516 --yes")]
pub struct Args {
    /// The links, by the ids that `links show` names
    #[arg(required = true, value_name = "LINK")]
    links: Vec<String>,
    #[command(flatten)]
    yes: Yes,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let plan = plan_undo(&archive, &args.links).await?;
    let output = context.output();
    let mut table = Table::new(&[
        ("what", Align::Left),
        ("stands apart again", Align::Left),
        ("from", Align::Left),
        ("was joined because of", Align::Left),
    ]);
    for one in &plan {
        table.row([one.entity.to_string(), one.from_id.to_string(), one.to_id.to_string(), one.reason.clone()]);
    }
    output.plan(&table);
    if !args.yes.or_ask(output, "Take them back?")? {
        return Ok(Exit::Done);
    }
    undo(&archive, &plan, context.person()).await?;
    output.result(&json!({"undone": plan}), |output| output.line(format_args!("{} joins taken back", plan.len())));
    Ok(Exit::Done)
}
