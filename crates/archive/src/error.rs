//! What can go wrong in a workflow, and who has to act on it.

use std::path::PathBuf;

use fonoteca_audio::AudioError;
use fonoteca_audio::identify::SoundIndexError;
use fonoteca_catalog::CatalogError;
use fonoteca_catalog::import::ImportError;
use fonoteca_catalog::index::IndexError;
use fonoteca_model::BlobId;
use fonoteca_store::StoreError;
use fonoteca_swarm::SwarmError;
use fonoteca_torrent::{BuildError, FeedError, MetainfoError};

/// Who has to act; the command line turns this into its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// Something outside failed: a file, a disk, a peer. Mend it and run the command again.
    Outside,
    /// The request itself makes no sense here.
    Usage,
    /// A rights rule says no.
    Rights,
    /// The archive is damaged, locked, of another version, or not there.
    Archive,
    /// A mistake in the program.
    Bug,
}

/// Why a workflow stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// No archive at or above the folder.
    #[error("{} is not in an archive: run `fonoteca init DIR` first, or name one with --archive", path.display())]
    NotFound {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// `init` in a folder that has something in it.
    #[error("{} already holds an archive or other files: choose an empty or a new folder", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// `archive.toml` cannot be understood.
    #[error("{}: {reason}", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A file or folder of the archive or of the user.
    #[error("{}: {what}", path.display())]
    Io {
        /// Which one.
        path: PathBuf,
        /// What was being done.
        what: &'static str,
        /// The system's word.
        source: std::io::Error,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The catalogue.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The search index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The index of sounds.
    #[error(transparent)]
    Sounds(#[from] SoundIndexError),
    /// A file that is to be identified.
    #[error(transparent)]
    Audio(AudioError),
    /// An import.
    #[error(transparent)]
    Import(ImportError),
    /// Making a torrent.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Reading somebody's torrent.
    #[error("{name} is not a torrent that can be used")]
    Metainfo {
        /// Which one.
        name: String,
        /// Why.
        source: MetainfoError,
    },
    /// A feed that is refused.
    #[error("the feed {url} is refused")]
    Feed {
        /// Whose.
        url: String,
        /// Why.
        source: FeedError,
    },
    /// Moving blobs.
    #[error(transparent)]
    Swarm(#[from] SwarmError),
    /// The request cannot be carried out as it is.
    #[error("{0}")]
    Usage(String),
    /// A rights rule says no.
    #[error("{0}")]
    Refused(String),
    /// Something that the tables name is not what it should be.
    #[error("the archive is damaged: {what}; run `fonoteca verify`")]
    Damaged {
        /// What was found.
        what: String,
    },
    /// A blob that should be there is not.
    #[error("blob {root} is not in the store; run `fonoteca verify`")]
    MissingBlob {
        /// Which one.
        root: BlobId,
    },
    /// A document from outside that does not say what it should.
    #[error("{name}: {reason}")]
    Foreign {
        /// Which one.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A server could not be asked.
    #[error("{url} could not be fetched: {reason}")]
    Fetch {
        /// What was asked for.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The user stopped it.
    #[error("interrupted: what was finished is kept; run the same command again to go on")]
    Cancelled,
    /// Somebody is at the same work.
    #[error("another `{what}` is at work on this archive: wait until it has ended")]
    Busy {
        /// The command.
        what: &'static str,
    },
    /// A mistake in the program.
    #[error("internal error: {0}")]
    Bug(String),
}

impl ArchiveError {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        match self {
            _ if self.is_full() || self.is_io_error() => Blame::Outside,
            Self::NotEmpty { .. }
            | Self::Usage(_)
            | Self::Catalog(CatalogError::Before { .. } | CatalogError::Version { .. }) => Blame::Usage,
            Self::NotFound { .. }
            | Self::Settings { .. }
            | Self::Damaged { .. }
            | Self::MissingBlob { .. }
            | Self::Busy { .. }
            | Self::Catalog(
                CatalogError::Missing
                | CatalogError::Format { .. }
                | CatalogError::Pending { .. }
                | CatalogError::PendingImport { .. }
                | CatalogError::Rows { .. }
                | CatalogError::Delta { .. }
                | CatalogError::Decision { .. }
                | CatalogError::Log { .. }
                | CatalogError::Pinned { .. }
                | CatalogError::Blob { .. },
            ) => Blame::Archive,
            Self::Catalog(error) if error.is_damage() => Blame::Archive,
            Self::Index(error) if error.needs_rebuild() => Blame::Archive,
            Self::Sounds(error) if error.needs_rebuild() => Blame::Archive,
            Self::Refused(_) => Blame::Rights,
            Self::Bug(_) => Blame::Bug,
            _ => Blame::Outside,
        }
    }

    /// Whether a disk is full or a quota used up: free some space and run the same command again.
    pub fn is_full(&self) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        self.is_caused_by(|error| matches!(error.kind(), StorageFull | QuotaExceeded))
    }

    /// Whether a disk failed to read or write: see what the system says of it, and run the same command again.
    pub fn is_io_error(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_io_error()) || self.is_caused_by(fonoteca_store::is_io_error)
    }

    fn is_caused_by(&self, is_it: impl Fn(&std::io::Error) -> bool) -> bool {
        fonoteca_store::is_caused_by(self, is_it)
    }

    pub(crate) fn io(path: impl Into<PathBuf>, what: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, what, source }
    }
}

impl From<AudioError> for ArchiveError {
    fn from(error: AudioError) -> Self {
        match error {
            AudioError::Cancelled { .. } => Self::Cancelled,
            error => Self::Audio(error),
        }
    }
}

impl From<ImportError> for ArchiveError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Cancelled => Self::Cancelled,
            ImportError::Catalog(error) => Self::Catalog(error),
            error => Self::Import(error),
        }
    }
}

/// An error with all that caused it, in one line.
pub fn said(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}
