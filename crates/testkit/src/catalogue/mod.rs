//! A catalogue of any size that nobody owns: what is measured where no real one may be shipped.
//!
//! Its distributions are those of a catalogue of 256 million tracks: 4.4 tracks an album and 16 an artist; 73.1 % distinct
//! ISRCs; 74 % of the tracks with popularity 0; nearly all listens on the most popular third; ids of 22 letters and digits
//! without pattern; names of Zipf-distributed words in several scripts. Rows are in the order of albums.
//!
//! Any stretch of it follows from the seed and the numbers of its tracks alone, and the stretches of a division have together
//! the rows of the whole. So it can be made in pieces, by several threads, and again after an interruption.

mod columns;
mod names;
mod plan;
mod random;
mod rows;
mod words;

use std::ops::Range;

use arrow::array::RecordBatch;

/// Tracks that are planned together; stretches that begin and end at a multiple of it cost least.
pub const STRETCH: u64 = plan::TRACKS as u64;

/// What every row names as its source.
pub const SOURCE: &str = "synthetic";

/// A catalogue without end.
#[derive(Debug, Clone, Copy)]
pub struct Catalogue {
    seed: u64,
}

/// Rows of each table, with all columns but `job` and `batch`.
#[derive(Debug)]
pub struct Rows {
    /// Artists whose first album begins in the stretch.
    pub artists: RecordBatch,
    /// Albums whose first track is in the stretch.
    pub albums: RecordBatch,
    /// The tracks.
    pub tracks: RecordBatch,
    /// Listens of the recordings that appear here first.
    pub listens: RecordBatch,
    /// A join for each track whose recording appeared before.
    pub links: RecordBatch,
}

impl Rows {
    /// By the names of the tables, in the order of commits.
    pub fn into_tables(self) -> [(&'static str, RecordBatch); 5] {
        let Self { artists, albums, tracks, listens, links } = self;
        [("artists", artists), ("albums", albums), ("tracks", tracks), ("listens", listens), ("links", links)]
    }
}

impl Catalogue {
    /// The catalogue that follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The rows that belong to the tracks with these numbers.
    pub fn rows(&self, tracks: Range<u64>) -> Rows {
        let mut made = rows::Made::default();
        let mut next = tracks.start;
        while next < tracks.end {
            let block = next / STRETCH;
            let first = block * STRETCH;
            let end = tracks.end.min(first + STRETCH);
            made.add(self.seed, block, (next - first) as usize..(end - first) as usize);
            next = end;
        }
        made.finish()
    }
}
