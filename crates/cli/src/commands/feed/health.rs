//! `fonoteca feed health`: who else has what is given out.

use fonoteca_archive::health::{Health, Healths, Risk, TrackerOptions, ask, mirrors};
use fonoteca_model::Timestamp;
use serde_json::json;

use super::Ended;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Align, Table};

/// Show who else has each torrent: seeders that trackers count, mirrors that report
///
/// `serve` asks the trackers every few hours; --ask does it now.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Ask the trackers that the torrents name first
    #[arg(long)]
    ask: bool,
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let archive = context.open().await?;
    let output = context.output();
    let mut all_answered = true;
    if args.ask {
        let progress = context.job();
        let report = ask(&archive, &TrackerOptions::default(), &progress).await?;
        drop(progress);
        all_answered = report.failed.is_empty();
        output.note(format_args!("{} trackers answered, {} counts", report.trackers, report.counted));
    }
    let healths = Healths::read(&archive)?;
    let feed = archive.own_feed()?;
    let mut table = Table::new(&[
        ("torrent", Align::Left),
        ("seeders", Align::Right),
        ("leechers", Align::Right),
        ("mirrors", Align::Right),
        ("last copy elsewhere", Align::Left),
        ("risk", Align::Left),
    ]);
    for torrent in feed.iter().flat_map(|feed| &feed.torrents) {
        let health = healths.of_listed(torrent);
        if output.is_json() {
            output.json(&json!({ "release": torrent.release, "torrent": torrent.name, "health": health }));
        }
        let number = |count: Option<u32>| count.map(|count| count.to_string()).unwrap_or_default();
        table.row([
            torrent.name.clone(),
            number(health.seeders),
            number(health.leechers),
            health.mirrors.to_string(),
            last_copy(&health),
            risk(&health).to_owned(),
        ]);
    }
    let reporting = mirrors(&archive)?;
    if output.is_json() {
        reporting.iter().for_each(|mirror| output.json(&json!({ "mirror": mirror })));
    } else {
        output.table(&table);
        for mirror in &reporting {
            let at = Timestamp::from_millis(mirror.at_ms);
            output.line(format_args!("mirror {} has {} torrents, said at {at}", mirror.key.id(), mirror.torrents));
        }
    }
    Ok(Exit::done_if(all_answered, Exit::SomeFailed))
}

fn last_copy(health: &Health) -> String {
    health.last_copy_ms.map(|at| Timestamp::from_millis(at).to_string()).unwrap_or_default()
}

/// What is at risk, in words; nothing where it is not.
pub fn risk(health: &Health) -> &'static str {
    match health.risk {
        Risk::None => "",
        Risk::Unknown => "nobody asked yet",
        Risk::WebSeedOnly => "web seed only",
        Risk::NoCopy => "no copy seen",
    }
}
