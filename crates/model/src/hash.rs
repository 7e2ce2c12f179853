//! Fixed-size digests that read and print as lower-case hex.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not the digest it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} hex digits for a {what}, found {found:?}")]
pub struct HashError {
    what: &'static str,
    expected: usize,
    found: String,
}

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $bytes;

            /// The raw bytes.
            pub const fn as_bytes(&self) -> &[u8; $bytes] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = HashError;
            fn from_str(text: &str) -> Result<Self, HashError> {
                let mut bytes = [0; $bytes];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| HashError {
                    what: $what,
                    expected: $bytes * 2,
                    found: text.chars().take(80).collect(),
                })?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

digest!(
    /// A blob's id: its BitTorrent v2 `pieces root` (BEP 52, a SHA-256 Merkle tree over 16 KiB blocks).
    BlobId, 32, "blob root"
);
digest!(
    /// A SHA-1 digest: a v1 piece or a v1 info-hash (BEP 3).
    Sha1Hash, 20, "SHA-1 hash"
);
digest!(
    /// A SHA-256 digest: a node of a piece layer, a v2 info-hash (BEP 52), an essence or a checksum.
    Sha256Hash, 32, "SHA-256 hash"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_reads_hex() {
        let id = BlobId([0xab; 32]);
        assert_eq!(id.to_string(), "ab".repeat(32));
        assert_eq!(id.to_string().parse::<BlobId>(), Ok(id));
        let error = "xyz".parse::<BlobId>().expect_err("not hex");
        assert_eq!(error.to_string(), "expected 64 hex digits for a blob root, found \"xyz\"");
    }
}
