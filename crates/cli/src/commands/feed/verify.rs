//! `fonoteca feed verify`: is the feed one that mirrors believe?

use fonoteca_archive::feed;
use fonoteca_archive::keys::{parse_public, public_keys};
use serde_json::json;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;

/// Check the feed as a mirror would: signature, pages, serial, expiry
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A public key that may have signed it [default: those in archive.toml]
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let keys = if args.key.is_empty() {
        public_keys(&archive)?
    } else {
        args.key.iter().map(|key| parse_public(key)).collect::<Result<_, _>>()?
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
