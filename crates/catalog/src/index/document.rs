//! What is indexed of one track, album or artist, and where it stands among the others.

use std::fmt;
use std::str::FromStr;

use fonoteca_model::{BlobId, Id};
use serde::{Deserialize, Serialize};

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
    /// Times played.
    pub listens: u64,
}

const LISTENS_BITS: u32 = 33;
const KIND_BITS: u32 = 2;
const ID_BITS: u32 = 22;
const MAX_LISTENS: u64 = (1 << LISTENS_BITS) - 1;

/// The one number by which documents are sorted, the largest first: popularity, listens, artists before albums before
/// tracks, and the leading bits of the id. What is equal even then is ordered by the whole id when hits are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SortKey(pub u64);

impl SortKey {
    pub(crate) fn new(standing: Standing, kind: Kind, id: Id) -> Self {
        let popularity = u64::from(standing.popularity.min(100));
        let listens = standing.listens.min(MAX_LISTENS);
        // The smaller id comes first, hence the larger key.
        let id = !(id.0 as u64) >> (64 - ID_BITS);
        let key = (popularity << LISTENS_BITS | listens) << KIND_BITS | u64::from(kind.code());
        Self(key << ID_BITS | id)
    }

    pub(crate) const fn standing(self) -> Standing {
        let rest = self.0 >> (ID_BITS + KIND_BITS);
        Standing { popularity: (rest >> LISTENS_BITS) as u8, listens: rest & MAX_LISTENS }
    }

    /// The least key that anything of this popularity can have.
    pub(crate) const fn floor(popularity: u8) -> Self {
        Self((popularity as u64) << (LISTENS_BITS + KIND_BITS + ID_BITS))
    }
}

/// One track, album or artist, as far as the index knows it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    pub kind: Kind,
    pub id: Id,
    /// What it is one of: a track's recording; the album or artist that it was linked to, or itself.
    pub group: Id,
    pub source: String,
    pub source_id: String,
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
    pub isrc: Option<String>,
    pub upc: Option<String>,
    pub mbid: Option<String>,
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
    pub cover_root: Option<BlobId>,
}

impl Document {
    /// A document of which only its name is known.
    pub(crate) fn new(kind: Kind, id: Id, title: impl Into<String>) -> Self {
        Self {
            kind,
            id,
            group: id,
            source: String::new(),
            source_id: String::new(),
            title: title.into(),
            artist: String::new(),
            album: None,
            other_titles: Vec::new(),
            other_names: Vec::new(),
            album_id: None,
            artist_ids: Vec::new(),
            isrc: None,
            upc: None,
            mbid: None,
            roots: Vec::new(),
            year: None,
            licences: Vec::new(),
            standing: Standing::default(),
            held: false,
            withdrawn: false,
            cover_root: None,
        }
    }

    pub(crate) fn sort_key(&self) -> SortKey {
        SortKey::new(self.standing, self.kind, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_by_popularity_then_listens_then_kind_then_id() {
        let key = |popularity, listens, kind, id| SortKey::new(Standing { popularity, listens }, kind, Id(id));
        let falling = [
            key(100, 0, Kind::Track, 5),
            key(99, u64::MAX, Kind::Track, 5),
            key(99, 7, Kind::Artist, i64::MAX),
            key(99, 7, Kind::Album, 5),
            key(99, 7, Kind::Track, 5),
            // Ids order as their 16 hex digits do: negative ones are the large ones.
            key(99, 7, Kind::Track, i64::MIN),
            key(99, 7, Kind::Track, -1),
            key(99, 6, Kind::Artist, 0),
            key(0, 0, Kind::Track, -1),
        ];
        assert!(falling.windows(2).all(|pair| pair[0] > pair[1]), "{falling:?}");
        let standing = Standing { popularity: 42, listens: 123_456 };
        assert_eq!(SortKey::new(standing, Kind::Album, Id(-7)).standing(), standing);
        assert!(SortKey::floor(42) <= SortKey::new(standing, Kind::Track, Id(-1)));
        assert!(SortKey::floor(43) > SortKey::new(standing, Kind::Artist, Id(0)));
    }
}
