//! `fonoteca mirror report`: tell the origin what is here.

use fonoteca_archive::health::{make_report, send_report};
use fonoteca_archive::mirror::Mirror;

use super::Ended;
use crate::commands::feed::signing_key;
use crate::confirm::Yes;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Table;

/// Tell the archive that is mirrored which of its torrents are here
///
/// So that it knows what is safe, and other mirrors what is rare. They learn this archive's public key and what is here of
/// those torrents, and nothing else. Nothing is ever reported unless you run this command, or say `mirror set report=true`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which mirror [default: the only one]
    name: Option<String>,
    #[command(flatten)]
    yes: Yes,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let mirror = Mirror::read(&archive, args.name.as_deref())?;
    let key = signing_key(context, &archive)?;
    let (report, signed) = make_report(&archive, &mirror, &key).await?;
    let output = context.output();
    let mut table = Table::facts();
    table.fact("to", &mirror.url);
    table.fact("from", &report.key);
    table.fact("serial", report.serial);
    table.fact("torrents whole", report.have.len());
    table.fact("torrents in part", report.parts.len());
    output.plan(&table);
    if !args.yes.or_ask(output, "Report it?")? {
        return Ok(Exit::Done);
    }
    send_report(&mirror, &signed).await?;
    output.result(&report, |output| output.line("reported"));
    Ok(Exit::Done)
}
