//! `fonoteca rights opt-out`: reserve an item from text and data mining.

use fonoteca_archive::rights::{Statement, set, show};
use fonoteca_model::rights::{Basis, ClaimStatus, Decision, Subject};

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;

/// Record that a rights holder opted out of text and data mining
///
/// The item stays where it is, streamed and released as before, but goes into no dataset.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  fonoteca rights opt-out artist:6f1d2c3b4a596877 --note \"letter of 3 May\"")]
pub struct Args {
    /// What the opt-out is about
    #[arg(value_parser = super::subject)]
    subject: Subject,
    /// Whose right it is
    #[arg(long)]
    holder: Option<String>,
    /// A remark for people
    #[arg(long)]
    note: Option<String>,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let decision = Decision {
        status: ClaimStatus::OptOut,
        holder: args.holder,
        ..Decision::draft(args.subject.clone(), Basis::Unknown, context.person())
    };
    let statement = Statement { note: args.note, ..Statement::from(decision) };
    set(&archive, &[statement]).await?;
    super::show::print_all(context.output(), &show(&archive, &args.subject).await?);
    Ok(Exit::Done)
}
