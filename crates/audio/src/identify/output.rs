//! A segment that is being written: a checksum over its body, and its name only when all of it is on the disk.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crc32fast::Hasher;

use super::SoundIndexError;
use super::segment::{MAGIC, VERSION};

/// What the name of an unfinished file ends with.
pub(super) const UNFINISHED: &str = "new";

pub(super) struct Output {
    file: BufWriter<File>,
    path: PathBuf,
    unfinished: PathBuf,
    checksum: Hasher,
}

impl Output {
    pub(super) fn create(path: &Path) -> Result<Self, SoundIndexError> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(format!(".{UNFINISHED}"));
        let unfinished = PathBuf::from(unfinished);
        let file = File::create(&unfinished).map_err(SoundIndexError::io(&unfinished))?;
        let file = BufWriter::with_capacity(1 << 20, file);
        let mut output = Self { file, path: path.to_owned(), unfinished, checksum: Hasher::new() };
        output.write(MAGIC)?;
        output.write(&VERSION.to_le_bytes())?;
        Ok(output)
    }

    /// Adds to the body.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), SoundIndexError> {
        self.checksum.update(bytes);
        self.file.write_all(bytes).map_err(SoundIndexError::io(&self.unfinished))
    }

    /// Adds the footer, waits for the disk, and gives the file its name.
    pub(super) fn finish(mut self, footer: &[u8]) -> Result<(), SoundIndexError> {
        let mut finish = || -> io::Result<()> {
            self.file.write_all(footer)?;
            self.file.write_all(&(footer.len() as u32).to_le_bytes())?;
            self.file.write_all(&crc32fast::hash(footer).to_le_bytes())?;
            self.file.write_all(&self.checksum.clone().finalize().to_le_bytes())?;
            self.file.write_all(MAGIC)?;
            self.file.flush()?;
            self.file.get_ref().sync_all()?;
            fs::rename(&self.unfinished, &self.path)?;
            self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        };
        finish().map_err(|source| SoundIndexError::Io { path: self.path.clone(), source })
    }
}
