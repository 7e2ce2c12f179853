//! `fonoteca rights show`: what may be done with an item, and why.

use fonoteca_archive::rights::{Shown, show};
use fonoteca_model::rights::Subject;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Output, Table};

/// Show what may be done with an item, and which decisions say so
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  fonoteca rights show ZZFN32200005\n  fonoteca rights show label:\"Patio Records\""
)]
pub struct Args {
    /// What to show: each blob that belongs to it is shown
    #[arg(value_parser = super::subject)]
    subject: Subject,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    print_all(context.output(), &show(&archive, &args.subject).await?);
    Ok(Exit::Done)
}

/// Prints what follows for each item.
pub(super) fn print_all(output: &Output, all: &[Shown]) {
    for shown in all {
        output.result(shown, |output| print(output, shown));
    }
}

fn print(output: &Output, shown: &Shown) {
    let mut table = Table::facts();
    table.fact("subject", &shown.subject);
    let licence = shown.spdx.as_ref().or(shown.licence.as_ref());
    table.fact("basis", licence.map_or(shown.basis.to_string(), |licence| format!("{}, {licence}", shown.basis)));
    table.fact("streamed to", shown.stream_to);
    let may: Vec<&str> = shown.uses.iter().filter(|(_, allowed)| **allowed).map(|(word, _)| *word).collect();
    table.fact("may", if may.is_empty() { "be kept and checked, nothing else".to_owned() } else { may.join(", ") });
    for why in &shown.why {
        table.fact("because", why);
    }
    for decision in &shown.decisions {
        let said = format!("{} {} {} by {}", decision.at, decision.status, decision.basis, decision.asserted_by);
        table.fact("decision", format!("{}  {said}", decision.id));
    }
    output.table(&table);
    output.line("");
}
