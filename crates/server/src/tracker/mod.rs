//! A small HTTP tracker for the archive's own torrents (BEP 3, 7, 23, 48): mirrors find each other without anybody else.

mod announce;
mod swarms;
mod wire;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use fonoteca_model::{Sha1Hash, Timestamp};
use parking_lot::Mutex;

use announce::{Announce, Event};
use swarms::Swarms;
pub use swarms::TrackerLimits;

/// Info-hashes answered in one scrape.
const MAX_SCRAPED: usize = 64;
/// The server's own seeder in answers that name peers by id; the seeder itself says another one, which no client minds.
const OWN_PEER_ID: &[u8; 20] = b"-FN0010-own-seeder-0";

/// The tracker's state; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Tracker {
    swarms: Arc<Mutex<Swarms>>,
    turn: Arc<AtomicUsize>,
}

impl Tracker {
    pub(crate) fn new(limits: TrackerLimits) -> Self {
        Self { swarms: Arc::new(Mutex::new(Swarms::new(limits))), turn: Arc::default() }
    }

    /// Serves the torrents with these v1 info-hashes (of v2 ones the first 20 bytes, as BEP 52 says) and no others.
    pub(crate) fn serve_only(&self, allowed: &HashSet<Sha1Hash>) {
        self.swarms.lock().serve_only(allowed);
    }

    /// `/announce`. `own` is where the asker reaches this server's own seeder, which has everything and never announces.
    pub(crate) fn announce(&self, query: &str, from: SocketAddr, own: Option<SocketAddr>, now: Timestamp) -> Response {
        let mut announce = match Announce::parse(query) {
            Ok(announce) => announce,
            Err(reason) => return bencoded(wire::failure(&reason)),
        };
        // An IPv4 client of a dual-stack socket is an IPv4 peer to everybody else.
        let address = SocketAddr::new(from.ip().to_canonical(), announce.port);
        if own == Some(address) {
            // A torrent names this tracker by an address that the server does not know as its own; it is counted anyway.
            announce.event = Event::Stopped;
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut swarms = self.swarms.lock();
        let Some(mut answer) = swarms.announce(&announce, address, now, turn) else {
            return bencoded(wire::failure("this tracker serves only the torrents of this archive's releases"));
        };
        let limits = swarms.limits();
        drop(swarms);
        if let Some(own) = own.filter(|own| *own != address) {
            answer.counts.seeders += 1;
            if announce.left > 0 && announce.wanted > 0 && announce.event != Event::Stopped {
                answer.peers.truncate(announce.wanted - 1);
                answer.peers.push((own, *OWN_PEER_ID));
            }
        }
        bencoded(wire::answer(&answer, &limits, announce.compact))
    }

    /// `/scrape`.
    pub(crate) fn scrape(&self, query: &str, has_seeder: bool, now: Timestamp) -> Response {
        let hashes = announce::scrape_hashes(query, MAX_SCRAPED);
        let mut swarms = self.swarms.lock();
        let mut found: Vec<_> =
            hashes.into_iter().filter_map(|hash| swarms.scrape(&hash, now).map(|counts| (hash, counts))).collect();
        drop(swarms);
        for (_, counts) in &mut found {
            counts.seeders += usize::from(has_seeder);
        }
        bencoded(wire::scraped(&found, has_seeder))
    }
}

/// Trackers answer with status 200 whatever happened; clients read the dictionary.
fn bencoded(body: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, "text/plain"), (CACHE_CONTROL, "no-store")], body).into_response()
}
