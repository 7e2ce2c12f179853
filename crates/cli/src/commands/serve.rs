//! `fonoteca serve`: stream to accounts, publish to everybody.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::sync::Arc;

use fonoteca_archive::error::said;
use fonoteca_archive::mirror::{PullReport, keep_following};
use fonoteca_archive::{Archive, ArchiveError};
use fonoteca_server::{Bound, SeederOptions, ServerOptions, serve};
use serde_json::json;
use tokio::task::JoinHandle;

use super::Ended;
use crate::context::Context;
use crate::environment;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::Output;
use crate::values;

/// Serve the archive: web page, Subsonic apps, feed and torrents
///
/// Accounts hear what their role allows, in a browser or any Subsonic app. Everybody may read the feed and fetch what
/// was released, over HTTP (web seeds) and BitTorrent. It listens on this machine only, unless told otherwise; put a
/// web server with TLS before it when others are to reach it. Feeds that were added with `mirror add` are followed, as
/// `mirror set` says. With `[fixity]` in archive.toml it checks what is held in
/// the background; `fonoteca verify --status` says how far.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fonoteca serve                                           http://127.0.0.1:4040/
  fonoteca serve --bittorrent 0.0.0.0:6881 --url https://music.example.org")]
pub struct Args {
    /// Where HTTP is listened for; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4040")]
    listen: SocketAddr,
    /// Where the BitTorrent seeder listens, or `off` [default: a free port beside --listen]
    #[arg(long, value_name = "ADDR|off")]
    bittorrent: Option<Seeding>,
    /// Bytes a second that the seeder sends at most, as in `2MB`; peers share it evenly [default: the one in archive.toml]
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    upload_limit: Option<u64>,
    /// The address under which others reach the server [default: the one in archive.toml]
    #[arg(long)]
    url: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum Seeding {
    Off,
    At(SocketAddr),
}

impl FromStr for Seeding {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            _ => text.parse().map(Self::At).map_err(|_| "write an address as in 0.0.0.0:6881, or off".to_owned()),
        }
    }
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let accounts = context.accounts(&archive).await?;
    let output = context.output();
    if accounts.users().await?.is_empty() {
        output.note("nobody can log in yet: `fonoteca user add NAME` makes an account");
    }
    let upload = args.upload_limit.or(archive.settings().serve.upload.map(|rate| rate.0));
    let options = ServerOptions {
        listen: args.listen,
        bittorrent: match args.bittorrent {
            None => Some(SocketAddr::new(args.listen.ip(), 0)),
            Some(Seeding::Off) => None,
            Some(Seeding::At(address)) => Some(address),
        },
        seeder: SeederOptions { bytes_per_second: upload.and_then(NonZeroU64::new), ..SeederOptions::default() },
        announce: archive.settings().serve.announce,
        minute_of_day: environment::minute_of_day,
        public_url: args.url.or_else(|| archive.settings().publish.url.clone()),
        ..ServerOptions::default()
    };
    context.interrupt().watch();
    let interrupt = context.interrupt().clone();
    let name = archive.name().to_owned();
    let ready = |bound: Bound| announce(output, &name, bound);
    let following = follow(context, &archive)?;
    serve(archive, accounts, options, ready, async move { interrupt.wait().await }).await?;
    following.abort();
    Ok(Exit::Done)
}

/// Follows the feeds that are mirrored. Reports are signed where the key is at hand.
fn follow(context: &Context, archive: &Archive) -> Result<JoinHandle<()>, CommandError> {
    let (keys, of) = (context.keys()?, archive.clone());
    let key = move || keys.signing_key(&of).ok().map(Arc::new);
    let tell = |mirror: &str, done: Result<PullReport, ArchiveError>| match done {
        Ok(report) if report.failed.is_empty() => {
            tracing::info!(mirror, serial = report.serial, blobs = report.blobs, "the mirror is up to date");
        }
        Ok(report) => {
            tracing::warn!(mirror, failed = report.failed.len(), "torrents of the mirror could not be fetched");
        }
        Err(error) => tracing::warn!(mirror, error = said(&error), "the mirror could not be brought up to date"),
    };
    let archive = archive.clone();
    Ok(tokio::spawn(async move {
        keep_following(&archive, Arc::new(key), environment::minute_of_day, Arc::new(tell)).await;
    }))
}

fn announce(output: &Output, name: &str, bound: Bound) {
    let url = format!("http://{}/", bound.http);
    let told = json!({
        "url": url,
        "http": bound.http.to_string(),
        "bittorrent": bound.bittorrent.map(|address| address.to_string()),
    });
    output.result(&told, |output| {
        output.line(format_args!("Serving {name:?} at {url}"));
        if let Some(address) = bound.bittorrent {
            output.line(format_args!("Seeding by BitTorrent at {address}"));
        }
        output.note("Ctrl-C stops it");
    });
}
