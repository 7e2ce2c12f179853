//! Which rows of one Parquet file have a key: an id, an ISRC, an album's id …
//!
//! A file of its own lies in `index/rows/` beside the row store of each Parquet file. For each kind of key it has a
//! section: 64-bit hashes in ascending order with where the row is, cut into buckets by their first bits. Of a hash only
//! as many bits are kept as make a wrong candidate rare; candidates are settled by reading the row, except where the row
//! store does not have the key, and there the whole hash is kept. A look-up reads two short pieces, some 60 bytes.
//!
//! Most kinds say in which block of the row store a row is, not which row of it: the block is read anyway.

mod read;
mod write;

pub(crate) use read::Keys;
pub(crate) use write::KeysWriter;

use fonoteca_model::Id;

use crate::beside::Format;
use crate::rowstore;

const FORMAT: Format = Format { magic: b"fonokeys", version: 1 };

/// What a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum KeyKind {
    /// A row's own id.
    Id,
    /// A track's ISRC, well-formed.
    Isrc,
    /// An album's UPC or EAN.
    Upc,
    /// A MusicBrainz id that is not the source's own id.
    Mbid,
    /// The album of a track.
    Album,
    /// An artist credited on a track or album.
    Artist,
}

impl KeyKind {
    pub(crate) const ALL: [Self; 6] = [Self::Id, Self::Isrc, Self::Upc, Self::Mbid, Self::Album, Self::Artist];

    const fn code(self) -> u8 {
        self as u8
    }

    /// Whether the row store has the key, so that a candidate can be settled there.
    const fn is_in_rows(self) -> bool {
        matches!(self, Self::Id | Self::Isrc | Self::Album | Self::Artist)
    }
}

/// A key, hashed. Hashes must never change: they are in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct KeyHash(pub u64);

/// The finaliser of SplitMix64: one to one, and every bit depends on every other.
const fn mixed(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

impl KeyHash {
    pub(crate) const fn of_id(id: Id) -> Self {
        Self(mixed(id.0 as u64))
    }

    /// Of a code of up to 16 characters, as codes are written without separators.
    pub(crate) fn of_code(code: &str) -> Self {
        let mut bytes = [0_u8; 16];
        let length = code.len().min(16);
        bytes[..length].copy_from_slice(&code.as_bytes()[..length]);
        Self::of_bytes(bytes)
    }

    /// Of the 16 bytes of a UUID.
    pub(crate) fn of_bytes(bytes: [u8; 16]) -> Self {
        let number = u128::from_be_bytes(bytes);
        Self(mixed(mixed((number >> 64) as u64).wrapping_add(number as u64)))
    }
}

/// Where a key leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Place {
    /// Some row of this block, perhaps.
    Block(u32),
    /// This row.
    Row(u32),
}

impl Place {
    pub(crate) const fn block(self) -> u32 {
        match self {
            Self::Block(block) => block,
            Self::Row(row) => row / rowstore::BLOCK_ROWS as u32,
        }
    }
}

#[cfg(test)]
mod tests;
