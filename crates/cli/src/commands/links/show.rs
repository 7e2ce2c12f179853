//! `fonoteca links show`: why something is one with others.

use fonoteca_archive::identity::show;
use fonoteca_model::Id;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Table};

/// Show what a track, recording, artist or album is one with, and why
///
/// Ends with exit code 1 when nothing is joined to it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  fonoteca links show 6f1d2c3b4a596877")]
pub struct Args {
    /// Its id, 16 hex digits
    id: Id,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let shown = show(&archive, args.id).await?;
    let output = context.output();
    for one in &shown {
        output.result(one, |output| {
            output.line(output.strong(&format!("{} {}", one.entity, one.id)));
            let mut table = Table::new(&[
                ("id", Align::Left),
                ("source", Align::Left),
                ("name", Align::Left),
                ("because of", Align::Left),
                ("score", Align::Right),
                ("link", Align::Left),
            ]);
            for member in &one.members {
                let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "(gone)".to_owned());
                let link = member.link.as_ref();
                table.row([
                    member.id.to_string(),
                    text(&member.source),
                    text(&member.name),
                    link.map_or_else(String::new, |link| link.reason.clone()),
                    link.map_or_else(String::new, |link| format!("{:.2}", link.score)),
                    link.map_or_else(String::new, |link| link.id.clone()),
                ]);
            }
            output.table(&table);
            output.line("");
        });
    }
    if shown.is_empty() {
        output.note(format_args!("no link joins {} to anything", args.id));
    }
    Ok(Exit::done_if(!shown.is_empty(), Exit::SomeFailed))
}
