//! Files to read, opened without trusting what they are and read without trusting that they stay the same.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek};
use std::num::NonZeroU64;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fonoteca_model::{BlobHasher, BlobHashes, PIECE_BYTES, Timestamp};
use rustix::fs::{Advice, AtFlags, CWD, OFlags};

use crate::error::StoreError;

/// Whether a symlink stands for the file that it points to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Links {
    Follow,
    Refuse,
}

/// What a file looks like from outside. While this stays, its bytes are taken to stay too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// When it was last modified.
    pub mtime: Timestamp,
    /// Its inode.
    pub inode: u64,
}

impl Stamp {
    /// That of the file at a path, where there is one.
    pub fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().filter(Metadata::is_file).map(|metadata| Self::of(&metadata))
    }

    /// That of a file whose metadata are at hand.
    pub fn of(metadata: &Metadata) -> Self {
        let mtime = metadata.mtime().saturating_mul(1_000_000).saturating_add(metadata.mtime_nsec() / 1_000);
        Self { size: metadata.len(), mtime: Timestamp(mtime), inode: metadata.ino() }
    }
}

/// A file changed so recently could change again within the same tick of its time stamp, and nobody would see it. The
/// kernel's ticks are 10 ms at most; file systems that keep whole seconds have ticks of 2 s.
const TICK: Duration = Duration::from_millis(20);
const COARSE_TICK: Duration = Duration::from_secs(2);

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

    /// Opens a file that is to be taken in, of at most so many bytes, once it is at rest.
    pub(crate) fn open_to_take(path: &Path, max_bytes: u64) -> Result<Self, StoreError> {
        let mut source = Self::open(path, Links::Follow)?;
        source.rest()?;
        let size = source.size();
        if size > max_bytes {
            return Err(StoreError::TooLarge { name: source.name(), size, limit: max_bytes });
        }
        Ok(source)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    pub(crate) fn size(&self) -> u64 {
        self.before.len()
    }

    /// What it was like when it was opened.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp::of(&self.before)
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// The bytes from `at` on that fill the buffer. Fails where the file was changed since it was opened.
    pub(crate) fn read_at(&self, buffer: &mut [u8], at: u64) -> Result<(), StoreError> {
        self.read_exact_at(buffer, at).map_err(StoreError::on("read", &self.path))?;
        self.check_unchanged(self.size())
    }

    /// Whether it is on the file system of that folder.
    pub(crate) fn is_beside(&self, folder: &Path) -> bool {
        fs::metadata(folder).is_ok_and(|metadata| metadata.dev() == self.before.dev())
    }

    /// Gives the open file, and no other that may stand at its path by now, a second name.
    pub(crate) fn link_to(&self, target: &Path) -> io::Result<()> {
        let open = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        Ok(rustix::fs::linkat(CWD, open, CWD, target, AtFlags::SYMLINK_FOLLOW)?)
    }

    /// Waits until every later change will show in the time stamp.
    fn rest(&mut self) -> Result<(), StoreError> {
        let tick = if self.before.mtime_nsec() == 0 { COARSE_TICK } else { TICK };
        // One that was modified in the future gets another time stamp by any change.
        let age = self.before.modified().ok().and_then(|at| SystemTime::now().duration_since(at).ok());
        if let Some(left) = age.and_then(|age| tick.checked_sub(age)) {
            std::thread::sleep(left);
            self.before = self.file.metadata().map_err(StoreError::on("read the size of", &self.path))?;
        }
        Ok(())
    }

    /// How many names the file has.
    pub(crate) fn names(&self) -> u64 {
        self.before.nlink()
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Reads all bytes once from the start, hashes them and hands them to `each`.
    pub(crate) fn hash(&mut self, each: impl FnMut(&[u8]) -> Result<(), StoreError>) -> Result<BlobHashes, StoreError> {
        self.file.rewind().map_err(StoreError::on("read", &self.path))?;
        self.read_through(&self.file, each)
    }

    /// Hashes a copy that was made of it.
    pub(crate) fn hash_from(&self, copy: &File) -> Result<BlobHashes, StoreError> {
        self.read_through(copy, |_| Ok(()))
    }

    fn read_through(
        &self,
        mut file: &File,
        mut each: impl FnMut(&[u8]) -> Result<(), StoreError>,
    ) -> Result<BlobHashes, StoreError> {
        let mut hasher = BlobHasher::new();
        let mut buffer = vec![0; PIECE_BYTES.min(self.size().max(1) as usize)];
        loop {
            let read = match file.read(&mut buffer) {
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

    /// Reads from `offset` until the buffer is full; fails where the file is shorter than when it was opened. Whether it was
    /// changed, [`Self::check_unchanged`] tells once all is read.
    pub(crate) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
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
