//! An upload-only BitTorrent seeder that trusts the stored hashes.
//!
//! It speaks the peer wire protocol over TCP (BEP 3, the fast extension of BEP 6, metadata by BEP 9, v2 by BEP 52 with
//! hashes of the trees), answers to the v1 info-hash and to the shortened v2 one, and reads blocks from a [`SeedSource`];
//! padding is zeros that nobody stores. Nothing is hashed on the way out: a fixity check is another job's task, and the
//! peers check anyhow. A torrent that is removed stops at once, also for peers that are in the middle of it. A peer that
//! sends garbage is dropped.
//!
//! Of a torrent on offer there is no more in memory than its info-hashes. It is opened when a peer asks for it, and what
//! is open together is bounded ([`SeederOptions::torrents_bytes`]).

mod fast;
#[cfg(test)]
mod fuzzed;
mod hashes;
mod metadata;
mod options;
mod peer;
mod shelf;
mod torrent;
mod turns;
mod wire;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use fonoteca_model::{BlobId, Sha1Hash};
use parking_lot::{Mutex, RwLock};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use options::SeederOptions;
pub use torrent::{Offer, SeedTorrent};

use crate::error::SwarmError;
use shelf::Shelf;
use turns::Turns;

/// Where a seeder finds what it gives: a folder, an object store, anything that gives ranges of blobs.
#[async_trait]
pub trait SeedSource: Send + Sync {
    /// Exactly the bytes of the range, which lies inside the blob. At most [`SeederOptions::max_reads`] are asked for at
    /// once.
    async fn read(&self, root: BlobId, range: Range<u64>) -> io::Result<Bytes>;

    /// The torrent whose [`Offer::key`] this is, read now; `None` where it is not there any more. It is kept for as
    /// long as there is room, so it is asked for again only after a while.
    async fn open(&self, key: Sha1Hash) -> io::Result<Option<SeedTorrent>>;
}

/// What a seeder has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SeederStats {
    /// Torrents on offer.
    pub torrents: usize,
    /// Those of them that are open, for peers that are there or were lately.
    pub open_torrents: usize,
    /// Bytes of memory that the open ones take.
    pub open_torrents_bytes: usize,
    /// Peers connected now.
    pub peers: usize,
    /// Bytes of blocks sent, padding included; metadata and hashes do not count.
    pub uploaded_bytes: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Connections turned away for lack of a place, or of room for their torrent.
    pub turned_away: u64,
    /// Peers dropped because of what they sent.
    pub garbage: u64,
    /// Blocks and torrents that could not be read from the source.
    pub read_errors: u64,
}

/// A running seeder. Dropping it ends it, without waiting; [`shutdown`](Self::shutdown) waits.
pub struct Seeder {
    address: SocketAddr,
    shared: Arc<Shared>,
    tasks: TaskTracker,
}

struct Shared {
    options: SeederOptions,
    source: Arc<dyn SeedSource>,
    peer_id: [u8; 20],
    torrents: RwLock<HashMap<Sha1Hash, Arc<OnOffer>>>,
    shelf: Shelf,
    reads: Semaphore,
    turns: Turns,
    places: Mutex<HashMap<IpAddr, usize>>,
    uploaded_bytes: AtomicU64,
    connections: AtomicU64,
    turned_away: AtomicU64,
    garbage: AtomicU64,
    read_errors: AtomicU64,
    ended: CancellationToken,
}

/// A torrent on offer.
struct OnOffer {
    offer: Offer,
    uploaded_bytes: AtomicU64,
    withdrawn: CancellationToken,
}

impl Seeder {
    /// Listens on an address (port 0 takes any free one) and uploads in the background, on the current tokio runtime.
    pub async fn start(
        listen: SocketAddr,
        source: Arc<dyn SeedSource>,
        options: SeederOptions,
    ) -> Result<Self, SwarmError> {
        let failed = |source| SwarmError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let mut peer_id = *b"-FN0010-............";
        peer_id[8..].copy_from_slice(&rand::random::<[u8; 12]>());
        let shared = Arc::new(Shared {
            shelf: Shelf::new(options.torrents_bytes),
            reads: Semaphore::new(options.max_reads.max(1)),
            turns: Turns::new(options.bytes_per_second),
            options,
            source,
            peer_id,
            torrents: RwLock::default(),
            places: Mutex::default(),
            uploaded_bytes: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            garbage: AtomicU64::new(0),
            read_errors: AtomicU64::new(0),
            ended: CancellationToken::new(),
        });
        let tasks = TaskTracker::new();
        tasks.spawn(accept(listener, shared.clone(), tasks.clone()));
        Ok(Self { address, shared, tasks })
    }

