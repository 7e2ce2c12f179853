//! Files that Tantivy writes once and reads here and there, compressed frame by frame.
//!
//! Tantivy's document store holds next to nothing, but says of each document where its nothing lies: 5 bytes a document, each block
//! of which is like the one before. Compressed block by block that is 2 bytes a document still; over a frame of many blocks it is
//! hardly any.
//!
//! ```text
//! frames …  length of each frame (u32) length of what was packed (u64) number of frames (u32) CRC-32 of these (u32) "fonopack"
//! ```
//! Numbers are little-endian; all frames but the last one hold [`FRAME`] bytes. Tantivy's own checksum covers what was packed.

use std::fmt;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tantivy::HasLen;
use tantivy::directory::{AntiCallToken, FileHandle, OwnedBytes, TerminatingWrite, WritePtr};

/// Bytes that are compressed together: a read unpacks as many.
const FRAME: usize = 1 << 20;
/// What repeats lies near.
const LEVEL: i32 = 1;
const MAGIC: &[u8; 8] = b"fonopack";
/// Behind the lengths of the frames.
const TRAILER: usize = 8 + 4 + 4 + 8;

/// What is written to it reaches the file in frames.
pub(super) fn pack(file: WritePtr) -> WritePtr {
    BufWriter::new(Box::new(Packer { file, frame: Vec::new(), lengths: Vec::new(), length: 0 }))
}

struct Packer {
    file: WritePtr,
    frame: Vec<u8>,
    lengths: Vec<u32>,
    length: u64,
}

impl Packer {
    fn end_frame(&mut self) -> io::Result<()> {
        let packed = zstd::bulk::compress(&self.frame, LEVEL)?;
        self.lengths.push(packed.len() as u32);
        self.length += self.frame.len() as u64;
        self.frame.clear();
        self.file.write_all(&packed)
    }
}

impl Write for Packer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let some = bytes.len().min(FRAME - self.frame.len());
        self.frame.extend_from_slice(&bytes[..some]);
        if self.frame.len() == FRAME {
            self.end_frame()?;
        }
        Ok(some)
    }

    /// A frame that is not full stays here: there is no file before the end is written.
    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl TerminatingWrite for Packer {
    fn terminate_ref(&mut self, token: AntiCallToken) -> io::Result<()> {
        if !self.frame.is_empty() {
            self.end_frame()?;
        }
        let mut end: Vec<u8> = self.lengths.iter().flat_map(|length| length.to_le_bytes()).collect();
        end.extend(self.length.to_le_bytes());
        end.extend((self.lengths.len() as u32).to_le_bytes());
        end.extend(crc32fast::hash(&end).to_le_bytes());
        end.extend(MAGIC);
        self.file.write_all(&end)?;
        self.file.terminate_ref(token)
    }
}

/// A packed file, open.
pub(super) struct Packed {
    path: PathBuf,
    file: Arc<dyn FileHandle>,
    /// Where each frame begins, and where the last one ends.
    starts: Vec<usize>,
    length: usize,
    /// The last frame that was read.
    last: Mutex<Option<(usize, OwnedBytes)>>,
}

impl fmt::Debug for Packed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Packed({})", self.path.display())
    }
}

impl HasLen for Packed {
    fn len(&self) -> usize {
        self.length
    }
}

impl Packed {
    pub(super) fn open(path: &Path, file: Arc<dyn FileHandle>) -> io::Result<Self> {
        let damaged = || damaged(path, "it does not end as it should");
        let trailer_at = file.len().checked_sub(TRAILER).ok_or_else(damaged)?;
        let trailer = file.read_bytes(trailer_at..file.len())?;
        let (length, rest) = trailer.split_first_chunk::<8>().ok_or_else(damaged)?;
        let (count, rest) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
        let (checksum, magic) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
        let count = u32::from_le_bytes(*count) as usize;
        let ends_at = count.checked_mul(4).and_then(|bytes| trailer_at.checked_sub(bytes)).ok_or_else(damaged)?;
        let ends = file.read_bytes(ends_at..file.len() - 8 - 4)?;
        if magic != MAGIC || crc32fast::hash(&ends) != u32::from_le_bytes(*checksum) {
            return Err(damaged());
        }
        let mut starts = vec![0_usize];
        for length in ends[..count * 4].as_chunks::<4>().0 {
            let next = starts[starts.len() - 1].checked_add(u32::from_le_bytes(*length) as usize);
            starts.push(next.filter(|next| *next <= ends_at).ok_or_else(damaged)?);
        }
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged())?;
        if starts[count] != ends_at || length.div_ceil(FRAME) != count {
            return Err(damaged());
        }
        Ok(Self { path: path.to_owned(), file, starts, length, last: Mutex::new(None) })
    }

    fn frame(&self, number: usize) -> io::Result<OwnedBytes> {
        let last = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, bytes)) = &*last()
            && *known == number
        {
            return Ok(bytes.clone());
        }
        let packed = self.file.read_bytes(self.starts[number]..self.starts[number + 1])?;
        let wanted = (self.length - number * FRAME).min(FRAME);
        let bytes = zstd::bulk::decompress(&packed, wanted)?;
        if bytes.len() != wanted {
            return Err(damaged(&self.path, "a frame is too short"));
        }
        let bytes = OwnedBytes::new(bytes);
        *last() = Some((number, bytes.clone()));
        Ok(bytes)
    }
}

