//! `fonoteca rights set`: record a decision.

use std::path::PathBuf;

use fonoteca_archive::rights::{Statement, set, show};
use fonoteca_model::Timestamp;
use fonoteca_model::rights::{Basis, Decision, Layer, Subject, Use};

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::values;

/// Record why an item may be held and what may be done with it
///
/// The new decision takes the place of earlier ones on the same subject and layer. A withdrawal, a dispute or an
/// opt-out stays until --supersede names it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fonoteca rights set ZZFN32200005 --basis licensed --license CC-BY-4.0
  fonoteca rights set label:Patio -b permission --permit distribute --evidence letter.pdf")]
pub struct Args {
    /// What the decision is about
    #[arg(value_parser = super::subject)]
    subject: Subject,
    /// Why the archive may hold it
    #[arg(long, short, value_name = "BASIS", value_parser = values::basis())]
    basis: Basis,
    /// The licence: an SPDX id or a URI
    #[arg(long, short, visible_alias = "licence")]
    license: Option<String>,
    /// Which right
    #[arg(long, default_value = "recording", value_parser = values::layer())]
    layer: Layer,
    /// What a permission grants, besides streaming to accounts; may be given several times
    #[arg(long, value_name = "USE", value_parser = values::granted())]
    permit: Vec<Use>,
    /// The document that proves it; it is kept in the archive
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
    /// Whose right it is
    #[arg(long)]
    holder: Option<String>,
    /// The credit to give
    #[arg(long)]
    attribution: Option<String>,
    /// Where it holds, as ISO 3166 codes [default: everywhere]
    #[arg(long)]
    territory: Option<String>,
    /// From when it holds: 2026-11-22
    #[arg(long, value_name = "DATE", value_parser = values::moment)]
    from: Option<Timestamp>,
    /// Until when it holds: 2027-11-22
    #[arg(long, value_name = "DATE", value_parser = values::moment)]
    until: Option<Timestamp>,
    /// A decision that this one takes the place of, by its id
    #[arg(long, value_name = "ID")]
    supersede: Option<String>,
    /// A remark for people
    #[arg(long)]
    note: Option<String>,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let decision = Decision {
        licence: args.license,
        layer: args.layer,
        permits: args.permit,
        holder: args.holder,
        attribution: args.attribution,
        territory: args.territory,
        from: args.from,
        until: args.until,
        ..Decision::draft(args.subject.clone(), args.basis, context.person())
    };
    let statement = Statement { decision, evidence: args.evidence, supersede: args.supersede, note: args.note };
    set(&archive, &[statement]).await?;
    // What follows is what matters: another decision may still keep the item dark.
    super::show::print_all(context.output(), &show(&archive, &args.subject).await?);
    Ok(Exit::Done)
}
