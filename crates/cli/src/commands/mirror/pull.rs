//! `fonoteca mirror pull`: fetch what is missing.

use std::net::SocketAddr;
use std::sync::Arc;

use fonoteca_archive::mirror::{Mirror, PullOptions, Via, pull};
use fonoteca_model::units::Bytes;

use super::Ended;
use crate::commands::feed::signing_key;
use crate::context::Context;
use crate::exit::Exit;
use crate::values;

/// Fetch what is missing, check it, and drop what was withdrawn
///
/// Interrupt it whenever you like and run it again: what was fetched is not fetched twice, and every blob is checked by
/// its hash before it counts.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  fonoteca mirror pull\n  fonoteca mirror pull vila-nova --via web-seed")]
pub struct Args {
    /// Which mirror [default: the only one]
    name: Option<String>,
    /// From whom to fetch [default: as `mirror set` says, or auto]
    #[arg(long, value_parser = values::via())]
    via: Option<Via>,
    /// Spend this much space instead of the mirror's own budget
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    budget: Option<u64>,
    /// Where to listen for peers meanwhile [default: nowhere, only connect to others]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// A peer to ask besides those that the tracker names; may be given several times
    #[arg(long, value_name = "ADDR")]
    peer: Vec<SocketAddr>,
    /// Find peers by DHT as well
    #[arg(long)]
    dht: bool,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let mut mirror = Mirror::read(&archive, args.name.as_deref())?;
    let key = if mirror.rules.report { Some(Arc::new(signing_key(context, &archive)?)) } else { None };
    let options = PullOptions {
        via: args.via,
        budget_bytes: args.budget,
        listen: args.listen,
        peers: args.peer,
        dht: args.dht,
        key,
        obey_only: false,
    };
    let progress = context.job();
    let report = pull(&archive, &mut mirror, &options, &progress).await?;
    drop(progress);
    context.output().result(&report, |output| {
        output.line(format_args!(
            "serial {}: {} torrents are whole now; {} blobs came in, {} fetched, {} resumed, {} found here; {} dropped, {} blobs \
             withdrawn, {} torrents failed",
            report.serial,
            report.torrents,
            report.blobs,
            Bytes(report.fetched_bytes),
            Bytes(report.resumed_bytes),
            Bytes(report.reused_bytes),
            Bytes(report.dropped_bytes),
            report.withdrawn,
            report.failed.len()
        ));
    });
    Ok(Exit::done_if(report.failed.is_empty(), Exit::SomeFailed))
}
