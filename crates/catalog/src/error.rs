//! What can go wrong with the tables.

use std::io;
use std::path::{Path, PathBuf};

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;
use deltalake::DeltaTableError;
use fonoteca_model::Id;
use fonoteca_model::rights::WordError;

use crate::schema::Table;

/// Why the catalogue could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no catalogue.
    #[error("there is no catalogue here (`catalog/format.json` is missing); `fonoteca init` makes one")]
    Missing,
    /// There is one already.
    #[error("there is a catalogue here already")]
    Exists,
    /// The catalogue was written by a newer or a foreign program.
    #[error(
        "{file} says format {found:?}, and this program reads up to {known:?}; use a newer version of fonoteca \
         (nothing was changed)"
    )]
    Format {
        /// Which file says so.
        file: String,
        /// What it says.
        found: String,
        /// What would be understood.
        known: &'static str,
    },
    /// The unfinished batch on disk cannot be read.
    #[error(
        "the unfinished batch {} is damaged: {reason}; move it away to go on without it, then ingest the same files again",
        path.display()
    )]
    Pending {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The unfinished import on disk cannot be read.
    #[error(
        "the unfinished import {} is damaged: {reason}; move it away to go on without it, then import the same file again",
        path.display()
    )]
    PendingImport {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A Delta table could not be read or written.
    #[error("cannot {action} the table `{}`", table.name())]
    Delta {
        /// What was being done.
        action: &'static str,
        /// To which table.
        table: Table,
        /// Why not.
        source: Box<DeltaTableError>,
    },
    /// A query failed.
    #[error("the query failed: {query}")]
    Query {
        /// The query, cut short.
        query: String,
        /// Why.
        source: Box<DataFusionError>,
    },
    /// Rows could not be turned into columns or back.
    #[error("rows of `{}` do not fit its columns", table.name())]
    Rows {
        /// The table.
        table: Table,
        /// What does not fit.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An object of the archive could not be read or written.
    #[error("cannot {action} `{object}`")]
    Object {
        /// What was being done.
        action: &'static str,
        /// To which object.
        object: String,
        /// Why not.
        source: object_store::Error,
    },
    /// The local state could not be read or written.
    #[error("cannot {action} {}", path.display())]
    State {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A row of `rights` holds a word that no rule knows.
    #[error("the decision {id} in the table `rights` has a bad `{field}`")]
    Decision {
        /// The decision.
        id: String,
        /// The column.
        field: &'static str,
        /// What is wrong with it.
        source: WordError,
    },
    /// A blob's row contradicts itself.
    #[error("the row of blob {root} in the table `blobs` is damaged: {reason}")]
    Blob {
        /// The blob.
        root: String,
        /// What is wrong.
        reason: String,
    },
    /// Links that would go round in a circle.
    #[error("the links from {0} lead back to it: a recording cannot be merged into one that was merged into it")]
    Cycle(Id),
    /// A job's name does not fit.
    #[error(
        "{job:?} cannot name a job: 1 to {} printable ASCII characters, batches numbered from 0",
        crate::writer::JOB_BYTES
    )]
    Job {
        /// The name.
        job: String,
    },
    /// The tables are younger than the moment that was asked for.
    #[error("the table `{}` did not exist at {moment}; `fonoteca catalog history` shows since when it does", table.name())]
    Before {
        /// The table.
        table: Table,
        /// The moment.
        moment: String,
    },
    /// An entry of a table's log cannot be understood.
    #[error("version {version} of the table `{}` has an entry in its log that cannot be read", table.name())]
    Log {
        /// The table.
        table: Table,
        /// The version.
        version: i64,
    },
    /// A release does not say from which versions of the tables it was cut.
    #[error("the release {release:?} in the table `releases` has a bad `tables`, so that nobody knows what it needs")]
    Pinned {
        /// The release.
        release: String,
    },
    /// Somebody else changed what was being rewritten.
    #[error(
        "the table `{}` changed while its files were being compacted; nothing of it was changed, try again later",
        table.name()
    )]
    Changed {
        /// The table.
        table: Table,
    },
    /// There is no such version any more, or not yet.
    #[error("no version {version} of the table `{}`", table.name())]
    Version {
        /// The table.
        table: Table,
        /// The version asked for.
        version: i64,
    },
}

impl CatalogError {
    /// Whether a query failed because a file of a table is gone, torn or not what it was; not because of the query.
    pub fn is_damage(&self) -> bool {
        let Self::Query { source, .. } = self else { return false };
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(source.as_ref());
        while let Some(error) = cause {
            let is_torn = error.is::<ParquetError>()
                || matches!(error.downcast_ref(), Some(ArrowError::ParquetError(_) | ArrowError::IoError(..)))
                || matches!(error.downcast_ref(), Some(object_store::Error::NotFound { .. }));
            if is_torn {
                return true;
            }
            cause = error.source();
        }
        false
    }

    pub(crate) fn delta(action: &'static str, table: Table) -> impl FnOnce(DeltaTableError) -> Self {
        move |source| Self::Delta { action, table, source: Box::new(source) }
    }

    pub(crate) fn query(query: &str) -> impl FnOnce(DataFusionError) -> Self {
        let query: String = query.chars().take(400).collect();
        move |source| Self::Query { query, source: Box::new(source) }
    }

    pub(crate) fn rows<E: std::error::Error + Send + Sync + 'static>(table: Table) -> impl FnOnce(E) -> Self {
        move |source| Self::Rows { table, source: Box::new(source) }
    }

    pub(crate) fn state(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::State { action, path, source }
    }

    pub(crate) fn object(action: &'static str, object: &str) -> impl FnOnce(object_store::Error) -> Self {
        let object = object.to_owned();
        move |source| Self::Object { action, object, source }
    }
}
