//! Which blocks of a torrent are nothing but padding, and what has gone by.

use std::collections::HashMap;
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
}

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