    /// What it calls itself, to peers and trackers.
    pub fn peer_id(&self) -> [u8; 20] {
        self.shared.peer_id
    }

    /// Where it listens, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Offers a torrent under all its info-hashes; one that is on offer under the same hash is replaced.
    pub fn add(&self, offer: Offer) {
        let withdrawn = self.shared.ended.child_token();
        let added = Arc::new(OnOffer { offer, uploaded_bytes: AtomicU64::new(0), withdrawn });
        for hash in offer.info_hashes() {
            self.remove(&hash);
        }
        let mut torrents = self.shared.torrents.write();
        for hash in offer.info_hashes() {
            torrents.insert(hash, Arc::clone(&added));
        }
    }

    /// Withdraws a torrent, named by any of its info-hashes, and drops the peers that are at it. Whether it was on
    /// offer.
    pub fn remove(&self, info_hash: &Sha1Hash) -> bool {
        let mut torrents = self.shared.torrents.write();
        let Some(removed) = torrents.get(info_hash).cloned() else {
            return false;
        };
        for hash in removed.offer.info_hashes() {
            torrents.remove(&hash);
        }
        removed.withdrawn.cancel();
        self.shared.shelf.forget(removed.offer.key());
        true
    }

    /// Bytes uploaded of one torrent since it was added.
    pub fn uploaded_bytes(&self, info_hash: &Sha1Hash) -> Option<u64> {
        self.shared.torrents.read().get(info_hash).map(|torrent| torrent.uploaded_bytes.load(Ordering::Relaxed))
    }

    /// Counts since the start.
    pub fn stats(&self) -> SeederStats {
        let shared = &self.shared;
        let (open_torrents, open_torrents_bytes) = shared.shelf.size();
        SeederStats {
            torrents: shared.torrents.read().iter().filter(|(hash, torrent)| torrent.offer.key() == **hash).count(),
            open_torrents,
            open_torrents_bytes,
            peers: shared.places.lock().values().sum(),
            uploaded_bytes: shared.uploaded_bytes.load(Ordering::Relaxed),
            connections: shared.connections.load(Ordering::Relaxed),
            turned_away: shared.turned_away.load(Ordering::Relaxed),
            garbage: shared.garbage.load(Ordering::Relaxed),
            read_errors: shared.read_errors.load(Ordering::Relaxed),
        }
    }

    /// Stops listening, drops all peers and waits until they are gone.
    pub async fn shutdown(self) {
        self.shared.ended.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Seeder {
    fn drop(&mut self) {
        self.shared.ended.cancel();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, tasks: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            () = shared.ended.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, address)) => {
                let Some(place) = Place::take(&shared, address.ip()) else {
                    shared.turned_away.fetch_add(1, Ordering::Relaxed);
                    continue;
                };
                shared.connections.fetch_add(1, Ordering::Relaxed);
                tasks.spawn(attend(stream, address, place));
            }
            Err(error) => {
                // Out of descriptors, or the peer went away: the listener itself is sound, so it goes on after a
                // breath.
                tracing::debug!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn attend(stream: TcpStream, address: SocketAddr, place: Place) {
    let shared = &place.shared;
    let left = tokio::select! {
        () = shared.ended.cancelled() => return,
        left = peer::serve(stream, address.ip(), shared) => left,
    };
    match &left {
        peer::PeerError::Garbage { .. } => {
            shared.garbage.fetch_add(1, Ordering::Relaxed);
        }
        peer::PeerError::NoRoom => {
            shared.turned_away.fetch_add(1, Ordering::Relaxed);
        }
        peer::PeerError::Unopened(error) => {
            shared.read_errors.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%error, "a torrent cannot be opened");
        }
        _ => {}
    }
    tracing::debug!(%address, reason = %left, "a peer left");
}

/// A peer's place among those that are allowed at once; given back when dropped.
struct Place {
    shared: Arc<Shared>,
    address: IpAddr,
}

impl Place {
    fn take(shared: &Arc<Shared>, address: IpAddr) -> Option<Self> {
        let mut places = shared.places.lock();
        let all: usize = places.values().sum();
        let here = places.get(&address).copied().unwrap_or(0);
        if all >= shared.options.max_peers || here >= shared.options.max_peers_per_address {
            return None;
        }
        places.insert(address, here + 1);
        Some(Self { shared: shared.clone(), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut places = self.shared.places.lock();
        if let Some(here) = places.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                places.remove(&self.address);
            }
        }
    }
}
