//! How far each segment is read: documents are in falling popularity, and what ranks behind all that is wanted need not be.

use std::cmp::Reverse;
use std::ops::Range;

use super::document::{MAX_POPULARITY, SortKey};
use super::tier::Level;

/// How a hit is ranked, the best one greatest: by score, then by the order of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    pub score: i32,
    pub key: SortKey,
    /// The rank of the row's part.
    pub part: Reverse<u32>,
}

/// The least key with which a match of this worth is not behind the last one wanted; none: every one is.
pub(super) fn least_key(worth: i32, last: Option<Rank>) -> Option<SortKey> {
    let Some(last) = last else { return Some(SortKey(0)) };
    // As popular as it must be to score as much.
    let popularity = last.score - worth;
    if popularity < 0 {
        return Some(SortKey(0));
    }
    let popularity = u8::try_from(popularity).ok().filter(|popularity| *popularity <= MAX_POPULARITY)?;
    Some(last.key.clamp(SortKey::floor(popularity), SortKey::floor(popularity + 1)))
}

/// Segments are read in two parts: nearly always the first one has all that is wanted, and what a lax query finds there
/// tells how far a strict one must be read, of which there are few matches and a long way between them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    First,
    Rest,
    Whole,
}

impl Part {
    /// One document of so many is in the first part,
    const SHARE: u32 = 32;
    /// but not fewer than these.
    const LEAST: u32 = 1 << 10;

    /// Every word within reach is read from its first document to its last, whatever part is asked for.
    pub(super) const fn of_level(level: Level) -> &'static [Self] {
        match level {
            Level::Rare(_) => &[Self::Whole],
            Level::Spelt | Level::Typos(_) => &[Self::First, Self::Rest],
        }
    }

    pub(super) fn of(self, documents: u32) -> Range<u32> {
        let end = (documents / Self::SHARE).max(Self::LEAST).min(documents);
        match self {
            Self::First => 0..end,
            Self::Rest => end..documents,
            Self::Whole => 0..documents,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::{Kind, Standing};
    use super::*;

    fn key(popularity: i32, listens: i64) -> SortKey {
        SortKey::new(Standing::new(popularity, listens), Kind::Track, 7)
    }

    /// Reading to the least key loses nothing that ranks before the last one wanted, and little else is read.
    #[test]
    fn the_least_key_is_where_matches_begin_to_rank_behind() {
        let keys: Vec<SortKey> =
            (0..=100).flat_map(|popularity| [0, 1, 5].map(|listens| key(popularity, listens))).collect();
        for worth in [-410, -10, 0, 15, 60] {
            assert_eq!(least_key(worth, None), Some(SortKey(0)));
            for score in [-410, -200, -100, 0, 42, 60, 100, 159, 160, 161] {
                for last in &keys {
                    let last = Rank { score, key: *last, part: Reverse(0) };
                    let least = least_key(worth, Some(last));
                    for key in &keys {
                        let score = worth + i32::from(key.standing().popularity);
                        let is_behind = (score, *key) < (last.score, last.key);
                        assert_eq!(least.is_some_and(|least| *key >= least), !is_behind, "{worth} {key:?} {last:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn parts_make_up_the_whole() {
        for documents in [0, 1, 1023, 1024, 1025, 32_768, 40_000, u32::MAX] {
            let (first, rest) = (Part::First.of(documents), Part::Rest.of(documents));
            assert_eq!((first.start, first.end, rest.end), (0, rest.start, documents));
            assert_eq!(Part::Whole.of(documents), 0..documents);
        }
    }
}
