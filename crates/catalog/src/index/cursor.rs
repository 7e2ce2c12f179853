//! Where a page of hits ends, so that the next one begins behind it.

use std::fmt;
use std::str::FromStr;

use super::document::{Kind, SortKey};
use super::files::Files;

/// The place of a hit in the order of an answer: opaque, to be given back in [`super::Query::after`] with the same query.
///
/// It says how the hit is ranked, not how many were before it. So what comes and goes in between moves nothing that was
/// on a page already, as long as the hit's own rank stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub(super) score: i32,
    pub(super) key: SortKey,
    /// The part of the hit's row: the id of its data file's path, and which part of it.
    part: u64,
}

impl Cursor {
    pub(super) fn at(files: &Files, score: i32, key: SortKey, part: u32) -> Self {
        Self { score, key, part: files.part_name(key.kind(), part) }
    }

    /// The rank of its part now; behind all others when that is gone.
    pub(super) fn rank(&self, files: &Files, kind: Kind) -> u32 {
        files.part_named(kind, self.part).map_or(u32::MAX, |part| files.rank(kind, part))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}{:016x}{:016x}", self.score as u32, self.key.0, self.part)
    }
}

/// Why a text is not a cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is not the place of a hit; give back what the page before it said")]
pub struct CursorError;

impl FromStr for Cursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        if text.len() != 40 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(CursorError);
        }
        let number = |from: usize, to: usize| u64::from_str_radix(&text[from..to], 16).map_err(|_| CursorError);
        let score = u32::try_from(number(0, 8)?).map_err(|_| CursorError)?;
        Ok(Self { score: score as i32, key: SortKey(number(8, 24)?), part: number(24, 40)? })
    }
}

impl serde::Serialize for Cursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Cursor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_texts() {
        let cursor = Cursor { score: -800, key: SortKey(u64::MAX >> 23), part: 7 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for wrong in ["", "x", &"0".repeat(39), &"é".repeat(20), &"g".repeat(40)] {
            assert_eq!(wrong.parse::<Cursor>(), Err(CursorError), "{wrong}");
        }
    }
}
