//! Telling trackers what is seeded (BEP 3), and asking them how many have a torrent (BEP 48): over HTTP, and BEP 15 over UDP.
//!
//! A tracker is asked one thing after the other, with a pause in between; one that fails is asked nothing more in this call.
//! What it says is foreign: answers are bounded, and counts of torrents that were not asked for are passed over.

mod announce;
mod http;
mod udp;

pub use announce::{Announcement, Event, TrackerClient};

use std::collections::HashMap;
use std::time::Duration;

use fonoteca_model::Sha1Hash;

/// How a tracker counts a swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Scraped {
    /// Peers that have all of it. The seeder of the archive that runs the tracker is not among them, where the tracker tells
    /// it apart.
    pub seeders: u32,
    /// Peers that fetch it.
    pub leechers: u32,
    /// Downloads that were completed.
    pub completed: u32,
}

/// How to ask.
#[derive(Debug, Clone)]
pub struct TrackerOptions {
    /// Torrents in one question; trackers take up to 74.
    pub batch: usize,
    /// Pause between two questions to one tracker.
    pub pause: Duration,
    /// Longest time for an answer.
    pub timeout: Duration,
}

impl Default for TrackerOptions {
    fn default() -> Self {
        Self { batch: 50, pause: Duration::from_millis(250), timeout: Duration::from_secs(15) }
    }
}

/// Why a tracker told nothing.
#[derive(Debug, thiserror::Error)]
pub enum TrackerError {
    /// The address is none that can be asked.
    #[error("{tracker}: it cannot be asked for counts: {problem}")]
    Address {
        /// The tracker's announce address.
        tracker: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// It could not be reached, or did not answer in time.
    #[error("{tracker}: it does not answer: {problem}")]
    Silent {
        /// The tracker's announce address.
        tracker: String,
        /// What happened.
        problem: String,
    },
    /// It answered something that is no answer.
    #[error("{tracker}: its answer is none: {problem}")]
    Answer {
        /// The tracker's announce address.
        tracker: String,
        /// What is wrong.
        problem: String,
    },
}

/// The counts of these swarms, as far as the tracker knows them; `tracker` is the announce address as in the torrent.
///
/// What was told before an error is lost with it: the caller asks again another time.
pub async fn scrape(
    tracker: &str,
    hashes: &[Sha1Hash],
    options: &TrackerOptions,
) -> Result<HashMap<Sha1Hash, Scraped>, TrackerError> {
    let mut client = TrackerClient::connect(tracker, options).await?;
    let mut found = HashMap::new();
    for (index, some) in hashes.chunks(options.batch.clamp(1, 74)).enumerate() {
        if index > 0 {
            tokio::time::sleep(options.pause).await;
        }
        found.extend(client.scrape(some).await?);
    }
    Ok(found)
}
