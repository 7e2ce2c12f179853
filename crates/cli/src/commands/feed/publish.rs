//! `fonoteca feed publish`: sign the feed, and write it where it is given out.

use std::path::PathBuf;

use fonoteca_archive::Archive;
use fonoteca_archive::feed::{self, ExportOptions, ExportReport, Plan, VALID_DAYS, WithFiles, export};
use fonoteca_model::units::Bytes;
use serde_json::{Value, json};

use super::{Ended, signing_key};
use crate::confirm::Yes;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Table;
use crate::values;

/// Sign the feed anew and put it where the server gives it out
///
/// The feed lists every torrent and every withdrawal. It is believed for some days only, so publish again before it
/// expires, even when nothing changed. The first time makes a signing key in your configuration folder: back it up,
/// for mirrors trust no other. With --to everything is written for a plain web server, too. To sign on another machine,
/// write what is to be signed with --unsigned, sign it there, and publish it with --signed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fonoteca feed publish --yes
  fonoteca feed publish --to /srv/www --with-files link --url https://music.example.org
  fonoteca feed publish --unsigned request && fonoteca feed sign --key my.key request
  fonoteca feed publish --signed request")]
pub struct Args {
    /// For how many days it is to be believed
    #[arg(long, value_name = "DAYS", default_value_t = VALID_DAYS)]
    #[arg(value_parser = clap::value_parser!(i64).range(1..=3650))]
    valid_days: i64,
    /// Write feed, RSS and torrents for a plain web server into this folder, too; only what changed is written
    #[arg(long, value_name = "DIR", conflicts_with = "unsigned")]
    to: Option<PathBuf>,
    /// The files as well, as a web seed: hard links (whoever changes one changes the archive's) or copies
    #[arg(long, value_name = "HOW", requires = "to", value_parser = values::with_files())]
    with_files: Option<WithFiles>,
    /// Where that folder is reached from outside, for RSS [default: the one in archive.toml]
    #[arg(long, value_name = "URL", requires = "to")]
    url: Option<String>,
    /// Write what is to be signed into this new folder, and publish nothing
    #[arg(long, value_name = "DIR", conflicts_with = "signed")]
    unsigned: Option<PathBuf>,
    /// Publish what was signed in this folder
    #[arg(long, value_name = "DIR")]
    signed: Option<PathBuf>,
    #[command(flatten)]
    yes: Yes,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let plan = feed::plan(&archive, args.valid_days).await?;
    let output = context.output();
    output.plan(&shown(&plan, args.to.as_ref()));
    if let Some(folder) = args.unsigned {
        let written = feed::unsigned(&archive, &plan, &folder)?;
        output.result(&written, |output| {
            output.line(format_args!("{} files to be signed are in {}", written.files.len(), folder.display()));
        });
        output.note(
            "sign them with `fonoteca feed sign --key FILE DIR` or `minisign -S`, then `feed publish --signed DIR`",
        );
        return Ok(Exit::Done);
    }
    if !args.yes.or_ask(output, "Publish it?")? {
        return Ok(Exit::Done);
    }
    let mut told = told(&plan);
    let (serial, expires) = (plan.serial, plan.expires);
    let path = match &args.signed {
        Some(folder) => feed::publish_signed(&archive, &plan, folder)?,
        None => {
            let key = signing_key(context, &archive)?;
            told["key"] = json!(key.public());
            feed::publish(&archive, plan, &key)?
        }
    };
    told["path"] = json!(path);
    let exported = match args.to {
        Some(to) => {
            let options = ExportOptions { to, with_files: args.with_files.unwrap_or(WithFiles::No), url: args.url };
            Some(write_out(context, &archive, &options).await?)
        }
        None => None,
    };
    told["exported"] = json!(exported);
    output.result(&told, |output| {
        output.line(format_args!("published serial {serial}, believed until {expires}"));
        if let Some(key) = told["key"].as_str() {
            output.line(format_args!("signed by {key}"));
        }
        if let Some(report) = &exported {
            output.line(format_args!(
                "{} files written, {}; {} unchanged, {} removed",
                report.written,
                Bytes(report.written_bytes),
                report.unchanged,
                report.removed
            ));
        }
    });
    Ok(Exit::Done)
}

async fn write_out(
    context: &Context,
    archive: &Archive,
    options: &ExportOptions,
) -> Result<ExportReport, CommandError> {
    let progress = context.job();
    let report = export(archive, options, &progress).await?;
    drop(progress);
    if !report.rss {
        context.output().note("without --url there is no RSS, which needs whole addresses");
    }
    Ok(report)
}

fn shown(plan: &Plan, to: Option<&PathBuf>) -> Table {
    let mut table = Table::facts();
    table.fact("serial", plan.serial);
    for (release, is_new) in &plan.releases {
        table.fact("release", if *is_new { format!("{release} (new)") } else { release.clone() });
    }
    table.fact("torrents", format_args!("{}, {}", plan.torrents, Bytes(plan.bytes)));
    for (torrent, reason) in &plan.left_out {
        table.fact("left out", format_args!("{torrent}: {reason}"));
    }
    table.fact("withdrawals", plan.withdrawals);
    table.fact("feed", format_args!("{}, of which {} are new", Bytes(plan.feed_bytes), Bytes(plan.update_bytes)));
    table.fact("believed until", plan.expires);
    if let Some(to) = to {
        table.fact("written to", to.display());
    }
    table
}

fn told(plan: &Plan) -> Value {
    json!({
        "serial": plan.serial,
        "releases": plan.releases.iter().map(|(release, _)| release).collect::<Vec<_>>(),
        "torrents": plan.torrents,
        "bytes": plan.bytes,
        "withdrawals": plan.withdrawals,
        "left_out": plan.left_out.iter().map(|(torrent, _)| torrent).collect::<Vec<_>>(),
        "feed_bytes": plan.feed_bytes,
        "update_bytes": plan.update_bytes,
        "expires_ms": plan.expires.as_millis(),
    })
}
