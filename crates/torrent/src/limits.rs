//! How large a torrent that somebody else made may be before it is refused.

use crate::bencode;

/// Limits on a foreign metainfo file. The defaults leave a wide margin over the archive's own torrents (32 GiB, 10,000
/// files) and keep what a hostile file can make the parser allocate below about 300 MB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Size, nesting and number of values of the bencoded text.
    pub bencode: bencode::Limits,
    /// Files, pad files included.
    pub files: usize,
    /// Pieces in the whole torrent.
    pub pieces: u64,
    /// Bytes of one piece.
    pub piece_bytes: u64,
    /// Bytes of all files together, pad files included.
    pub total_bytes: u64,
    /// Trackers, web seeds and similar torrents, each.
    pub urls: usize,
    /// Bytes of one URL, of the comment and of the creator's name.
    pub text_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bencode: bencode::Limits::default(),
            files: 100_000,
            pieces: 1 << 21,
            piece_bytes: 256 << 20,
            total_bytes: 1 << 46,
            urls: 1_000,
            text_bytes: 8 * 1024,
        }
    }
}
