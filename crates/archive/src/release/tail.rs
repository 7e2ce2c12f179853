//! The long tail: what few people listen to goes out as small copies, so that all of it fits on more disks.
//!
//! A copy is a blob of its own, `derived` from the original's root; `derived_how` says by which coding, bit rate and
//! encoder. It has the original's rights. The original stays in the archive.

use std::fmt;
use std::str::FromStr;

use fonoteca_catalog::HeldAudio;
use fonoteca_model::BlobId;
use serde::{Deserialize, Serialize};

use crate::error::ArchiveError;

/// Bit rates that Opus takes, in kbit/s.
const KBPS: std::ops::RangeInclusive<u32> = 16..=510;
/// The popularity below which copies go out, unless it is said: what nobody listened to.
pub const BELOW: i32 = 1;

/// What goes out of recordings that are less popular than an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail {
    /// Opus of so many kbit/s.
    pub kbps: u32,
    /// Originals from this popularity on, copies below it.
    pub below: i32,
}

impl FromStr for Tail {
    type Err = ArchiveError;

    /// Reads `opus:72`.
    fn from_str(text: &str) -> Result<Self, ArchiveError> {
        let kbps = text.strip_prefix("opus:").and_then(|kbps| kbps.parse::<u32>().ok());
        match kbps.filter(|kbps| KBPS.contains(kbps)) {
            Some(kbps) => Ok(Self { kbps, below: BELOW }),
            None => Err(ArchiveError::Usage(format!(
                "{text:?} is no coding for the long tail: write opus and its kbit/s, {} to {}, as in opus:72",
                KBPS.start(),
                KBPS.end()
            ))),
        }
    }
}

impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "opus:{}", self.kbps)
    }
}

impl Tail {
    /// What `derived_how` of such a copy begins with, whoever made it: none is made twice.
    pub(super) fn how(self) -> String {
        format!("{self};")
    }

    /// Whether a copy goes out: below the edge, and only where it is smaller.
    pub(super) fn applies(self, held: &HeldAudio) -> bool {
        held.popularity < self.below && held.size > self.expected_bytes(held.duration_ms)
    }

    /// About how large a copy will be: bits a millisecond are kbit a second.
    pub(super) fn expected_bytes(self, duration_ms: i64) -> i64 {
        duration_ms.saturating_mul(i64::from(self.kbps)) / 8
    }
}

/// The blob that goes out for a held file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Given {
    /// The file as it came.
    Original,
    /// A copy of it.
    Copy {
        /// The copy's blob.
        root: BlobId,
        /// Its bytes.
        size: i64,
        /// What it is.
        tail: Tail,
    },
    /// A copy that nobody has made yet.
    Lacking {
        /// What it shall be.
        tail: Tail,
    },
}

impl Given {
    pub fn of(held: &HeldAudio, tail: Option<Tail>) -> Self {
        match tail.filter(|tail| tail.applies(held)) {
            None => Self::Original,
            Some(tail) => match (held.copy_root, held.copy_size) {
                (Some(root), Some(size)) => Self::Copy { root, size, tail },
                _ => Self::Lacking { tail },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_is_opus_of_a_bit_rate_that_there_is() {
        let tail: Tail = "opus:72".parse().expect("a tail");
        assert_eq!((tail, tail.how().as_str()), (Tail { kbps: 72, below: 1 }, "opus:72;"));
        for wrong in ["opus", "opus:", "opus:15", "opus:511", "mp3:72", "72", ""] {
            assert!(wrong.parse::<Tail>().is_err(), "{wrong}");
        }
    }
}
