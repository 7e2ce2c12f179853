//! Which rows of some Parquet files have a key: an id, an ISRC, an album's id …
//!
//! A file of keys lies in `index/rows/` beside the row store of each Parquet file that is new; filling an index anew
//! joins them to one. For each kind of key it has a section: 64-bit hashes in ascending order with where the row is,
//! cut into buckets by their first bits. Of a hash only as many bits are kept as make wrong candidates few; candidates
//! are settled by reading the row, except where the row store does not have the key, and there so many bits are kept
//! that none is wrong. A look-up reads two short pieces, some 60 bytes.
//!
//! Most kinds say in which few blocks of the row store a row is, not which row of them ([`KeyKind::span`]): of a block
//! only so much is read as tells. An id says in which of sixteen blocks, since ids lie as they are and 2,048 of them are
//! looked at in no time. The blocks of several Parquet files are numbered through, each file from a multiple of
//! [`SPAN`] on.

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

const FORMAT: Format = Format { magic: b"fonokeys", version: 4 };

/// Blocks that the place of an id covers: 16 KiB of ids.
const SPAN: u32 = 16;

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

/// The first block of each file when they are numbered through, and one more: where the last one ends. None when their
/// rows are more than can be numbered.
fn blocks_of(files: &[Covered]) -> Option<Vec<u32>> {
    let mut starts = vec![0_u32];
    for file in files {
        let blocks = file.rows.div_ceil(BLOCK_ROWS as u32).next_multiple_of(SPAN);
        starts.push(starts.last()?.checked_add(blocks)?);
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

    /// Blocks that a place covers.
    pub(crate) const fn span(self) -> u32 {
        match self {
            Self::Id => SPAN,
            // Some microseconds each: titles and credits are not read for it.
            Self::Album | Self::Artist => 4,
            Self::Isrc => 2,
            Self::Upc | Self::Mbid => 1,
        }
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
    /// Some row of this block, perhaps, or of those behind it that the kind's place covers, if the file has them.
    Blocks(u32),
    /// This row.
    Row(u32),
}

impl KeyKind {
    /// The number of the place of a row, in a file whose blocks are numbered on from `start`.
    const fn place(self, row: u32, start: u32) -> u32 {
        if self.is_in_rows() {
            (start + row / BLOCK_ROWS as u32) / self.span()
        } else {
            start * BLOCK_ROWS as u32 + row
        }
    }

    /// The first block of the place with this number.
    const fn block(self, place: u32) -> u32 {
        if self.is_in_rows() { place.saturating_mul(self.span()) } else { place / BLOCK_ROWS as u32 }
    }

    /// The place with this number, in a file whose blocks are numbered on from `start`, which is not beyond it.
    const fn in_file(self, place: u32, start: u32) -> Place {
        if self.is_in_rows() {
            Place::Blocks(self.block(place) - start)
        } else {
            Place::Row(place - start * BLOCK_ROWS as u32)
        }
    }

    /// The largest number that a place can have in so many blocks.
    const fn last_place(self, blocks: u32) -> u32 {
        if self.is_in_rows() { blocks / self.span() } else { blocks * BLOCK_ROWS as u32 }.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests;
