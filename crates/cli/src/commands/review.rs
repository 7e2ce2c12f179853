//! `fonoteca review`: which tracks of the catalogue the held ones may be, for a person to decide.

use clap::builder::PossibleValuesParser;
use fonoteca_archive::matching::{Candidate, Doubt, PairId, Rule, Side, decide, pairs_by_rule, review};
use fonoteca_model::units::Duration;
use serde_json::json;

use super::Ended;
use crate::confirm::Yes;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::{Align, Output, Table};

/// List held tracks that may be tracks of the catalogue, and decide about them
///
/// What is sure is joined when it comes in, and by `links join`: the same MusicBrainz id, ISRC, barcode and place on the
/// album, or artist, title and duration. What is left over and has candidates is listed here, the likeliest first, each
/// with a reason, a score and an id to accept or refuse it by. A pair that was refused is never asked about again.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  fonoteca review
  fonoteca review accept 6f1d2c3b4a596877-0a1b2c3d4e5f6071
  fonoteca review accept --reason isrc --min-score 0.95
  fonoteca review refuse --reason artist-title-duration"
)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    rule: RuleArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Say that a held track and one of the catalogue are one recording
    ///
    /// By rule, only the likeliest candidate of each track is accepted, and only where no other is as likely.
    Accept(DecideArgs),
    /// Say that they are two recordings; they are never joined or asked about again
    Refuse(DecideArgs),
}

#[derive(Debug, clap::Args)]
struct RuleArgs {
    /// Only for this reason
    #[arg(long, value_parser = reasons())]
    reason: Option<String>,
    /// Only if at least as sure, 0 to 1
    #[arg(long, value_name = "SCORE", value_parser = score)]
    min_score: Option<f64>,
}

#[derive(Debug, clap::Args)]
struct DecideArgs {
    /// The pairs, by the ids that `review` names
    #[arg(value_name = "ID", required_unless_present_any = ["reason", "min_score"], conflicts_with_all = ["reason", "min_score"])]
    pairs: Vec<PairId>,
    #[command(flatten)]
    rule: RuleArgs,
    #[command(flatten)]
    yes: Yes,
}

fn reasons() -> PossibleValuesParser {
    PossibleValuesParser::new(["mbid", "isrc", "upc-position", "artist-title-duration"])
}

fn score(text: &str) -> Result<f64, String> {
    let score = text.parse().ok().filter(|score| (0.0..=1.0).contains(score));
    score.ok_or_else(|| "write a score from 0 to 1, as in 0.95".to_owned())
}

impl RuleArgs {
    fn rule(self) -> Rule {
        Rule { reason: self.reason, min_score: self.min_score.unwrap_or(0.0) }
    }
}

pub async fn run(args: Args, context: &Context) -> Ended {
    match args.command {
        None => list(&args.rule.rule(), context).await,
        Some(Command::Accept(args)) => settle(args, true, context).await,
        Some(Command::Refuse(args)) => settle(args, false, context).await,
    }
}

async fn list(rule: &Rule, context: &Context) -> Ended {
    let archive = context.open().await?;
    let progress = context.job();
    let output = context.output();
    let mut count = 0u64;
    review(&archive, &progress, &mut |mut doubt: Doubt| {
        doubt.candidates.retain(|candidate| rule.holds(candidate));
        if !doubt.candidates.is_empty() {
            count += 1;
            output.result(&doubt, |output| print(output, &doubt));
        }
    })
    .await?;
    drop(progress);
    output.note(format_args!("{count} held tracks may be tracks of the catalogue"));
    Ok(Exit::Done)
}

async fn settle(args: DecideArgs, one: bool, context: &Context) -> Ended {
    let archive = context.open().await?;
    let output = context.output();
    let rule = args.pairs.is_empty().then(|| args.rule.rule());
    let progress = context.job();
    let found = pairs_by_rule(&archive, &args.pairs, rule.as_ref(), one, &progress).await?;
    drop(progress);
    if rule.is_some() {
        let mut table = Table::new(&[("held", Align::Left), ("catalogue", Align::Left), ("because of", Align::Left)]);
        for (doubt, decision) in &found {
            let candidate = doubt.candidates.iter().find(|candidate| candidate.id == decision.id);
            let candidate = candidate.ok_or_else(|| CommandError::usage("a pair is gone: run the same again"))?;
            let why = format!("{} {:.2}", candidate.reason, candidate.score);
            table.row([named(&doubt.held), named(&candidate.candidate), why]);
        }
        output.plan(&table);
        if found.is_empty() {
            output.note("nothing in doubt is so");
            return Ok(Exit::Done);
        }
        let question = if one { "Are they one?" } else { "Are they two?" };
        if !args.yes.or_ask(output, &format!("{} pairs. {question}", found.len()))? {
            return Ok(Exit::Done);
        }
    }
    let ids: Vec<PairId> = found.iter().map(|(_, decision)| decision.id).collect();
    let decided = decide(&archive, found.into_iter().map(|(_, decision)| decision).collect(), context.person()).await?;
    let word = if one { "accepted" } else { "refused" };
    output.result(&json!({ word: ids, "decided": decided }), |output| {
        output.line(format_args!("{decided} pairs {word}"));
    });
    Ok(Exit::Done)
}

fn named(side: &Side) -> String {
    let length = side.duration_ms.map_or_else(String::new, |length| format!(" ({})", Duration(length)));
    format!("{} – {}{length}", side.artist, side.title)
}

fn print(output: &Output, doubt: &Doubt) {
    output.line(output.strong(&named(&doubt.held)));
    let mut table = Table::new(&[
        ("may be", Align::Left),
        ("source", Align::Left),
        ("because of", Align::Left),
        ("score", Align::Right),
        ("id", Align::Left),
    ]);
    for Candidate { id, reason, score, candidate, .. } in &doubt.candidates {
        table.row([
            named(candidate),
            candidate.source.clone(),
            (*reason).to_owned(),
            format!("{score:.2}"),
            id.to_string(),
        ]);
    }
    output.table(&table);
    output.line("");
}
