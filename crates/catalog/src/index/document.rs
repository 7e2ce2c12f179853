//! What is indexed of one track, album or artist, and where it stands among the others.

use std::fmt;
use std::str::FromStr;

use fonoteca_model::{BlobId, Id};
use serde::{Deserialize, Serialize};

use crate::schema::Table;

/// What a hit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// One source's track; versions of one recording are one hit.
    Track,
    /// An album.
    Album,
    /// An artist.
    Artist,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Track, Self::Album, Self::Artist];

    /// The word in options and output.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Track => "track",
            Self::Album => "album",
            Self::Artist => "artist",
        }
    }

    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    pub(crate) const fn from_code(code: u64) -> Self {
        match code {
            0 => Self::Track,
            1 => Self::Album,
            _ => Self::Artist,
        }
    }

    /// The table of what is of this kind.
    pub(crate) const fn table(self) -> Table {
        match self {
            Self::Track => Table::Tracks,
            Self::Album => Table::Albums,
            Self::Artist => Table::Artists,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is not a kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a kind; choose one of: track, album, artist")]
pub struct KindError(String);

impl FromStr for Kind {
    type Err = KindError;
    fn from_str(text: &str) -> Result<Self, KindError> {
        let error = || KindError(text.chars().take(40).collect());
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(error)
    }
}

/// How much something is listened to. An album or artist stands where the best of its tracks stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Standing {
    /// 0 to 100.
    pub popularity: u8,
    /// Times played, as far as the order knows them: see [`rounded`].
    listens: u16,
}

/// Listens in 12 bits: exact up to 127, then to one part in 64, always in the right order.
fn rounded(listens: u64) -> u16 {
    let shift = (64 - listens.leading_zeros()).saturating_sub(7);
    (shift as u16) * 64 + (listens >> shift) as u16
}

impl Standing {
    pub(crate) fn new(popularity: i32, listens: i64) -> Self {
        Self {
            popularity: popularity.clamp(0, i32::from(MAX_POPULARITY)) as u8,
            listens: rounded(u64::try_from(listens).unwrap_or(0)),
        }
    }

    /// As one number of 24 bits, in the same order.
    pub(crate) fn bits(self) -> u32 {
        u32::from(self.popularity) << 16 | u32::from(self.listens)
    }

    pub(crate) const fn from_bits(bits: u32) -> Self {
        Self { popularity: (bits >> 16) as u8, listens: bits as u16 }
    }

    pub(crate) fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// Where a row lies among all rows of its kind: in which part (a data file, or a piece of a large one), and which row of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RowAt {
    pub part: u32,
    pub row: u32,
}

impl RowAt {
    /// As one number of 47 bits, together with the kind.
    pub(crate) const fn identity(self, kind: Kind) -> u64 {
        ((kind.code() as u64) << ROW_BITS | self.row as u64) << PART_BITS | self.part as u64
    }

    /// One number of 40 bits for this row and its [`NEIGHBOURS`].
    pub(crate) const fn neighbourhood(self, kind: Kind) -> u64 {
        Self { part: self.part, row: self.row / NEIGHBOURS }.identity(kind)
    }
}

/// Rows in one part.
pub(crate) const PART_ROWS: u32 = 1 << ROW_BITS;

/// Rows that share a mark: a term for each of them would cost more than looking at all of them. More than these would save half
/// a byte a track (1,024), and a first look-up would wait for the disk at each of them.
const NEIGHBOURS: u32 = 128;

/// The largest popularity.
pub(crate) const MAX_POPULARITY: u8 = 100;

const LISTENS_BITS: u32 = 12;
const KIND_BITS: u32 = 2;
const ROW_BITS: u32 = 22;
const PART_BITS: u32 = 23;
const KIND_SHIFT: u32 = ROW_BITS;
const LISTENS_SHIFT: u32 = KIND_SHIFT + KIND_BITS;
const POPULARITY_SHIFT: u32 = LISTENS_SHIFT + LISTENS_BITS;
/// Parts of one kind.
pub(crate) const MAX_PARTS: u32 = 1 << PART_BITS;

/// The one number by which documents are sorted, the largest first: popularity, listens, artists before albums before
/// tracks, the row in its part. Its lower half costs little, because what is not listened to lies in the order of its rows.
///
/// The number of the part is a column of its own. It follows from the history of the index; so documents with equal keys are
/// tied, and the rank of the part's file settles that when hits are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SortKey(pub u64);

impl SortKey {
    pub(crate) fn new(standing: Standing, kind: Kind, row: u32) -> Self {
        Self(
            u64::from(standing.popularity.min(MAX_POPULARITY)) << POPULARITY_SHIFT
                | u64::from(standing.listens) << LISTENS_SHIFT
                | u64::from(kind.code()) << KIND_SHIFT
                // The smaller number comes first, hence the larger key.
                | u64::from(!row & (PART_ROWS - 1)),
        )
    }

    pub(crate) const fn standing(self) -> Standing {
        let listens = (self.0 >> LISTENS_SHIFT) & ((1 << LISTENS_BITS) - 1);
        Standing { popularity: (self.0 >> POPULARITY_SHIFT) as u8, listens: listens as u16 }
    }

    pub(crate) const fn kind(self) -> Kind {
        Kind::from_code((self.0 >> KIND_SHIFT) & ((1 << KIND_BITS) - 1))
    }

    /// Whether standing and kind are the same.
    pub(crate) const fn differs_in_row_alone(self, other: Self) -> bool {
        self.0 >> KIND_SHIFT == other.0 >> KIND_SHIFT
    }

    /// The row in its part.
    pub(crate) const fn row(self) -> u32 {
        !(self.0 as u32) & (PART_ROWS - 1)
    }

    /// The least key that anything of this popularity can have.
    pub(crate) const fn floor(popularity: u8) -> Self {
        Self((popularity as u64) << POPULARITY_SHIFT)
    }
}

/// One track, album or artist, as far as the search knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    pub kind: Kind,
    pub id: Id,
    /// What it is one of: a track's recording; the album or artist that it was linked to, or itself.
    pub group: Id,
    /// Links lead to or from it, so that it may have company in its group.
    pub is_linked: bool,
    pub source: String,
    /// A track's or album's title, an artist's name.
    pub title: String,
    /// The artist credit as shown.
    pub artist: String,
    pub album: Option<String>,
    /// Further names that count like the title: an artist's aliases and sort name.
    pub other_titles: Vec<String>,
    /// Further names by which it is found: credited artists whose names differ from the credit.
    pub other_names: Vec<String>,
    /// A track's album.
    pub album_id: Option<Id>,
    /// The artists credited on a track.
    pub artist_ids: Vec<Id>,
    /// The blobs that play for it.
    pub roots: Vec<BlobId>,
    pub year: Option<u16>,
    /// SPDX ids or URIs, as the licence filter takes them.
    pub licences: Vec<String>,
    pub standing: Standing,
    /// Some audio for it is in the archive.
    pub held: bool,
    /// Its rights holder had it taken down: looked up, but never found by words.
    pub withdrawn: bool,
    /// The cover of a track whose album has none.
    pub cover_root: Option<BlobId>,
}

