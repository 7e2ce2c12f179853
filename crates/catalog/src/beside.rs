//! The frame of files that are derived from a Parquet file and lie beside it: magic and version in front, a footer with a
//! checksum at the end, written under another name and renamed when all of it is on the disk.
//!
//! ```text
//! magic (8 bytes) version (u32)  body …  footer …  footer length (u32) CRC-32 of footer, of body (u32 each) magic (8 bytes)
//! ```
//! Numbers are little-endian. Nothing that is read is believed: every length is compared with what there is.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use crc32fast::Hasher;

/// Longest footer that is believed: block lengths and dictionaries of very large files.
const MAX_FOOTER: usize = 1 << 30;
const TRAILER: usize = 4 + 4 + 4 + 8;
const HEAD: usize = 8 + 4;
const ENDING_OF_UNFINISHED: &str = "new";

/// What can go wrong with a derived file.
#[derive(Debug, thiserror::Error)]
pub enum BesideError {
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
}

impl BesideError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::UnexpectedEof => Self::Damaged { path, what: "it ends too early".to_owned() },
            io::ErrorKind::NotFound => Self::Damaged { path, what: "it is missing".to_owned() },
            _ => Self::Io { path, source },
        }
    }

    pub(crate) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }
}

/// What a derived file is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    pub magic: &'static [u8; 8],
    pub version: u32,
}

/// A file that is being written.
pub(crate) struct FrameWriter {
    file: BufWriter<File>,
    path: PathBuf,
    unfinished: PathBuf,
    format: Format,
    checksum: Hasher,
    written: u64,
}

impl FrameWriter {
    pub(crate) fn create(path: &Path, format: Format) -> Result<Self, BesideError> {
        let mut unfinished = path.as_os_str().to_owned();
        unfinished.push(format!(".{ENDING_OF_UNFINISHED}"));
        let unfinished = PathBuf::from(unfinished);
        let file = File::create(&unfinished).map_err(BesideError::io(&unfinished))?;
        let file = BufWriter::with_capacity(1 << 20, file);
        let mut writer = Self { file, path: path.to_owned(), unfinished, format, checksum: Hasher::new(), written: 0 };
        writer.write(format.magic)?;
        writer.write(&format.version.to_le_bytes())?;
        Ok(writer)
    }

    /// Adds to the body.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), BesideError> {
        self.file.write_all(bytes).map_err(BesideError::io(&self.unfinished))?;
        self.checksum.update(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where in the file the next byte goes.
    pub(crate) const fn position(&self) -> u64 {
        self.written
    }

    /// Adds the footer, waits for the disk, and gives the file its name.
    pub(crate) fn finish(self, footer: &[u8]) -> Result<(), BesideError> {
        let Self { mut file, path, unfinished, format, checksum, .. } = self;
        let length = u32::try_from(footer.len()).ok().filter(|length| *length as usize <= MAX_FOOTER);
        let length = length.ok_or_else(|| BesideError::damaged(&path, "its footer would be too long"))?;
        let mut finish = || -> io::Result<()> {
            file.write_all(footer)?;
            file.write_all(&length.to_le_bytes())?;
            file.write_all(&crc32fast::hash(footer).to_le_bytes())?;
            file.write_all(&checksum.clone().finalize().to_le_bytes())?;
            file.write_all(format.magic)?;
            file.flush()?;
            file.get_ref().sync_all()?;
            fs::rename(&unfinished, &path)?;
            path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        };
        finish().map_err(|source| BesideError::Io { path: path.clone(), source })
    }
}

/// Whether a file of this name is one that a killed process left.
pub(crate) fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == ENDING_OF_UNFINISHED)
}

/// A file that is read, of which the footer was found to be whole.
#[derive(Debug)]
pub(crate) struct Frame {
    file: File,
    path: PathBuf,
    /// Where the footer begins.
    body_end: u64,
    body_checksum: u32,
}

