//! What can go wrong with the index. It is derived data, so the answer to all damage is one command.

use std::io;
use std::path::{Path, PathBuf};

use tantivy::TantivyError;
use tantivy::directory::error::{OpenDirectoryError, OpenReadError};

use crate::beside::BesideError;
use crate::error::CatalogError;

/// Why the index cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The system refused: no space, no permission, too many open files.
    #[error("cannot read or write the search index at {}", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Files of the index are missing or are not what was written.
    #[error("the search index at {} is damaged; `fonoteca index rebuild` makes a new one from the catalogue", path.display())]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What was found.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another version of this program wrote the index.
    #[error(
        "the search index at {} has format {found}, this program reads format {expected}; \
         `fonoteca index rebuild` makes a new one from the catalogue",
        path.display()
    )]
    Format {
        /// The folder.
        path: PathBuf,
        /// What it says it is.
        found: String,
        /// What it would have to be.
        expected: u32,
    },
    /// The search engine refused a request; a bug here.
    #[error("the search engine failed")]
    Engine(#[source] TantivyError),
    /// The tables that it is made from cannot be read.
    #[error("the search index could not be brought up to date with the catalogue")]
    Catalog(#[from] CatalogError),
    /// Somebody asked to stop; the index is as it was before.
    #[error("stopped before the search index was complete; it is as it was before")]
    Cancelled,
}

impl IndexError {
    /// Whether `fonoteca index rebuild` is the answer.
    pub const fn needs_rebuild(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Format { .. })
    }

    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn damaged(path: &Path, what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Damaged { path: path.to_owned(), source: what.into() }
    }

    /// Sorts what Tantivy says by who must act: the index is wrong, the system is, or we are.
    pub(crate) fn engine(path: &Path) -> impl FnOnce(TantivyError) -> Self + use<> {
        let path = path.to_owned();
        move |error| match error {
            error if tells_of(&error, &FULL_DISK) => {
                Self::Io { path, source: io::Error::new(io::ErrorKind::StorageFull, error.to_string()) }
            }
            error if tells_of(&error, &FAILING_DISK) => Self::Io { path, source: io::Error::from_raw_os_error(EIO) },
            TantivyError::IoError(source) if !is_content(source.kind()) => {
                Self::Io { path, source: io::Error::new(source.kind(), source) }
            }
            TantivyError::OpenReadError(OpenReadError::IoError { io_error, filepath })
                if !is_content(io_error.kind()) =>
            {
                Self::Io { path: path.join(filepath), source: io::Error::new(io_error.kind(), io_error) }
            }
            TantivyError::OpenDirectoryError(OpenDirectoryError::IoError { io_error, directory_path })
                if !is_content(io_error.kind()) =>
            {
                Self::Io { path: directory_path, source: io::Error::new(io_error.kind(), io_error) }
            }
            error @ (TantivyError::IoError(_)
            | TantivyError::OpenReadError(_)
            | TantivyError::OpenDirectoryError(_)
            | TantivyError::DataCorruption(_)
            | TantivyError::SchemaError(_)
            | TantivyError::FieldNotFound(_)
            | TantivyError::IncompatibleIndex(_)) => Self::Damaged { path, source: Box::new(error) },
            error => Self::Engine(error),
        }
    }
}

const FULL_DISK: [&str; 4] = ["StorageFull", "QuotaExceeded", "(os error 28)", "(os error 122)"];

/// The number that the system has for a disk that fails.
const EIO: i32 = 5;
const FAILING_DISK: [&str; 1] = ["(os error 5)"];

/// Tantivy often keeps only the words of what failed, above all of what failed in a thread of its own.
fn tells_of(error: &TantivyError, what: &[&str]) -> bool {
    let words = error.to_string();
    what.iter().any(|what| words.contains(what))
}

/// Whether an I/O error is about what a file holds, not about the system.
const fn is_content(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::InvalidData
            | io::ErrorKind::InvalidInput
            | io::ErrorKind::NotFound
    ) || matches!(kind, io::ErrorKind::Other)
}

impl From<BesideError> for IndexError {
    fn from(error: BesideError) -> Self {
        match error {
            BesideError::Io { path, source } => Self::Io { path, source },
            BesideError::Damaged { path, what } => Self::Damaged { path, source: what.into() },
        }
    }
}
