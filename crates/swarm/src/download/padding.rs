//! Which blocks of a torrent are nothing but padding, what has gone by, and who misbehaved.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use fonoteca_torrent::Metainfo;
use parking_lot::Mutex;

/// Padding of a torrent, and counts of what came from peers.
pub(super) struct Traffic {
    piece_bytes: u64,
    padding: Vec<Range<u64>>,
    received_bytes: AtomicU64,
    answered_bytes: AtomicU64,
    senders: Mutex<HashMap<u64, SocketAddr>>,
    peers: Mutex<Peers>,
}

/// Peers that did what they should not.
#[derive(Default)]
struct Peers {
    /// How many pieces of each were refused.
    refused: HashMap<SocketAddr, u32>,
    banned: HashSet<SocketAddr>,
    /// What has not been told yet.
    news: Vec<(SocketAddr, &'static str)>,
}

/// Refused pieces after which a peer is left alone. The last block of one may have come from another peer than the wrong
/// one, so the first is no proof.
const REFUSED_PIECES: u32 = 3;

impl Traffic {
    pub(super) fn new(metainfo: &Metainfo) -> Self {
        let mut padding: Vec<Range<u64>> = Vec::new();
        for file in metainfo.files.iter().filter(|file| file.pad && file.size > 0) {
            let range = file.v1_offset..file.v1_offset + file.size;
            match padding.last_mut().filter(|last| last.end == range.start) {
                Some(last) => last.end = range.end,
                None => padding.push(range),
            }
        }
        Self {
            piece_bytes: metainfo.piece_length,
            padding,
            received_bytes: AtomicU64::new(0),
            answered_bytes: AtomicU64::new(0),
            senders: Mutex::default(),
            peers: Mutex::default(),
        }
    }

    /// Whether a block is nothing but padding.
    pub(super) fn is_padding(&self, piece: u32, begin: u32, length: u32) -> bool {
        let start = u64::from(piece) * self.piece_bytes + u64::from(begin);
        let end = start + u64::from(length);
        let next = self.padding.partition_point(|range| range.end <= start);
        length > 0 && self.padding.get(next).is_some_and(|range| range.start <= start && end <= range.end)
    }

    /// A block of padding was answered without asking the peer.
    pub(super) fn answered(&self, bytes: u64) {
        self.answered_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A block came from a peer.
    pub(super) fn received(&self, piece: u32, bytes: u64, from: SocketAddr) {
        self.received_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.senders.lock().insert(u64::from(piece), from);
    }

    /// Bytes of blocks that came from peers that were called; `engine_bytes` is what the engine counted, which includes
    /// padding answered here and peers that called.
    pub(super) fn downloaded_bytes(&self, engine_bytes: u64) -> u64 {
        let answered = self.answered_bytes.load(Ordering::Relaxed);
        self.received_bytes.load(Ordering::Relaxed).max(engine_bytes.saturating_sub(answered))
    }

    /// A peer did what no honest one does: it is not called again.
    pub(super) fn misbehaved(&self, peer: SocketAddr, what: &'static str) {
        let mut peers = self.peers.lock();
        if peers.banned.insert(peer) {
            peers.news.push((peer, what));
        }
    }

    /// A piece that a peer sent was refused.
    pub(super) fn refused(&self, peer: SocketAddr) {
        let mut peers = self.peers.lock();
        let refused = peers.refused.entry(peer).or_default();
        *refused += 1;
        if *refused >= REFUSED_PIECES && peers.banned.insert(peer) {
            peers.news.push((peer, "sent wrong bytes again and again"));
        }
    }

    /// Whether a peer is to be left alone.
    pub(super) fn is_banned(&self, peer: &SocketAddr) -> bool {
        self.peers.lock().banned.contains(peer)
    }

    /// Who is left alone since this was last asked, and why.
    pub(super) fn take_news(&self) -> Vec<(SocketAddr, &'static str)> {
        std::mem::take(&mut self.peers.lock().news)
    }

    /// The peer that sent the last block of a piece.
    pub(super) fn sender(&self, piece: u64) -> Option<SocketAddr> {
        self.senders.lock().get(&piece).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_blocks_of_padding_are_padding() {
        let traffic = Traffic {
            piece_bytes: 100,
            padding: vec![30..100, 250..400],
            received_bytes: AtomicU64::new(0),
            answered_bytes: AtomicU64::new(0),
            senders: Mutex::default(),
            peers: Mutex::default(),
        };
        for (piece, begin, length, padding) in [
            (0, 30, 70, true),
            (0, 29, 10, false),
            (0, 90, 10, true),
            (0, 90, 11, false),
            (1, 0, 10, false),
            (2, 50, 50, true),
            (3, 0, 100, true),
            (3, 0, 101, false),
            (9, 0, 1, false),
            (0, 40, 0, false),
        ] {
            assert_eq!(traffic.is_padding(piece, begin, length), padding, "{piece} {begin} {length}");
        }
    }
}
