//! What a pull would fetch.

use std::collections::{BTreeSet, HashMap};

use fonoteca_torrent::feed::{Feed, FeedTorrent, Role};
use serde::Serialize;

use super::{Mirror, follow, pull};
use crate::archive::Archive;
use crate::error::ArchiveError;

/// One torrent of a plan.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedTorrent {
    /// Its release.
    pub release: String,
    /// Its name.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// Highest and lowest popularity; none for metadata.
    pub popularity: Option<[u64; 2]>,
    /// It is whole already.
    pub held: bool,
}

/// What a pull would fetch, in order.
#[derive(Debug, Clone, Serialize)]
pub struct Plan {
    /// The mirror.
    pub mirror: String,
    /// The feed's serial.
    pub serial: u64,
    /// What is inside the budget, in the order in which it is fetched.
    pub torrents: Vec<PlannedTorrent>,
    /// Bytes that are here already.
    pub have_bytes: u64,
    /// Bytes that are to be here in the end.
    pub want_bytes: u64,
    /// Torrents that the budget has no room for.
    pub beyond_budget: Vec<PlannedTorrent>,
}

/// Reads the feed and plans: metadata first, then audio, most popular first, as far as the budget goes.
pub async fn plan(archive: &Archive, mirror: &mut Mirror, budget_bytes: Option<u64>) -> Result<Plan, ArchiveError> {
    let feed = follow::refresh(archive, mirror).await?;
    Ok(plan_feed(archive, mirror, &feed, budget_bytes))
}

pub(super) fn plan_feed(archive: &Archive, mirror: &Mirror, feed: &Feed, budget_bytes: Option<u64>) -> Plan {
    let budget = budget_bytes.or(mirror.budget_bytes).unwrap_or(u64::MAX);
    let mut plan = Plan {
        mirror: mirror.name.clone(),
        serial: feed.serial,
        torrents: Vec::new(),
        have_bytes: 0,
        want_bytes: 0,
        beyond_budget: Vec::new(),
    };
    let mut order: Vec<&FeedTorrent> = feed.torrents.iter().collect();
    order.sort_by_key(|torrent| {
        let popularity = torrent.popularity.map_or(0, |[high, _]| high);
        (torrent.role != Role::Metadata, std::cmp::Reverse(popularity), torrent.name.clone())
    });
    let mut here: HashMap<&str, Option<BTreeSet<String>>> = HashMap::new();
    for torrent in order {
        let held = here.entry(&torrent.release).or_insert_with(|| pull::held_torrents(archive, &torrent.release));
        let planned = PlannedTorrent {
            release: torrent.release.clone(),
            name: torrent.name.clone(),
            bytes: torrent.bytes,
            popularity: torrent.popularity,
            held: held.as_ref().is_some_and(|held| held.contains(&torrent.name)),
        };
        if plan.want_bytes.saturating_add(torrent.bytes) > budget {
            plan.beyond_budget.push(planned);
            continue;
        }
        plan.want_bytes += torrent.bytes;
        if planned.held {
            plan.have_bytes += torrent.bytes;
        }
        plan.torrents.push(planned);
    }
    plan
}
