//! Importers: what others publish about music, turned into rows of our tables.
//!
//! An importer is a [`Records`]: it reads one record of its source at a time, in constant memory, and says what it could
//! not understand. It knows nothing of tables on disk, of batches or of commits, so that each is tested on bytes alone.

pub mod decisions;
pub mod discogs;
pub mod table;

use crate::schema::Batch;

/// A source's records, in the order of the source.
///
/// The same bytes always give the same records: an interrupted import goes on by reading past what it has done.
pub trait Records: Send {
    /// Reads the next record and adds its rows to `rows`; `None` at the end of the source.
    ///
    /// What is wrong with one record is a [`Reject`], and the next call goes on behind it. An error is for what ends the
    /// source: a broken archive, a disk that cannot be read, a dump of another kind.
    fn next(&mut self, rows: &mut Batch) -> Result<Option<Record>, ImportError>;
}

/// What became of one record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Its place in the source, from 1: the line, the row, or the element of the dump.
    pub number: u64,
    /// What was not understood. Rows may have been added all the same: a bad date costs the date, not the release.
    pub rejects: Vec<Reject>,
}

/// One thing in a record that was not understood.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Reject {
    /// The field, as the source calls it; empty: the record as a whole, of which no row was added.
    pub field: String,
    /// What is wrong with it, with the value where it is short.
    pub reason: String,
}

/// Why a source cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It cannot be read.
    #[error("{name} cannot be read")]
    Read {
        /// The file, or the member of an archive.
        name: String,
        /// Why not.
        source: std::io::Error,
    },
    /// It is not what it was said to be.
    #[error("{name} is not {expected}: {found}; {advice}")]
    Source {
        /// The file, or the member of an archive.
        name: String,
        /// What was expected.
        expected: &'static str,
        /// What is there instead.
        found: String,
        /// What to do.
        advice: &'static str,
    },
}
