//! Reading a foreign file: bounded reads at a place, and a view of it with the parts left out that no decoder needs.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use symphonia::core::io::{MediaSource, MediaSourceStream};

/// A file that remembers the first read that the disk failed, whatever the reader makes of it: one that takes it for the end
/// of the sound would have us say that a whole file arrived incomplete.
#[derive(Debug)]
pub(crate) struct File {
    file: fs::File,
    failed: Failed,
}

/// What a [`File`] remembers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Failed(Arc<Mutex<Option<io::Error>>>);

impl Failed {
    pub(crate) fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl File {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: fs::File::open(path)?, failed: Failed::default() })
    }

    /// The same once more, with a place of its own.
    pub(crate) fn again(&self, path: &Path) -> io::Result<Self> {
        Ok(Self { file: fs::File::open(path)?, failed: self.failed.clone() })
    }

    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { file: self.file.try_clone()?, failed: self.failed.clone() })
    }

    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    pub(crate) fn failed(&self) -> Failed {
        self.failed.clone()
    }
}

impl Read for File {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer);
        if let Err(error) = &read
            && error.kind() != ErrorKind::Interrupted
        {
            let same = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
            self.failed.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(same);
        }
        read
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Reads up to `count` bytes from `offset`; fewer only where the file ends.
pub(crate) fn read_at(file: &mut File, offset: u64, count: usize) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.by_ref().take(count as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A 16-bit big-endian number at `at`, if the bytes reach that far.
pub(crate) fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// A 32-bit big-endian number at `at`, if the bytes reach that far.
pub(crate) fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A 64-bit big-endian number at `at`, if the bytes reach that far.
pub(crate) fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// A 16-bit little-endian number at `at`, if the bytes reach that far.
pub(crate) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// A 32-bit little-endian number at `at`, if the bytes reach that far.
pub(crate) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// A 64-bit little-endian number at `at`, if the bytes reach that far.
pub(crate) fn le64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// Four bytes replaced wherever a reader comes across them, at an offset of the file.
pub(crate) type Patch = (u64, [u8; 4]);

/// A file as a demultiplexer gets to see it: some bytes of ours, then a stretch of the file.
///
/// Demultiplexers read tags and pictures into memory without a limit. Tags are read elsewhere, so here they are left out
/// (by a `prefix` that stands for all that comes before the sound) or renamed to padding (by `patches`).
pub(crate) struct View {
    file: File,
    prefix: Vec<u8>,
    start: u64,
    end: u64,
    patches: Vec<Patch>,
    position: u64,
}

impl View {
    /// The bytes from `start` to `end` of a file.
    pub(crate) fn new(file: File, start: u64, end: u64) -> Self {
        Self { file, prefix: Vec::new(), start, end: end.max(start), patches: Vec::new(), position: 0 }
    }

    /// The same with bytes before them.
    pub(crate) fn with_prefix(mut self, prefix: Vec<u8>) -> Self {
        self.prefix = prefix;
        self
    }

    /// The same with some four-byte words replaced.
    pub(crate) fn with_patches(mut self, patches: Vec<Patch>) -> Self {
        self.patches = patches;
        self
    }

    /// As the stream that demultiplexers take.
    pub(crate) fn into_stream(self) -> MediaSourceStream<'static> {
        MediaSourceStream::new(Box::new(self), symphonia::core::io::MediaSourceStreamOptions::default())
    }

    fn len(&self) -> u64 {
        self.prefix.len() as u64 + self.end - self.start
    }
}

impl Read for View {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let prefix_len = self.prefix.len() as u64;
        let count = if self.position < prefix_len {
            let rest = &self.prefix[self.position as usize..];
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            count
        } else {
            let offset = self.start + self.position - prefix_len;
            let count = self.end.saturating_sub(offset).min(buffer.len() as u64) as usize;
            self.file.seek(SeekFrom::Start(offset))?;
            let count = self.file.read(&mut buffer[..count])?;
            for (at, word) in &self.patches {
                for (place, byte) in (*at..).zip(word.iter()) {
                    if place >= offset && place < offset + count as u64 {
                        buffer[(place - offset) as usize] = *byte;
                    }
                }
            }
            count
        };
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for View {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.len().checked_add_signed(by),
        };
        self.position = position.ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "seek before the beginning"))?;
        Ok(self.position)
    }
}

impl MediaSource for View {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_view_shows_prefix_stretch_and_patches() {
        let mut file = tempfile::tempfile().expect("temporary file");
        file.write_all(b"0123456789abcdef").expect("write");
        let file = File { file, failed: Failed::default() };
        let mut view = View::new(file, 2, 14).with_prefix(b"xyz".to_vec()).with_patches(vec![(4, *b"free")]);
        let mut text = String::new();
        view.read_to_string(&mut text).expect("read");
        assert_eq!(text, "xyz23free89abcd");
        assert_eq!(view.byte_len(), Some(15));
        assert_eq!(view.seek(SeekFrom::End(-2)).expect("seek"), 13);
        text.clear();
        view.read_to_string(&mut text).expect("read");
        assert_eq!(text, "cd");
        assert!(view.seek(SeekFrom::Current(-99)).is_err());
    }

    #[test]
    fn a_failed_read_is_remembered_whatever_the_reader_makes_of_it() {
        let folder = tempfile::tempdir().expect("temporary folder");
        // A folder can be opened, and no byte of it be read.
        let mut file = File::open(folder.path()).expect("opened");
        let (failed, mut again) = (file.failed(), file.again(folder.path()).expect("opened"));
        assert!(failed.take().is_none());
        assert!(again.read(&mut [0; 4]).is_err());
        let said = failed.take().expect("remembered");
        assert_eq!(said.kind(), ErrorKind::IsADirectory);
        assert!(failed.take().is_none() && file.read(&mut [0; 4]).is_err());
    }
}
