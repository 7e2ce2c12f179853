//! Asking the trackers of everything that is given out.

use std::collections::BTreeMap;

use fonoteca_model::Sha1Hash;
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_swarm::{TrackerOptions, scrape};
use serde::Serialize;

use super::database::Database;
use crate::archive::Archive;
use crate::error::ArchiveError;

/// Trackers asked in one round.
const MAX_TRACKERS: usize = 20;

/// What a round brought.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AskReport {
    /// Trackers that answered.
    pub trackers: u64,
    /// Swarms that were counted; one that two trackers count, counts twice.
    pub counted: u64,
    /// Trackers that did not answer, and why.
    pub failed: Vec<(String, String)>,
}

/// Asks the trackers that the torrents of the own feed and of mirrored releases name, and writes down what they count. A
/// tracker that does not answer is named; the others are asked all the same.
pub async fn ask(
    archive: &Archive,
    options: &TrackerOptions,
    progress: &dyn Progress,
) -> Result<AskReport, ArchiveError> {
    let published = archive.published().await?;
    let mut trackers: BTreeMap<String, Vec<Sha1Hash>> = BTreeMap::new();
    for variant in published.torrents.values().flat_map(|torrent| &torrent.variants) {
        for tracker in &variant.trackers {
            trackers.entry(tracker.clone()).or_default().push(variant.offer.key());
        }
    }
    let mut report = AskReport::default();
    progress.stage("asking trackers", Some(trackers.len() as u64), Unit::Items);
    // Those with the most torrents first.
    let mut order: Vec<(String, Vec<Sha1Hash>)> = trackers.into_iter().collect();
    order.sort_by_key(|(_, hashes)| std::cmp::Reverse(hashes.len()));
    for (tracker, hashes) in order.into_iter().take(MAX_TRACKERS) {
        if progress.cancelled() {
            return Err(ArchiveError::Cancelled);
        }
        match scrape(&tracker, &hashes, options).await {
            Ok(counts) => {
                report.trackers += 1;
                report.counted += counts.len() as u64;
                let (archive, now) = (archive.clone(), archive.now());
                tokio::task::spawn_blocking(move || Database::open(&archive)?.count(&tracker, &counts, now))
                    .await
                    .map_err(|error| ArchiveError::Bug(error.to_string()))??;
            }
            Err(error) => {
                progress.note(&error.to_string());
                report.failed.push((tracker, error.to_string()));
            }
        }
        progress.advance(1);
    }
    Ok(report)
}
