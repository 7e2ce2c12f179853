//! Importers: what others publish about music, turned into rows of our tables.
//!
//! An importer is a [`Records`]: it reads one record of its source at a time, in constant memory, and says what it could
//! not understand. It knows nothing of tables on disk, of batches or of commits, so that each is tested on bytes alone.
//!
//! [`run`] brings its rows into the tables: they are staged in Parquet files that no version names ([`Staging`]), a journal
//! says which are complete, and in the end one commit a table replaces the rows of the import before. Rows that are
//! Arrow already go into [`Staging`] directly. `docs/design/catalogue.md` says why.

mod chunk;
mod compare;
pub mod decisions;
pub mod discogs;
mod input;
mod journal;
mod lines;
pub mod musicbrainz;
mod replace;
mod report;
mod run;
mod seen;
mod staging;
pub mod table;
mod tar;

use std::path::PathBuf;

use crate::error::CatalogError;
use crate::schema::Batch;

pub use chunk::{Chunk, Rows};
pub use input::{FileIdentity, Input, InputLimits, Meter, hash_file};
pub(crate) use journal::staged_files;
pub use lines::{Line, read_line};
pub(crate) use replace::{is_pending, roll_forward};
pub use report::{Facts, Origin, Report};
pub use run::{Opened, Source, run};
pub use seen::SeenLimits;
pub use staging::{Staging, StagingLimits};
pub use tar::{Member, MemberKind, Tar, is_tar};

/// A source's records, in the order of the source.
///
/// The same bytes always give the same records: an interrupted import goes on by reading past what it has done.
pub trait Records: Send {
    /// Reads the next record and adds its rows to `rows`; `None` at the end of the source.
    ///
    /// What is wrong with one record is a [`Reject`], and the next call goes on behind it. An error is for what ends the
    /// source: a broken archive, a disk that cannot be read, a dump of another kind. A record without rejects and without
    /// rows is counted as passed over: it was understood, and no table is for it.
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

impl Reject {
    /// What is wrong with a field.
    pub fn of(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }
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
    /// The file is not the one that was read in the beginning.
    #[error("{name} was written to while it was being imported; run the same command again")]
    Changed {
        /// The file.
        name: String,
    },
    /// The names of source and dataset do not fit.
    #[error(
        "{name:?} cannot name a source and dataset: 1 to {most} letters, digits, `-`, `_` and `.`, with one `/` between"
    )]
    Name {
        /// Both.
        name: String,
        /// Characters at most.
        most: usize,
    },
    /// What is to be staged is no table that imports write to, or does not have its columns.
    #[error("rows for `{table}` cannot be imported: {reason}")]
    Rows {
        /// The table.
        table: &'static str,
        /// Why not.
        reason: String,
    },
    /// The import's own files on local disk.
    #[error("cannot {action} {}", path.display())]
    State {
        /// What was being done.
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The tables.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The user stopped it.
    #[error("interrupted: what was staged is kept; run the same command again to go on")]
    Cancelled,
    /// The thread that read the source ended without a word.
    #[error("the reader stopped: {reason}")]
    Reader {
        /// What it said.
        reason: String,
    },
}