impl Document {
    /// A document of which only its name is known.
    pub(crate) fn new(kind: Kind, id: Id, title: impl Into<String>) -> Self {
        Self {
            kind,
            id,
            group: id,
            is_linked: false,
            source: String::new(),
            title: title.into(),
            artist: String::new(),
            album: None,
            other_titles: Vec::new(),
            other_names: Vec::new(),
            album_id: None,
            artist_ids: Vec::new(),
            roots: Vec::new(),
            year: None,
            licences: Vec::new(),
            standing: Standing::default(),
            held: false,
            withdrawn: false,
            cover_root: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_by_popularity_then_listens_then_kind_then_row() {
        let key = |popularity, listens, kind, row| SortKey::new(Standing::new(popularity, listens), kind, row);
        let falling = [
            key(100, 0, Kind::Track, 5),
            key(99, i64::MAX, Kind::Track, 5),
            key(99, 7, Kind::Artist, PART_ROWS - 1),
            key(99, 7, Kind::Album, 5),
            key(99, 7, Kind::Track, 5),
            key(99, 7, Kind::Track, 6),
            key(99, 6, Kind::Artist, 0),
            key(0, 0, Kind::Track, 0),
        ];
        assert!(falling.windows(2).all(|pair| pair[0] > pair[1]), "{falling:?}");
        let standing = Standing::new(42, 123_456);
        let key = SortKey::new(standing, Kind::Album, 1_000_003);
        assert_eq!((key.standing(), key.kind(), key.row()), (standing, Kind::Album, 1_000_003));
        assert!(SortKey::floor(42) <= key && SortKey::floor(43) > key);
        let last = RowAt { part: MAX_PARTS - 1, row: PART_ROWS - 1 };
        assert!(last.identity(Kind::Artist) < 1 << 47);
        assert_ne!(last.identity(Kind::Artist), last.identity(Kind::Album));
    }

    #[test]
    fn rounded_listens_keep_their_order() {
        let mut numbers: Vec<u64> =
            (0..300).chain((8..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit])).chain([u64::MAX]).collect();
        numbers.sort_unstable();
        assert!(numbers.windows(2).all(|pair| rounded(pair[0]) <= rounded(pair[1])));
        assert!((0..128).all(|listens| u64::from(rounded(listens)) == listens));
        assert!(rounded(u64::MAX) < 1 << LISTENS_BITS);
        assert!(rounded(1000) < rounded(1016));
    }
}