impl FileHandle for Packed {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        if range.is_empty() {
            return Ok(OwnedBytes::empty());
        }
        if range.end > self.length {
            return Err(damaged(&self.path, "more is read than it has"));
        }
        let frames = range.start / FRAME..range.end.div_ceil(FRAME);
        let of_frame = |number: usize| -> io::Result<OwnedBytes> {
            let start = number * FRAME;
            Ok(self.frame(number)?.slice(range.start.max(start) - start..range.end.min(start + FRAME) - start))
        };
        if frames.len() == 1 {
            return of_frame(frames.start);
        }
        let mut bytes = Vec::with_capacity(range.len());
        for number in frames {
            bytes.extend_from_slice(&of_frame(number)?);
        }
        Ok(OwnedBytes::new(bytes))
    }
}

fn damaged(path: &Path, what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", path.display()))
}

#[cfg(test)]
mod tests {
    use tantivy::Directory as _;
    use tantivy::directory::RamDirectory;

    use super::*;

    fn some_bytes(length: usize) -> Vec<u8> {
        (0..length).map(|at| if at % 5 == 4 { (at / 5 % 251) as u8 } else { (at / 997) as u8 }).collect()
    }

    fn packed(bytes: &[u8]) -> (RamDirectory, &'static Path) {
        let (folder, path) = (RamDirectory::create(), Path::new("x.store"));
        let mut file = pack(folder.open_write(path).expect("a file"));
        bytes.chunks(70_001).for_each(|some| file.write_all(some).expect("written"));
        file.terminate().expect("ended");
        (folder, path)
    }

    fn open(folder: &RamDirectory, path: &Path) -> io::Result<Packed> {
        Packed::open(path, folder.get_file_handle(path).expect("there"))
    }

    #[test]
    fn any_part_comes_back() {
        for length in [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME + 17] {
            let bytes = some_bytes(length);
            let (folder, path) = packed(&bytes);
            let file = open(&folder, path).expect("sound");
            assert_eq!(file.len(), length);
            for start in [0, 1, FRAME - 1, FRAME, 2 * FRAME + 5, length] {
                for end in [0, 1, 100, FRAME, FRAME + 3, 3 * FRAME, length] {
                    if start <= end && end <= length {
                        assert_eq!(&*file.read_bytes(start..end).expect("read"), &bytes[start..end], "{start}..{end}");
                    }
                }
            }
            assert!(file.read_bytes(0..length + 1).is_err());
        }
    }

    #[test]
    fn what_repeats_takes_next_to_nothing() {
        let bytes: Vec<u8> = (0..4 * FRAME).map(|at| (at % 16_384 / 5 % 256) as u8).collect();
        let (folder, path) = packed(&bytes);
        let length = folder.open_read(path).expect("there").len();
        assert!(length < bytes.len() / 100, "{length}");
    }

    #[test]
    fn damage_is_an_error_or_other_bytes_and_no_panic() {
        let bytes = some_bytes(FRAME + 5000);
        let (folder, path) = packed(&bytes);
        let sound = folder.open_read(path).expect("there").read_bytes().expect("read").to_vec();
        let mut refused = 0;
        for at in (0..sound.len()).step_by(sound.len() / 300).chain(sound.len() - 40..sound.len()) {
            for cut in [false, true] {
                let mut changed = sound.clone();
                if cut {
                    changed.truncate(at);
                } else {
                    changed[at] ^= 4;
                }
                folder.atomic_write(path, &changed).expect("written");
                let read = open(&folder, path).and_then(|file| file.read_bytes(0..file.len()));
                refused += usize::from(read.is_err());
            }
        }
        assert!(refused > 300, "{refused}");
    }
}
