//! What a download did.

/// What a download moved, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fetched {
    /// Payload that came over the network in this call: file content, what was refused and thrown away included.
    /// Headers and protocol messages do not count. From peers, the padding in a block that also holds content counts
    /// too, at most 16 KiB a file; blocks of nothing but padding are not fetched.
    pub bytes_downloaded: u64,
    /// Content that was in the staging folder before and has the right hash; it was not fetched again.
    pub bytes_already: u64,
    /// Pieces that had the wrong hash and were thrown away.
    pub pieces_refused: u64,
}
