//! Limits on what peers may cost.

use std::num::NonZeroU64;
use std::time::Duration;

/// Limits of a [`Seeder`](super::Seeder). Together they bound what it takes: a descriptor for each of [`max_peers`] and
/// [`max_reads`], and memory for [`torrents_bytes`] and, a peer, for [`read_ahead_bytes`], a request and the queue.
///
/// [`max_peers`]: Self::max_peers
/// [`max_reads`]: Self::max_reads
/// [`torrents_bytes`]: Self::torrents_bytes
/// [`read_ahead_bytes`]: Self::read_ahead_bytes
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeederOptions {
    /// Peers at once, and so descriptors; who comes when all places are taken is turned away.
    pub max_peers: usize,
    /// Peers at once from one IP address.
    pub max_peers_per_address: usize,
    /// Bytes of one request. Clients ask for 16 KiB; who asks for more than this is refused.
    pub request_bytes: u32,
    /// Requests of one peer that may wait.
    pub queue: usize,
    /// Blobs that are read at once, and so open.
    pub max_reads: usize,
    /// Memory for the torrents that peers are at or were at lately; a peer at one more than have room is turned away.
    pub torrents_bytes: usize,
    /// Bytes read from a blob at once, since the next requests are likely to be for what follows.
    pub read_ahead_bytes: u32,
    /// Until the handshake must have come.
    pub handshake_timeout: Duration,
    /// Without any message (BEP 3 clients say something every two minutes).
    pub idle_timeout: Duration,
    /// Without a request.
    pub useless_timeout: Duration,
    /// For one block to be taken by the peer.
    pub write_timeout: Duration,
    /// Upload rate of all peers together, in blocks and hashes; `None` is as fast as it goes. Peers share it evenly.
    pub bytes_per_second: Option<NonZeroU64>,
}

impl Default for SeederOptions {
    fn default() -> Self {
        Self {
            max_peers: 200,
            max_peers_per_address: 20,
            request_bytes: 128 << 10,
            queue: 250,
            max_reads: 32,
            torrents_bytes: 256 << 20,
            read_ahead_bytes: 256 << 10,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_mins(3),
            useless_timeout: Duration::from_mins(10),
            write_timeout: Duration::from_mins(1),
            bytes_per_second: None,
        }
    }
}
