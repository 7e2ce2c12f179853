//! Small files out of archives that are needed again: one after the other in a file without a name.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use parking_lot::Mutex;

const CHUNK_BYTES: usize = 64 << 10;

/// Such a file, made when the first bytes come, and gone with its last user.
#[derive(Debug)]
pub(in crate::ingest) struct Spool {
    folder: PathBuf,
    file: OnceLock<File>,
    end: Mutex<u64>,
}

impl Spool {
    /// In a folder, which must exist.
    pub(in crate::ingest) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), file: OnceLock::new(), end: Mutex::new(0) }
    }

    /// Keeps at most so many bytes; `None` where there are more.
    pub(super) fn keep(&self, bytes: &mut dyn Read, most: u64) -> io::Result<Option<Range<u64>>> {
        let mut end = self.end.lock();
        if self.file.get().is_none() {
            let _ = self.file.set(tempfile::tempfile_in(&self.folder)?);
        }
        let file = self.file.get().ok_or_else(|| io::Error::other("no temporary file"))?;
        let (start, mut buffer) = (*end, vec![0; CHUNK_BYTES]);
        let mut at = start;
        loop {
            let read = bytes.read(&mut buffer)?;
            if read == 0 {
                *end = at;
                return Ok(Some(start..at));
            }
            if at + read as u64 - start > most {
                return Ok(None);
            }
            file.write_all_at(&buffer[..read], at)?;
            at += read as u64;
        }
    }

    pub(super) fn read(&self, range: Range<u64>) -> io::Result<Vec<u8>> {
        let file = self.file.get().ok_or(io::ErrorKind::NotFound)?;
        let mut bytes = vec![0; (range.end - range.start) as usize];
        file.read_exact_at(&mut bytes, range.start)?;
        Ok(bytes)
    }
}
