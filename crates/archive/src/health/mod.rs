//! Who else has what this archive gives out: what trackers count and what mirrors report, kept in `state/health.sqlite`.
//!
//! A torrent is at risk when nobody but this archive was seen with a whole copy of it for some time. What is counted is what
//! others say: a tracker may be wrong, and so may a mirror; nothing here proves that bytes are there.

mod ask;
mod database;
mod report;

use std::collections::HashMap;

use fonoteca_model::{Sha1Hash, Timestamp};
use fonoteca_torrent::feed::{FeedTorrent, PublicKey, Seeders};
use serde::Serialize;

pub use ask::{AskReport, ask};
pub use fonoteca_swarm::TrackerOptions;
pub(crate) use report::read_report;
pub use report::{
    Accepted, MAX_REPORT_BYTES, PartSet, PartsOf, Report, ReportRefused, Reports, SignedReport, make_report, reports,
    send_report, take_report,
};

use crate::archive::Archive;
use crate::error::ArchiveError;
use database::Database;

/// Days without a copy elsewhere after which a torrent is at risk.
pub const RISK_DAYS: i64 = 14;
/// How far in the future something may have been seen; a clock that was wrong then does not make a copy out of it.
const SKEW_SECONDS: i64 = 3600;

/// How a torrent fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Somebody else has been seen with all of it lately.
    None,
    /// Nobody has been asked yet.
    Unknown,
    /// Only the web seed has it, as far as anybody saw.
    WebSeedOnly,
    /// Nobody was seen with all of it, and it names no web seed.
    NoCopy,
}

/// What is known of one torrent, all its variants taken together.
#[derive(Debug, Clone, Serialize)]
pub struct Health {
    /// Seeders besides this archive, at the last count; the best of its variants, since one peer may seed both.
    pub seeders: Option<u32>,
    /// Peers that fetch it, likewise.
    pub leechers: Option<u32>,
    /// When they were counted, in milliseconds since 1970.
    pub counted_ms: Option<i64>,
    /// Mirrors that reported to have all of it within [`RISK_DAYS`].
    pub mirrors: u32,
    /// Mirrors that reported to have some of it within [`RISK_DAYS`].
    pub mirrors_in_part: u32,
    /// Of its 64 parts, those that no mirror reported to have within [`RISK_DAYS`].
    pub parts_lacking: u32,
    /// When somebody else was last seen with all of it, in milliseconds since 1970.
    pub last_copy_ms: Option<i64>,
    /// What follows.
    pub risk: Risk,
}

/// What is known of all torrents.
#[derive(Debug, Clone, Default)]
pub struct Healths {
    of: HashMap<Sha1Hash, database::Seen>,
    now: Timestamp,
}

impl Healths {
    /// Reads what was heard so far.
    pub fn read(archive: &Archive) -> Result<Self, ArchiveError> {
        let now = archive.now();
        let Some(database) = Database::open_existing(archive)? else {
            return Ok(Self { of: HashMap::new(), now });
        };
        let since = now.plus_seconds(-RISK_DAYS * 86_400);
        Ok(Self { of: database.seen(since, now.plus_seconds(SKEW_SECONDS))?, now })
    }

    /// What is known of the torrent whose variants have these v1 info-hashes.
    pub fn of(&self, variants: impl IntoIterator<Item = Sha1Hash>, has_web_seed: bool) -> Health {
        let mut all = database::Seen::default();
        for seen in variants.into_iter().filter_map(|hash| self.of.get(&hash)) {
            all.add(seen);
        }
        let since = self.now.plus_seconds(-RISK_DAYS * 86_400);
        // Mirrors that have all of it between them are as good as one.
        let risk = if all.last_copy.is_some_and(|at| at >= since) || all.parts == u64::MAX {
            Risk::None
        } else if all.counted.is_none() && all.last_copy.is_none() && all.in_part == 0 {
            Risk::Unknown
        } else if has_web_seed {
            Risk::WebSeedOnly
        } else {
            Risk::NoCopy
        };
        Health {
            seeders: all.counted.map(|counted| counted.seeders),
            leechers: all.counted.map(|counted| counted.leechers),
            counted_ms: all.counted.map(|counted| counted.at.as_millis()),
            mirrors: all.mirrors,
            mirrors_in_part: all.in_part,
            parts_lacking: if all.mirrors > 0 { 0 } else { all.parts.count_zeros() },
            last_copy_ms: all.last_copy.map(Timestamp::as_millis),
            risk,
        }
    }

    /// What is known of a torrent of a feed.
    pub fn of_listed(&self, torrent: &FeedTorrent) -> Health {
        let web_seed = torrent.variants.iter().any(|variant| variant.magnet.contains("&ws="));
        self.of(torrent.variants.iter().map(|variant| variant.infohash_v1), web_seed)
    }
}

/// A mirror that reports.
#[derive(Debug, Clone, Serialize)]
pub struct ReportingMirror {
    /// Its key.
    pub key: PublicKey,
    /// The serial that it has read.
    pub serial: u64,
    /// When it reported, in milliseconds since 1970.
    pub at_ms: i64,
    /// Torrents that it has whole.
    pub torrents: u64,
}

/// The mirrors that reported, the latest first.
pub fn mirrors(archive: &Archive) -> Result<Vec<ReportingMirror>, ArchiveError> {
    match Database::open_existing(archive)? {
        Some(database) => database.mirrors(),
        None => Ok(Vec::new()),
    }
}

/// How often each swarm was counted, a line a day: `(day, seeders, leechers)`, the oldest first.
pub fn history(archive: &Archive, hash: Sha1Hash) -> Result<Vec<(i64, u32, u32)>, ArchiveError> {
    match Database::open_existing(archive)? {
        Some(database) => database.history(hash),
        None => Ok(Vec::new()),
    }
}

/// The last count of each swarm, for the feed.
pub(crate) fn seeders(archive: &Archive) -> Result<HashMap<Sha1Hash, Seeders>, ArchiveError> {
    let healths = Healths::read(archive)?;
    let counted = healths.of.into_iter().filter_map(|(hash, seen)| {
        let counted = seen.counted?;
        Some((hash, Seeders { count: counted.seeders, as_of: Timestamp::from_millis(counted.at.as_millis()) }))
    });
    Ok(counted.collect())
}
