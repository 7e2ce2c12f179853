//! What can go wrong with the index.

use std::io;
use std::path::{Path, PathBuf};

/// Why the index cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SoundIndexError {
    /// The system refused.
    #[error("cannot read or write {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is not what was written.
    #[error("{} is damaged ({what}); `fonoteca index rebuild` makes a new one from the catalogue", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// A later program wrote it.
    #[error(
        "{} has format {found}, this program knows {expected}: use a newer program, or `fonoteca index rebuild`",
        path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// Ours.
        expected: u32,
    },
    /// The caller asked to stop.
    #[error("stopped while writing the index of sounds; run the same command again")]
    Cancelled,
}

impl SoundIndexError {
    /// Whether a rebuild mends it.
    pub const fn needs_rebuild(&self) -> bool {
        matches!(self, Self::Damaged { .. } | Self::Format { .. })
    }

    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::UnexpectedEof => Self::damaged(&path, "it ends too early"),
            io::ErrorKind::NotFound => Self::damaged(&path, "it is missing"),
            _ => Self::Io { path, source },
        }
    }

    pub(super) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }
}
