//! What goes on beside the requests: the index follows the tables, tracker and seeder follow what is published, and what is
//! held is checked when it is time; and trackers are asked who else has it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use fonoteca_archive::fixity::{Report, keep_checking};
use fonoteca_archive::{ArchiveError, Published, PublishedTorrent};
use fonoteca_model::{Sha1Hash, Silent};
use fonoteca_swarm::{Offer, Seeder, TrackerOptions};

use crate::app::App;

/// How soon a commit by another process is noticed.
const TURN: Duration = Duration::from_secs(2);

/// Runs until it is dropped.
pub(crate) async fn follow(app: App, seeder: Option<Arc<Seeder>>) {
    let mut offered: HashSet<Offer> = HashSet::new();
    let mut last: Option<Arc<Published>> = None;
    loop {
        if let Err(error) = app.archive.refresh_index().await {
            app.internal("bringing the index up to date", &error);
        }
        match app.archive.published().await {
            Ok(published) => {
                if last.as_ref().is_none_or(|last| !Arc::ptr_eq(last, &published)) {
                    offer(&app, seeder.as_deref(), &published, &mut offered);
                    last = Some(published);
                }
            }
            Err(error) => {
                app.internal("reading what is published", &error);
            }
        }
        tokio::time::sleep(TURN).await;
    }
}

/// Checks what is held as `archive.toml` says, until it is dropped.
pub(crate) async fn check(app: App) {
    let tell = |done: Result<Report, ArchiveError>| match done {
        Ok(report) if report.sound() => {
            tracing::info!(checked = report.checked, "every blob that was checked is sound");
        }
        Ok(report) => tracing::error!(
            pieces = report.damaged.len(),
            unreadable = report.unreadable.len(),
            missing = report.missing.len(),
            "blobs are damaged: `fonoteca verify --damaged --repair` makes them good from other copies"
        ),
        Err(error) => {
            app.internal("checking what is held", &error);
        }
    };
    keep_checking(&app.archive, app.archive.settings().fixity, app.options.minute_of_day, tell).await;
}

/// Asks the trackers of what is given out who else has it, every few hours, until it is dropped.
pub(crate) async fn count(app: App) {
    loop {
        tokio::time::sleep(app.options.count_every).await;
        match fonoteca_archive::health::ask(&app.archive, &TrackerOptions::default(), &Silent).await {
            Ok(report) => {
                for (_, reason) in report.failed {
                    tracing::warn!("{reason}");
                }
                tracing::info!(trackers = report.trackers, counted = report.counted, "asked who has the torrents");
            }
            Err(error) => {
                app.internal("asking who has the torrents", &error);
            }
        }
    }
}

/// The torrents that are seeded. One with something in it that has gone dark is offered to nobody, whole or in parts. One of
/// which only a part is here is given out as a web seed, for a seeder says that it has everything.
pub(crate) fn seeded(published: &Published) -> impl Iterator<Item = &PublishedTorrent> {
    published.torrents.values().map(Arc::as_ref).filter(|torrent| torrent.whole && torrent.may_distribute)
}

/// Makes tracker and seeder serve these torrents and no others. What stays is left alone, with its peers.
fn offer(app: &App, seeder: Option<&Seeder>, published: &Published, offered: &mut HashSet<Offer>) {
    let variants = seeded(published).flat_map(|torrent| &torrent.variants);
    let allowed: HashSet<Offer> = variants.map(|variant| variant.offer).collect();
    let hashes: HashSet<Sha1Hash> = allowed.iter().flat_map(Offer::info_hashes).collect();
    app.tracker.serve_only(&hashes);
    if let Some(seeder) = seeder {
        for gone in offered.difference(&allowed) {
            seeder.remove(&gone.key());
        }
        for new in allowed.difference(offered) {
            seeder.add(*new);
        }
    }
    *offered = allowed;
}
