//! Limits on what comes from outside. A limit is a value with a name, so that an error can say which one was met.

/// Limits that more than one crate must agree on. Those of one format live with its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one audio file; 24 hours of 192 kHz stereo in 24 bits are 100 GB.
    pub file_bytes: u64,
    /// Bytes of one cover; larger ones are left where they are and noted.
    pub cover_bytes: u64,
    /// Characters of one text that is kept in a table: titles, names, licence texts as found.
    pub text_chars: usize,
    /// Tags kept of one file.
    pub tags: usize,
    /// Files in one torrent (clients choke on more).
    pub torrent_files: usize,
    /// Bytes in one torrent.
    pub torrent_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 100_000_000_000,
            cover_bytes: 32 << 20,
            text_chars: 4096,
            tags: 4096,
            torrent_files: 10_000,
            torrent_bytes: 32 << 30,
        }
    }
}
