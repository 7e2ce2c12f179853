//! Which rows of some Parquet files have a key: an id, an ISRC, an album's id …
//!
//! A file of keys lies in `index/rows/` beside the row store of each Parquet file that is new; filling an index anew joins
//! them to one. For each kind of key it has a section: 64-bit hashes in ascending order with where the row is, cut into
//! buckets by their first bits. Of a hash only as many bits are kept as make wrong candidates few; candidates are settled by
//! reading the row, except where the row store does not have the key, and there so many bits are kept that none is wrong. A
//! look-up reads two short pieces, some 60 bytes.
//!
//! Most kinds say in which block of the row store a row is, not which row of it: the block is read anyway. The blocks of
//! several Parquet files are numbered through.

mod join;
mod read;
mod section;
mod write;

pub(crate) use join::join;
pub(crate) use read::Keys;
pub(crate) use write::KeysWriter;

use fonoteca_model::Id;

use crate::beside::{Cursor, Format, Wrong, put_text, put_varint};
use crate::rowstore::BLOCK_ROWS;

const FORMAT: Format = Format { magic: b"fonokeys", version: 2 };

/// A Parquet file whose rows' keys are in a file of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Covered {
    /// In the table's folder.
    pub path: String,
    pub rows: u32,
}

fn put_covered(footer: &mut Vec<u8>, files: &[Covered]) {
    put_varint(footer, files.len() as u64);
    for file in files {
        put_text(footer, &file.path);
        put_varint(footer, u64::from(file.rows));
    }
}

fn covered(bytes: &mut Cursor<'_>) -> Result<Vec<Covered>, Wrong> {
    let file = |bytes: &mut Cursor<'_>| {
        let path = bytes.text()?.to_owned();
        let rows = u32::try_from(bytes.varint()?).map_err(|_| Wrong("it has too many rows"))?;
        Ok(Covered { path, rows })
    };
    (0..bytes.count(2)?).map(|_| file(bytes)).collect()
}

/// The first block of each file when they are numbered through, and one more: how many there are. None when their rows are
/// more than can be numbered.
fn blocks_of(files: &[Covered]) -> Option<Vec<u32>> {
    let mut starts = vec![0_u32];
    for file in files {
        starts.push(starts.last()?.checked_add(file.rows.div_ceil(BLOCK_ROWS as u32))?);
    }
    starts.last()?.checked_mul(BLOCK_ROWS as u32)?;
    Some(starts)
}

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
            Self::Row(row) => row / BLOCK_ROWS as u32,
        }
    }

    /// As a number, in a file whose blocks are numbered on from `start`.
    const fn on(self, start: u32) -> u32 {
        match self {
            Self::Block(block) => start + block,
            Self::Row(row) => start * BLOCK_ROWS as u32 + row,
        }
    }

    /// The place in the file whose blocks are numbered on from `start`.
    const fn back(self, start: u32) -> Self {
        match self {
            Self::Block(block) => Self::Block(block - start),
            Self::Row(row) => Self::Row(row - start * BLOCK_ROWS as u32),
        }
    }

    /// The largest number that a place can have in so many blocks.
    const fn last(kind: KeyKind, blocks: u32) -> u32 {
        if kind.is_in_rows() { blocks } else { blocks * BLOCK_ROWS as u32 }.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests;
