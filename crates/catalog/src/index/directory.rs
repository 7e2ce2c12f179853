//! The files of a generation, mapped into memory.
//!
//! A fault in a mapped file has the kernel read on behind it, up to as much as is set for the disk: some hundred KiB on most
//! machines, 8 MiB on some. That is right for lists of documents, which are read from their start on. Columns and dictionaries
//! are looked at here and there, a page each, and whoever reads all of a column reads the file before ([`read_through`]).
//!
//! The store of documents is packed as a whole ([`super::packed`]): Tantivy keeps the place of each document in it, and nothing
//! is stored. Only Tantivy reads it, when it merges.

use std::fs::File;
use std::io::{self, BufWriter, Read as _};
use std::path::Path;
use std::sync::Arc;

use tantivy::directory::error::{DeleteError, LockError, OpenReadError, OpenWriteError};
use tantivy::directory::{DirectoryLock, FileHandle, Lock, MmapDirectory, WatchCallback, WatchHandle, WritePtr};
use tantivy::{Directory, SegmentReader};

use super::packed::{Packed, Packer};

#[derive(Debug, Clone)]
pub(crate) struct Mapped {
    all: MmapDirectory,
    /// The same without reading ahead.
    here_and_there: MmapDirectory,
}

impl Mapped {
    pub(crate) fn open(path: &Path) -> tantivy::Result<Self> {
        let all = MmapDirectory::open(path)?;
        #[cfg(unix)]
        let here_and_there = MmapDirectory::open_with_madvice(path, tantivy::directory::Advice::Random)?;
        #[cfg(not(unix))]
        let here_and_there = all.clone();
        Ok(Self { all, here_and_there })
    }
}

impl Directory for Mapped {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        let is_looked_at = path.extension().is_some_and(|ending| ending == "fast" || ending == "term");
        let file = if is_looked_at { &self.here_and_there } else { &self.all }.get_file_handle(path)?;
        if !is_packed(path) {
            return Ok(file);
        }
        let packed = Packed::open(file).map_err(|error| OpenReadError::wrap_io_error(error, path.to_owned()))?;
        Ok(Arc::new(packed))
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        self.all.delete(path)
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        self.all.exists(path)
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        let file = self.all.open_write(path)?;
        if !is_packed(path) {
            return Ok(file);
        }
        let packer = Packer::new(file).map_err(|error| OpenWriteError::wrap_io_error(error, path.to_owned()))?;
        Ok(BufWriter::new(Box::new(packer)))
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        self.all.atomic_read(path)
    }

    fn atomic_write(&self, path: &Path, data: &[u8]) -> io::Result<()> {
        self.all.atomic_write(path, data)
    }

    fn sync_directory(&self) -> io::Result<()> {
        self.all.sync_directory()
    }

    fn acquire_lock(&self, lock: &Lock) -> Result<DirectoryLock, LockError> {
        self.all.acquire_lock(lock)
    }

    fn watch(&self, watch_callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        self.all.watch(watch_callback)
    }
}

fn is_packed(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "store")
}

/// Reads the columns of a segment in `folder`, so that they are in memory when all of their values are looked at.
pub(crate) fn read_through(folder: &Path, segment: &SegmentReader) -> io::Result<()> {
    let name = format!("{}.fast", segment.segment_id().uuid_string());
    let mut file = File::open(folder.join(name))?;
    let mut buffer = vec![0; 1 << 20];
    while file.read(&mut buffer)? > 0 {}
    Ok(())
}
