//! An upload-only BitTorrent seeder that trusts the stored hashes.
//!
//! It speaks the peer wire protocol over TCP (BEP 3, the fast extension of BEP 6, metadata by BEP 9), answers to the v1
//! info-hash and to the shortened v2 one (BEP 52), and reads blocks from a [`BlobSource`]; padding is zeros that nobody
//! stores. Nothing is hashed on the way out: a fixity check is another job's task, and the peers check anyhow. A
//! torrent that is removed stops at once, also for peers that are in the middle of it. A peer that sends garbage is
//! dropped.

#[cfg(test)]
mod fuzzed;
mod metadata;
mod options;
mod peer;
mod torrent;
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
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use options::SeederOptions;
pub use torrent::SeedTorrent;

use crate::error::SwarmError;

/// Where a seeder finds the bytes of a blob.
#[async_trait]
pub trait BlobSource: Send + Sync {
    /// Exactly the bytes of the range, which lies inside the blob.
    async fn read(&self, root: BlobId, range: Range<u64>) -> io::Result<Bytes>;

    /// The `.torrent` file of a torrent on offer, for peers that came by a magnet link (BEP 9): `info_hash` is the
    /// first of
    /// [`SeedTorrent::info_hashes`]. `None`, if not overridden: such peers are refused.
    async fn torrent_file(&self, info_hash: Sha1Hash) -> io::Result<Option<Bytes>> {
        let _ = info_hash;
        Ok(None)
    }
}

/// What a seeder has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SeederStats {
    /// Torrents on offer.
    pub torrents: usize,
    /// Peers connected now.
    pub peers: usize,
    /// Bytes of blocks sent, padding included.
    pub uploaded_bytes: u64,
    /// Connections accepted.
    pub connections: u64,
    /// Connections turned away for lack of a place.
    pub turned_away: u64,
    /// Peers dropped because of what they sent.
    pub garbage: u64,
    /// Blocks that could not be read from the source.
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
    source: Arc<dyn BlobSource>,
    peer_id: [u8; 20],
    torrents: RwLock<HashMap<Sha1Hash, Offer>>,
    places: Mutex<HashMap<IpAddr, usize>>,
    throttle: Mutex<tokio::time::Instant>,
    uploaded_bytes: AtomicU64,
    connections: AtomicU64,
    turned_away: AtomicU64,
    garbage: AtomicU64,
    read_errors: AtomicU64,
    ended: CancellationToken,
}

/// A torrent on offer.
#[derive(Clone)]
struct Offer {
    torrent: Arc<SeedTorrent>,
    uploaded_bytes: Arc<AtomicU64>,
    withdrawn: CancellationToken,
}

impl Seeder {
    /// Listens on an address (port 0 takes any free one) and uploads in the background, on the current tokio runtime.
    pub async fn start(
        listen: SocketAddr,
        source: Arc<dyn BlobSource>,
        options: SeederOptions,
    ) -> Result<Self, SwarmError> {
        let failed = |source| SwarmError::Listen { address: listen, source };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let mut peer_id = *b"-FN0010-............";
        peer_id[8..].copy_from_slice(&rand::random::<[u8; 12]>());
        let shared = Arc::new(Shared {
            options,
            source,
            peer_id,
            torrents: RwLock::default(),
            places: Mutex::default(),
            throttle: Mutex::new(tokio::time::Instant::now()),
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

    /// Where it listens, with the port that was taken.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Offers a torrent under all its info-hashes; one that is on offer under the same hash is replaced.
    pub fn add(&self, torrent: impl Into<Arc<SeedTorrent>>) {
        let torrent = torrent.into();
        let withdrawn = self.shared.ended.child_token();
        let offer = Offer { torrent: torrent.clone(), uploaded_bytes: Arc::default(), withdrawn };
        let mut torrents = self.shared.torrents.write();
        for hash in torrent.info_hashes() {
            if let Some(old) = torrents.insert(*hash, offer.clone()) {
                old.withdrawn.cancel();
            }
        }
    }

    /// Withdraws a torrent, named by any of its info-hashes, and drops the peers that are at it. Whether it was on
    /// offer.
    pub fn remove(&self, info_hash: &Sha1Hash) -> bool {
        let mut torrents = self.shared.torrents.write();
        let Some(offer) = torrents.remove(info_hash) else {
            return false;
        };
        offer.withdrawn.cancel();
        torrents.retain(|_, other| !Arc::ptr_eq(&other.torrent, &offer.torrent));
        true
    }

    /// Bytes uploaded of one torrent since it was added.
    pub fn uploaded_bytes(&self, info_hash: &Sha1Hash) -> Option<u64> {
        self.shared.torrents.read().get(info_hash).map(|offer| offer.uploaded_bytes.load(Ordering::Relaxed))
    }

    /// Counts since the start.
    pub fn stats(&self) -> SeederStats {
        let shared = &self.shared;
        let torrents = shared.torrents.read();
        SeederStats {
            torrents: torrents.iter().filter(|(hash, offer)| offer.torrent.info_hashes().first() == Some(hash)).count(),
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
        left = peer::serve(stream, shared) => left,
    };
    if matches!(left, peer::PeerError::Garbage { .. }) {
        shared.garbage.fetch_add(1, Ordering::Relaxed);
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
