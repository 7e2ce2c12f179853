//! `fonoteca feed`: tell the world what there is.

use fonoteca_archive::keys::{parse_public, public_keys};
use fonoteca_archive::{Archive, feed};
use fonoteca_model::units::Bytes;
use fonoteca_torrent::feed::SigningKey;
use serde_json::json;

use super::Ended;
use crate::confirm::Yes;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Table;

/// Publish the signed list of releases and withdrawals that mirrors follow
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Sign the feed anew and put it where the server gives it out
    ///
    /// The feed lists every torrent and every withdrawal. It is believed for some days only, so publish again before it
    /// expires, even when nothing changed. The first time makes a signing key in your configuration folder: back it up,
    /// for mirrors trust no other.
    #[command(after_help = "Example:\n  fonoteca feed publish --yes")]
    Publish {
        /// For how many days it is to be believed
        #[arg(long, value_name = "DAYS", default_value_t = feed::VALID_DAYS)]
        #[arg(value_parser = clap::value_parser!(i64).range(1..=3650))]
        valid_days: i64,
        #[command(flatten)]
        yes: Yes,
    },
    /// Check the feed as a mirror would: signature, serial, expiry
    Verify {
        /// A public key that may have signed it [default: those in archive.toml]
        #[arg(long, value_name = "KEY")]
        key: Vec<String>,
    },
}

pub async fn run(command: Command, context: &Context) -> Ended {
    match command {
        Command::Publish { valid_days, yes } => publish(valid_days, yes, context).await,
        Command::Verify { key } => verify(&key, context).await,
    }
}

async fn publish(valid_days: i64, yes: Yes, context: &Context) -> Ended {
    let archive = context.open().await?;
    let plan = feed::plan(&archive, valid_days).await?;
    let output = context.output();
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
    table.fact("believed until", plan.expires);
    output.plan(&table);
    if !yes.or_ask(output, "Publish it?")? {
        return Ok(Exit::Done);
    }
    let (serial, expires) = (plan.serial, plan.expires);
    let mut told = json!({
        "serial": serial,
        "releases": plan.releases.iter().map(|(release, _)| release).collect::<Vec<_>>(),
        "torrents": plan.torrents,
        "bytes": plan.bytes,
        "withdrawals": plan.withdrawals,
        "left_out": plan.left_out.iter().map(|(torrent, _)| torrent).collect::<Vec<_>>(),
        "expires_ms": expires.as_millis(),
    });
    let key = signing_key(context, &archive)?;
    let path = feed::publish(&archive, plan, &key)?;
    told["key"] = json!(key.public());
    told["path"] = json!(path);
    output.result(&told, |output| {
        output.line(format_args!("published serial {serial}, believed until {expires}"));
        output.line(format_args!("signed by {}", key.public()));
    });
    Ok(Exit::Done)
}

async fn verify(keys: &[String], context: &Context) -> Ended {
    let archive = context.open().await?;
    let keys = if keys.is_empty() {
        public_keys(&archive)?
    } else {
        keys.iter().map(|key| parse_public(key)).collect::<Result<_, _>>()?
    };
    let feed = feed::verify(&archive, &keys)?;
    let told = json!({
        "serial": feed.serial,
        "published_ms": feed.published.as_millis(),
        "expires_ms": feed.expires.as_millis(),
        "torrents": feed.torrents.len(),
        "withdrawals": feed.withdrawals.len(),
        "keys": feed.keys,
    });
    context.output().result(&told, |output| {
        output.line(format_args!(
            "the feed is good: serial {}, {} torrents, {} withdrawals, believed until {}",
            feed.serial,
            feed.torrents.len(),
            feed.withdrawals.len(),
            feed.expires
        ));
    });
    Ok(Exit::Done)
}

/// The key that signs for the archive. The first one is announced, since nobody can make it again.
pub(super) fn signing_key(context: &Context, archive: &Archive) -> Result<SigningKey, CommandError> {
    let is_first = public_keys(archive)?.is_empty();
    let key = context.keys()?.signing_key(archive)?;
    if is_first {
        let folder = context.keys_folder()?;
        context.output().note(format_args!(
            "a signing key was made in {}: back it up, for mirrors will trust no other",
            folder.display()
        ));
    }
    Ok(key)
}
