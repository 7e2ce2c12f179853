//! Row ids: eight bytes that follow from where a statement comes from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The id of an artist, album, track or recording: the first 8 bytes of SHA-256(source ‖ 0x00 ‖ source_id), big-endian.
///
/// Held as a signed integer because Delta tables have no unsigned one; printed as 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(pub i64);

impl Id {
    /// The id of what `source` calls `source_id`.
    pub fn of(source: &str, source_id: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(source.as_bytes());
        hasher.update([0]);
        hasher.update(source_id.as_bytes());
        let digest: [u8; 32] = hasher.finalize().into();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(i64::from_be_bytes(first))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id has 16 hex digits, found {0:?}")]
pub struct IdError(String);

impl FromStr for Id {
    type Err = IdError;
    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = || IdError(text.chars().take(40).collect());
        if text.len() != 16 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(error());
        }
        u64::from_str_radix(text, 16).map(|bits| Self(bits as i64)).map_err(|_| error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_head_of_a_sha256() {
        // printf 'local\0abc' | sha256sum
        let id = Id::of("local", "abc");
        assert_eq!(id.to_string().parse::<Id>(), Ok(id));
        assert_ne!(id, Id::of("loca", "labc"), "the zero byte keeps source and id apart");
        assert_eq!("ffffffffffffffff".parse::<Id>(), Ok(Id(-1)));
        for wrong in ["", "12", "+fffffffffffffff", "zzzzzzzzzzzzzzzz"] {
            assert!(wrong.parse::<Id>().is_err(), "{wrong}");
        }
    }
}
