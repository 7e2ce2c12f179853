//! What lists, hits and look-ups show of the rows of one Parquet file, where a single row costs some 10 µs.
//!
//! A file of its own lies in `index/rows/` for each Parquet file of tracks, albums and artists. Like that one it is
//! written once and never changed. Rows keep their order and their numbers, and lie in blocks of [`BLOCK_ROWS`]: column
//! by column, each number and word in as few bits as it is frequent in the file ([`models`]). Neighbours share what
//! they have in common: an album's tracks name its id, its artists and their credit once a block. Ids do not compress,
//! so they are read from a large Parquet file itself, where they lie as they are ([`plain`]); beside a small one, or
//! one on another machine, they are kept. The format is told in `docs/formats/index.md`.

mod bits;
mod block;
mod coder;
mod encode;
mod huffman;
mod models;
mod numbers;
mod plain;
mod read;
mod survey;
mod write;

pub(crate) use block::{Block, UpTo};
pub(crate) use read::RowStore;
pub(crate) use write::RowWriter;

use fonoteca_model::{BlobId, Id};

use crate::beside::Format;

/// Rows in one block.
pub(crate) const BLOCK_ROWS: usize = 128;

/// Rows whose titles and durations are read together: as few as can be told apart without costing more than they are
/// worth.
const PIECE_ROWS: usize = 32;

const FORMAT: Format = Format { magic: b"fonorows", version: 3 };

/// What is kept of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredRow {
    pub id: Id,
    /// A track's or album's title, an artist's name.
    pub title: String,
    /// The artist credit; empty for an artist.
    pub artist: String,
    /// Distinct, in order.
    pub artist_ids: Vec<Id>,
    pub album_id: Option<Id>,
    pub isrc: Option<String>,
    pub year: Option<u16>,
    pub disc: Option<i32>,
    pub number: Option<i32>,
    pub duration_ms: Option<i64>,
    pub cover_root: Option<BlobId>,
    pub source: String,
}

/// A row that is about to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowRef<'a> {
    pub id: Id,
    pub title: &'a str,
    pub artist: &'a str,
    pub artist_ids: &'a [Id],
    pub album_id: Option<Id>,
    pub isrc: Option<&'a str>,
    pub year: Option<u16>,
    pub disc: Option<i32>,
    pub number: Option<i32>,
    pub duration_ms: Option<i64>,
    pub cover_root: Option<BlobId>,
    pub source: &'a str,
}

/// The Parquet file that a row store follows from, and whose batches its rows are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The path in the table's folder.
    pub path: String,
    /// Its bytes.
    pub size: u64,
}

/// The batch of a row: a job and a number, or none for rows that count by themselves.
pub(crate) type BatchOf = Option<(String, i64)>;

#[cfg(test)]
mod tests;
