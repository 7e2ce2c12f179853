//! What can go wrong with bytes, said so that whoever reads it knows which file and what to do.

use std::error::Error;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use fonoteca_model::BlobId;
use rustix::io::Errno;

/// Why the store could not do what it was asked.
///
/// Names of files are shown lossily where they are not UTF-8; what the system said is in the error's source only.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is nothing to store: an empty file is never a blob.
    #[error("{name} is empty, and an empty file is never kept: leave it out")]
    Empty {
        /// The file.
        name: String,
    },
    /// A folder, FIFO, device, socket or (where a file is to be moved) symlink.
    #[error("{} is {found}, not a regular file: leave it out", path.display())]
    NotRegular {
        /// What was asked for.
        path: PathBuf,
        /// What is there.
        found: &'static str,
    },
    /// More bytes than the caller allows.
    #[error("{name} has {size} bytes, more than the limit of {limit}: raise the limit or leave it out")]
    TooLarge {
        /// The file or blob.
        name: String,
        /// Its bytes.
        size: u64,
        /// The most that was allowed.
        limit: u64,
    },
    /// Somebody wrote to the file while it was read, so that what was read may be no version of it.
    #[error(
        "{} changed while it was read ({expected} bytes, then {found}): run again when it is at rest", path.display()
    )]
    Changed {
        /// The file.
        path: PathBuf,
        /// Bytes when it was opened.
        expected: u64,
        /// Bytes read, or its length afterwards; the same as `expected` where only its time stamp changed.
        found: u64,
    },
    /// The bytes are not the blob they were said to be.
    #[error("{name} is not blob {expected}, its bytes are those of {found}: fetch it again from elsewhere")]
    WrongRoot {
        /// The file.
        name: String,
        /// The blob it should be.
        expected: BlobId,
        /// The blob it is.
        found: BlobId,
    },
    /// No room, or no quota, to write. Nothing half-written stays behind.
    #[error(
        "no space left on the disk of {} to write {name}: free some, or move the archive to a larger disk, and run the \
         same again", folder.display()
    )]
    Full {
        /// The file whose bytes were being written.
        name: String,
        /// Where to.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused to write.
    #[error("cannot write {name} to {}", folder.display())]
    Write {
        /// The file whose bytes were being written.
        name: String,
        /// Where to.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No such blob.
    #[error("blob {id} is not held: fetch it from a mirror or ingest the file again")]
    Missing {
        /// The blob.
        id: BlobId,
    },
    /// The blob is there, but its file has another size than these very bytes.
    #[error(
        "{} is damaged, it has {found} bytes and blob {id} has {expected}: move it away and store the blob again",
        path.display()
    )]
    HeldDamaged {
        /// The blob.
        id: BlobId,
        /// Its place.
        path: PathBuf,
        /// Bytes of the blob.
        expected: u64,
        /// Bytes of the file at its place; 0 too where that is no regular file.
        found: u64,
    },
    /// The blob was taken in without copying it, and the file has other bytes now.
    #[error(
        "{} is not blob {id} any more: it was changed after it was taken in; put the old file back, or ingest it as it is \
         now", path.display()
    )]
    ChangedInPlace {
        /// The blob.
        id: BlobId,
        /// Where it was.
        path: PathBuf,
    },
    /// The database of places.
    #[error("{} cannot be used: where it is damaged, remove it, and what it knew is looked up again", path.display())]
    Places {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// A range that is not within the blob.
    #[error("bytes {}..{} were asked of blob {id}, which has {size}", range.start, range.end)]
    OutOfRange {
        /// The blob.
        id: BlobId,
        /// What was asked for.
        range: Range<u64>,
        /// Bytes of the blob.
        size: u64,
    },
    /// Something in the blobs' folder that is no blob at its place.
    #[error("{} does not belong among the blobs: move it away", path.display())]
    Foreign {
        /// Where it lies.
        path: PathBuf,
    },
    /// The system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried: "open", "read", ...
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The object store refused.
    #[error("cannot {action} {name}")]
    Object {
        /// What was tried.
        action: &'static str,
        /// On what.
        name: String,
        /// What it said.
        source: object_store::Error,
    },
    /// The hashes that are kept for a blob are not those of the blob, so that no piece of it can be proven.
    #[error(
        "what the table `blobs` says of {id} contradicts its root, so no piece of it can be proven: bring back the table \
         from a copy of the archive, or ingest the file again"
    )]
    Unproven {
        /// The blob.
        id: BlobId,
    },
    /// A blob was to be finished before all of its pieces were there.
    #[error("{lacking} pieces of blob {id} are lacking: they were in no source that was asked")]
    Lacking {
        /// The blob.
        id: BlobId,
        /// How many.
        lacking: usize,
    },
    /// The threads that check have ended.
    #[error("the check of {name} was stopped: run the same again")]
    Stopped {
        /// The blob.
        name: String,
    },
    /// The work was stopped because the program is ending, or it panicked.
    #[error("work on {name} was interrupted: run the same again")]
    Interrupted {
        /// The file or blob.
        name: String,
        /// How it ended.
        source: tokio::task::JoinError,
    },
}

