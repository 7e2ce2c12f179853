//! Files to read, opened without trusting what they are and read without trusting that they stay the same.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek};
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use fonoteca_model::{BlobHasher, BlobHashes, PIECE_BYTES};
use rustix::fs::{Advice, OFlags};

use crate::error::StoreError;

/// Whether a symlink stands for the file that it points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    Follow,
    Refuse,
}

/// A regular file that is open, and what it was like then.
#[derive(Debug)]
pub(crate) struct Source {
    file: File,
    path: PathBuf,
    before: Metadata,
}

impl Source {
    /// Opens a regular file; anything else is refused unopened, and a FIFO put there meanwhile does not block either.
    pub(crate) fn open(path: &Path, links: Links) -> Result<Self, StoreError> {
        let metadata = match links {
            Links::Follow => fs::metadata(path),
            Links::Refuse => fs::symlink_metadata(path),
        };
        check_regular(path, &metadata.map_err(StoreError::on("open", path))?)?;
        let file = open_unchecked(path, links).map_err(StoreError::on("open", path))?;
        let before = file.metadata().map_err(StoreError::on("read the size of", path))?;
        check_regular(path, &before)?;
        Ok(Self { file, path: path.to_path_buf(), before })
    }

    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    pub(crate) fn size(&self) -> u64 {
        self.before.len()
    }

    /// How many names the file has.
    pub(crate) fn names(&self) -> u64 {
        self.before.nlink()
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Reads all bytes once from the start, hashes them and hands them to `each`.
    pub(crate) fn hash(
        &mut self,
        mut each: impl FnMut(&[u8]) -> Result<(), StoreError>,
    ) -> Result<BlobHashes, StoreError> {
        self.file.rewind().map_err(StoreError::on("read", &self.path))?;
        let mut hasher = BlobHasher::new();
        let mut buffer = vec![0; PIECE_BYTES.min(self.size().max(1) as usize)];
        loop {
            let read = match self.file.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result.map_err(StoreError::on("read", &self.path))?,
            };
            if read == 0 {
                break;
            }
            hasher.update(&buffer[..read]);
            // A file that grows for ever must not be followed for ever.
            if hasher.size() > self.size() {
                break;
            }
            each(&buffer[..read])?;
        }
        self.check_unchanged(hasher.size())?;
        hasher.finish().ok_or_else(|| StoreError::Empty { name: self.name() })
    }

    /// Reads from `offset` until the buffer is full; fails where the file is shorter than when it was opened.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    /// Tells the system that these bytes will be read soon. Only a hint: a system that does not take it is slower.
    pub(crate) fn will_read(&self, offset: u64, length: u64) {
        let _ = rustix::fs::fadvise(&self.file, offset, NonZeroU64::new(length), Advice::WillNeed);
    }

    /// Drops the system's copies in memory, so that what is read next comes from the disk. Only a hint, too.
    pub(crate) fn forget(&self) {
        let _ = rustix::fs::fadvise(&self.file, 0, None, Advice::DontNeed);
    }

    /// Fails where somebody wrote to the file since it was opened, or `read` is not all that it had then.
    pub(crate) fn check_unchanged(&self, read: u64) -> Result<(), StoreError> {
        let after = self.file.metadata().map_err(StoreError::on("read the size of", &self.path))?;
        let modified = |metadata: &Metadata| (metadata.mtime(), metadata.mtime_nsec());
        let expected = self.size();
        if read == expected && after.len() == expected && modified(&after) == modified(&self.before) {
            return Ok(());
        }
        let found = if read == expected { after.len() } else { read };
        Err(StoreError::Changed { path: self.path.clone(), expected, found })
    }
}

/// Opens for reading whatever is there, without waiting for a writer at the other end.
pub(crate) fn open_unchecked(path: &Path, links: Links) -> io::Result<File> {
    let mut flags = OFlags::NONBLOCK | OFlags::CLOEXEC;
    flags.set(OFlags::NOFOLLOW, links == Links::Refuse);
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
}

fn check_regular(path: &Path, metadata: &Metadata) -> Result<(), StoreError> {
    let kind = metadata.file_type();
    let found = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a folder",
        () if kind.is_symlink() => "a symbolic link",
        () if kind.is_fifo() => "a named pipe",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    Err(StoreError::NotRegular { path: path.to_path_buf(), found })
}
