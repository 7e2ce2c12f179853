//! `fonoteca rights withdraw`: take an item away from everybody.

use fonoteca_archive::rights::{plan_withdrawal, withdraw};
use fonoteca_model::rights::Subject;
use serde_json::json;

use super::Ended;
use crate::confirm::Yes;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Table;

/// Withdraw an item: keep it dark, and have every mirror drop it
///
/// For a takedown or any other wish of a rights holder. From now on it is found by no words, streamed to nobody and in
/// no new release; the next `feed publish` names it, and every mirror that follows the feed drops it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  fonoteca rights withdraw ZZFN32200005 --reason \"asked for by the artist, 22 November\""
)]
pub struct Args {
    /// What to withdraw
    #[arg(value_parser = super::subject)]
    subject: Subject,
    /// Why, for people; the feed tells it to mirrors
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    yes: Yes,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let plan = plan_withdrawal(&archive, &args.subject).await?;
    let output = context.output();
    let mut table = Table::facts();
    table.fact("withdraw", &plan.subject);
    table.fact("blobs that go dark", plan.roots.len());
    table.fact("of them published", plan.published);
    output.plan(&table);
    if !args.yes.or_ask(output, "Withdraw it?")? {
        return Ok(Exit::Done);
    }
    let decision = withdraw(&archive, &plan, context.person(), args.reason.as_deref()).await?;
    let done = json!({
        "decision": decision.id,
        "subject": plan.subject.to_string(),
        "roots": plan.roots,
        "published": plan.published,
    });
    output
        .result(&done, |output| output.line(format_args!("{} is withdrawn (decision {})", plan.subject, decision.id)));
    if plan.published > 0 {
        output.note("mirrors learn of it from the next `fonoteca feed publish`");
    }
    Ok(Exit::Done)
}