impl StoreError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        if is_full(&source) {
            let folder = path.parent().unwrap_or(path).to_path_buf();
            return Self::Full { name: path.display().to_string(), folder, source };
        }
        Self::Io { action, path: path.to_path_buf(), source }
    }

    /// The bytes of `name` could not be written to `folder`.
    pub(crate) fn write(name: &str, folder: &Path, source: io::Error) -> Self {
        let (name, folder) = (name.to_owned(), folder.to_path_buf());
        if is_full(&source) { Self::Full { name, folder, source } } else { Self::Write { name, folder, source } }
    }

    /// The database of places could not be used.
    pub(crate) fn places(path: &Path, source: rusqlite::Error) -> Self {
        if is_full_for_sqlite(path, &source) {
            return Self::io("write", path, Errno::NOSPC.into());
        }
        Self::Places { path: path.to_path_buf(), source }
    }

    /// Whether the disk is full: whatever is tried next will fail as well.
    pub fn is_full(&self) -> bool {
        match self {
            Self::Full { .. } => true,
            Self::Object { source, .. } => is_caused_by(source, is_full),
            _ => false,
        }
    }

    /// Whether the disk failed to read or write: another attempt may do better, or another disk.
    pub fn is_io_error(&self) -> bool {
        if let Self::Places { source, .. } = self {
            return source.sqlite_error_code() == Some(rusqlite::ErrorCode::SystemIoFailure);
        }
        is_caused_by(self, is_io_error)
    }

    /// Whether the bytes themselves are what is wrong, so that trying again would change nothing.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Empty { .. } | Self::NotRegular { .. } | Self::TooLarge { .. })
    }

    /// The same error with a source of its own kind for each call site: `map_err(StoreError::on("open", path))`.
    pub(crate) fn on<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::io(action, path, source)
    }
}

/// Whether an error, or what it came of, is an I/O error of this sort.
pub fn is_caused_by(error: &(dyn Error + 'static), is_it: impl Fn(&io::Error) -> bool) -> bool {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.filter_map(|error| error.downcast_ref::<io::Error>()).any(is_it)
}

/// Whether this is what the system says of a disk that fails.
pub fn is_io_error(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::IO.raw_os_error())
}

/// What SQLite's shared memory grows by, and some more.
const SHARED_MEMORY: u64 = 64 << 10;

/// SQLite says of its shared memory only that it could not get it: where there is no room for it, that is why.
fn is_full_for_sqlite(path: &Path, error: &rusqlite::Error) -> bool {
    let rusqlite::Error::SqliteFailure(error, _) = error else { return false };
    let has_no_room = || {
        let disk = rustix::fs::statvfs(path.parent().unwrap_or(path));
        disk.is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < SHARED_MEMORY)
    };
    error.code == rusqlite::ErrorCode::DiskFull
        || error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE && has_no_room()
}

fn is_full(error: &io::Error) -> bool {
    [Errno::NOSPC, Errno::DQUOT].iter().any(|full| error.raw_os_error() == Some(full.raw_os_error()))
}