impl Frame {
    /// Opens a file and gives its footer.
    pub(crate) fn open(path: &Path, format: Format) -> Result<(Self, Vec<u8>), BesideError> {
        let damaged = |what: &str| BesideError::damaged(path, what);
        let io = || BesideError::io(path);
        let file = File::open(path).map_err(io())?;
        let length = file.metadata().map_err(io())?.len();
        if length < (HEAD + TRAILER) as u64 {
            return Err(damaged("it is too short"));
        }
        let mut head = [0; HEAD];
        read_at(&file, &mut head, 0).map_err(io())?;
        let mut trailer = [0; TRAILER];
        read_at(&file, &mut trailer, length - TRAILER as u64).map_err(io())?;
        if head[..8] != *format.magic || trailer[12..] != *format.magic {
            return Err(damaged("it is something else, or it was cut off"));
        }
        let version = u32_at(&head, 8);
        if version != format.version {
            return Err(damaged(&format!("it has version {version}, not {}", format.version)));
        }
        let footer_length = u32_at(&trailer, 0) as usize;
        let room = length - (HEAD + TRAILER) as u64;
        if footer_length > MAX_FOOTER || footer_length as u64 > room {
            return Err(damaged("its footer is longer than the file"));
        }
        let body_end = length - TRAILER as u64 - footer_length as u64;
        let mut footer = vec![0; footer_length];
        read_at(&file, &mut footer, body_end).map_err(io())?;
        if crc32fast::hash(&footer) != u32_at(&trailer, 4) {
            return Err(damaged("its footer has a wrong checksum"));
        }
        let body_checksum = u32_at(&trailer, 8);
        Ok((Self { file, path: path.to_owned(), body_end, body_checksum }, footer))
    }

    /// Where the body lies in the file.
    pub(crate) const fn body(&self) -> std::ops::Range<u64> {
        HEAD as u64..self.body_end
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn damaged(&self, what: impl Into<String>) -> BesideError {
        BesideError::damaged(&self.path, what)
    }

    /// Bytes of the body.
    pub(crate) fn read(&self, position: u64, length: usize) -> Result<Vec<u8>, BesideError> {
        if position.checked_add(length as u64).is_none_or(|end| end > self.body_end) {
            return Err(self.damaged("it points beyond its end"));
        }
        let mut bytes = vec![0; length];
        read_at(&self.file, &mut bytes, position).map_err(BesideError::io(&self.path))?;
        Ok(bytes)
    }

    /// Reads the whole body and compares its checksum.
    pub(crate) fn verify(&self) -> Result<(), BesideError> {
        let mut checksum = Hasher::new();
        let mut buffer = vec![0; 1 << 20];
        let mut at = 0;
        while at < self.body_end {
            let some = usize::try_from(self.body_end - at).unwrap_or(usize::MAX).min(buffer.len());
            read_at(&self.file, &mut buffer[..some], at).map_err(BesideError::io(&self.path))?;
            checksum.update(&buffer[..some]);
            at += some as u64;
        }
        if checksum.finalize() == self.body_checksum { Ok(()) } else { Err(self.damaged("it has a wrong checksum")) }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

#[cfg(unix)]
pub(crate) fn read_at(file: &File, buffer: &mut [u8], position: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, position)
}

#[cfg(windows)]
pub(crate) fn read_at(file: &File, mut buffer: &mut [u8], mut position: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, buffer, position)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                buffer = &mut buffer[read..];
                position += read as u64;
            }
        }
    }
    Ok(())
}

/// Something that is read is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrong(pub &'static str);

/// Reads numbers and texts from bytes that may be anything.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor<'a>(pub &'a [u8]);

impl<'a> Cursor<'a> {
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Wrong> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Wrong("a part is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Wrong> {
        Ok(self.take(1)?[0])
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Wrong> {
        Ok(u32_at(self.take(4)?, 0))
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Wrong> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(Wrong("a number is too long"))
    }

    pub(crate) fn signed(&mut self) -> Result<i64, Wrong> {
        Ok(unzigzag(self.varint()?))
    }

    /// A number that counts things of `at_least` bytes each, all of which are still to come.
    pub(crate) fn count(&mut self, at_least: usize) -> Result<usize, Wrong> {
        let count = usize::try_from(self.varint()?).map_err(|_| Wrong("a count is too large"))?;
        if count.checked_mul(at_least).is_none_or(|bytes| bytes > self.0.len()) {
            return Err(Wrong("a count is larger than the rest"));
        }
        Ok(count)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Wrong> {
        let length = self.count(1)?;
        std::str::from_utf8(self.take(length)?).map_err(|_| Wrong("a text is not UTF-8"))
    }
}

pub(crate) fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// A signed number as one that is small where the number is near zero, whatever its sign.
pub(crate) const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

pub(crate) const fn unzigzag(coded: u64) -> i64 {
    (coded >> 1) as i64 ^ -((coded & 1) as i64)
}

pub(crate) fn put_signed(bytes: &mut Vec<u8>, value: i64) {
    put_varint(bytes, zigzag(value));
}

pub(crate) fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put_varint(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}
