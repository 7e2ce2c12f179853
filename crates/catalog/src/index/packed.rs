//! Files that are packed as a whole, for what Tantivy writes at length though it says little: the store of documents of which
//! nothing is stored has a number for each of them, in four bytes, and these count up. So of each byte that is packed, the one
//! four places before is subtracted, and what is left is hardly anything.
//!
//! The layout is Zstandard's seekable format: frames of [`FRAME`] bytes each, the last one perhaps shorter, and behind them one
//! more that says where they are, which other readers skip:
//!
//! ```text
//! 0x184D2A5E, length of what follows (u32 each)  packed length, length (u32 each) of each frame …
//! number of frames (u32) 0 (u8) 0x8F92EAB1 (u32)
//! ```
//! Numbers are little-endian. Nothing that is read is believed; each frame has its checksum, as zstd makes it.

use std::io::{self, Write};
use std::ops::Range;
use std::sync::Arc;

use parking_lot::Mutex;
use tantivy::HasLen;
use tantivy::directory::{AntiCallToken, FileHandle, OwnedBytes, TerminatingWrite, WritePtr};
use zstd::bulk::Compressor;

use crate::beside::{Cursor, Wrong};

/// Bytes that are packed together: enough for what repeats, and unpacked in less than a millisecond.
const FRAME: usize = 1 << 18;
/// How far in front of a byte of a frame that one lies which is subtracted.
const STRIDE: usize = 4;
/// What repeats is found by the fastest level as well.
const LEVEL: i32 = 1;
const SKIPPED: u32 = 0x184D_2A5E;
const SEEKABLE: u32 = 0x8F92_EAB1;
const HEAD: usize = 4 + 4;
const ENTRY: usize = 4 + 4;
const TRAILER: usize = 4 + 1 + 4;

/// Packs what is written to it.
pub(crate) struct Packer {
    file: WritePtr,
    compressor: Compressor<'static>,
    /// Less than a frame.
    waiting: Vec<u8>,
    table: Vec<u8>,
}

impl Packer {
    pub(crate) fn new(file: WritePtr) -> io::Result<Self> {
        let mut compressor = Compressor::new(LEVEL)?;
        compressor.set_parameter(zstd::zstd_safe::CParameter::ChecksumFlag(true))?;
        Ok(Self { file, compressor, waiting: Vec::with_capacity(FRAME), table: Vec::new() })
    }

    fn pack(&mut self) -> io::Result<()> {
        for at in (STRIDE..self.waiting.len()).rev() {
            self.waiting[at] = self.waiting[at].wrapping_sub(self.waiting[at - STRIDE]);
        }
        let packed = self.compressor.compress(&self.waiting)?;
        self.file.write_all(&packed)?;
        for length in [packed.len(), self.waiting.len()] {
            self.table.extend_from_slice(&(length as u32).to_le_bytes());
        }
        self.waiting.clear();
        Ok(())
    }
}

impl Write for Packer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(FRAME - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..taken]);
        if self.waiting.len() == FRAME {
            self.pack()?;
        }
        Ok(taken)
    }

    /// What is less than a frame waits on.
    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl TerminatingWrite for Packer {
    fn terminate_ref(&mut self, token: AntiCallToken) -> io::Result<()> {
        if !self.waiting.is_empty() {
            self.pack()?;
        }
        let too_long = |_| io::Error::other("a file is too long to be packed");
        let length = u32::try_from(self.table.len() + TRAILER).map_err(too_long)?;
        self.file.write_all(&SKIPPED.to_le_bytes())?;
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(&self.table)?;
        self.file.write_all(&((self.table.len() / ENTRY) as u32).to_le_bytes())?;
        self.file.write_all(&[0])?;
        self.file.write_all(&SEEKABLE.to_le_bytes())?;
        self.file.terminate_ref(token)
    }
}

/// Reads a packed file as what was written.
#[derive(Debug)]
pub(crate) struct Packed {
    file: Arc<dyn FileHandle>,
    /// Where each frame lies.
    frames: Vec<Range<usize>>,
    length: usize,
    /// The frame that was read last: what is read next mostly follows.
    last: Mutex<Option<(usize, OwnedBytes)>>,
}

impl Packed {
    pub(crate) fn open(file: Arc<dyn FileHandle>) -> io::Result<Self> {
        let (frames, length) = read_table(file.as_ref())?;
        Ok(Self { file, frames, length, last: Mutex::new(None) })
    }

    fn frame(&self, number: usize) -> io::Result<OwnedBytes> {
        if let Some((_, frame)) = self.last.lock().as_ref().filter(|(last, _)| *last == number) {
            return Ok(frame.clone());
        }
        let length = FRAME.min(self.length - number * FRAME);
        let packed = self.file.read_bytes(self.frames[number].clone())?;
        let mut frame = zstd::bulk::decompress(&packed, length).map_err(|error| damaged(&error.to_string()))?;
        if frame.len() != length {
            return Err(damaged("a frame has another length"));
        }
        for at in STRIDE..frame.len() {
            frame[at] = frame[at].wrapping_add(frame[at - STRIDE]);
        }
        let frame = OwnedBytes::new(frame);
        *self.last.lock() = Some((number, frame.clone()));
        Ok(frame)
    }
}

impl HasLen for Packed {
    fn len(&self) -> usize {
        self.length
    }
}

impl FileHandle for Packed {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        if range.start > range.end || range.end > self.length {
            return Err(damaged("something points beyond its end"));
        }
        let mut bytes = Vec::with_capacity(range.len().min(FRAME));
        for number in range.start / FRAME..range.end.div_ceil(FRAME) {
            let frame = self.frame(number)?;
            let within = |place: usize| place.saturating_sub(number * FRAME).min(frame.len());
            bytes.extend_from_slice(&frame[within(range.start)..within(range.end)]);
        }
        Ok(OwnedBytes::new(bytes))
    }
}

/// Where the frames lie, and how long they are together when they are unpacked.
fn read_table(file: &dyn FileHandle) -> io::Result<(Vec<Range<usize>>, usize)> {
    let cut_off = || damaged("it was cut off");
    let wrong = |Wrong(what)| damaged(what);
    let entries_end = file.len().checked_sub(TRAILER).ok_or_else(cut_off)?;
    let trailer = file.read_bytes(entries_end..file.len())?;
    let mut trailer = Cursor(&trailer);
    let count = trailer.u32().map_err(wrong)? as usize;
    if trailer.byte().map_err(wrong)? != 0 || trailer.u32().map_err(wrong)? != SEEKABLE {
        return Err(damaged("it is something else, or it was cut off"));
    }
    let table = count.checked_mul(ENTRY).and_then(|bytes| bytes.checked_add(HEAD));
    let frames_end = table.and_then(|bytes| entries_end.checked_sub(bytes)).ok_or_else(cut_off)?;
    let table = file.read_bytes(frames_end..entries_end)?;
    let mut table = Cursor(&table);
    let (skipped, follows) = (table.u32().map_err(wrong)?, table.u32().map_err(wrong)?);
    if skipped != SKIPPED || follows as usize != count * ENTRY + TRAILER {
        return Err(damaged("its table begins elsewhere"));
    }
    let (mut frames, mut end, mut length) = (Vec::with_capacity(count), 0_usize, 0);
    for number in 1..=count {
        let (packed, unpacked) = (table.u32().map_err(wrong)? as usize, table.u32().map_err(wrong)? as usize);
        if unpacked != FRAME && (number < count || !(1..FRAME).contains(&unpacked)) {
            return Err(damaged("a frame has an impossible length"));
        }
        frames.push(end..end + packed);
        end += packed;
        length += unpacked;
    }
    if end != frames_end {
        return Err(damaged("its frames end elsewhere"));
    }
    Ok((frames, length))
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("a packed file is damaged: {what}"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tantivy::Directory as _;
    use tantivy::directory::RamDirectory;

    use super::*;

    /// Blocks of places, as a store of documents without anything has them.
    fn places(length: usize) -> Vec<u8> {
        let block: Vec<u8> = std::iter::repeat_n(1, 30_001).chain((0..30_001_u32).flat_map(u32::to_le_bytes)).collect();
        block.iter().copied().cycle().take(length).collect()
    }

    fn pack(bytes: &[u8]) -> Vec<u8> {
        let directory = RamDirectory::create();
        let path = Path::new("file");
        let mut packer = Packer::new(directory.open_write(path).expect("open")).expect("zstd");
        for some in bytes.chunks(10_007) {
            packer.write_all(some).expect("write");
            packer.flush().expect("flush");
        }
        packer.terminate().expect("end");
        directory.atomic_read(path).expect("read")
    }

    fn open(file: Vec<u8>) -> io::Result<Packed> {
        Packed::open(Arc::new(OwnedBytes::new(file)))
    }

    fn read(file: Vec<u8>) -> io::Result<Vec<u8>> {
        let packed = open(file)?;
        Ok(packed.read_bytes(0..packed.len())?.to_vec())
    }

    #[test]
    fn packed_bytes_come_back_from_any_place() {
        for length in [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME + 12_345] {
            let bytes = places(length);
            let packed = open(pack(&bytes)).expect("open");
            assert_eq!(packed.len(), length);
            for start in [0, 1, FRAME - 1, FRAME, 2 * FRAME + 7, length] {
                for end in [start, start + 1, FRAME, FRAME + 5, length].map(|end| end.min(length)) {
                    if start <= end {
                        assert_eq!(&*packed.read_bytes(start..end).expect("read"), &bytes[start..end]);
                    }
                }
            }
            packed.read_bytes(0..length + 1).expect_err("beyond its end");
        }
    }

    #[test]
    fn what_counts_up_is_packed_to_nearly_nothing_and_zstd_unpacks_the_differences() {
        let bytes = places(3 * FRAME + 12_345);
        let packed = pack(&bytes);
        assert!(packed.len() * 400 < bytes.len(), "{} of {}", packed.len(), bytes.len());
        let differences = zstd::decode_all(packed.as_slice()).expect("unpack");
        assert_eq!(differences.len(), bytes.len());
        let is_right = |at: usize| differences[at] == bytes[at].wrapping_sub(bytes[at - STRIDE]);
        assert!((FRAME + STRIDE..2 * FRAME).all(is_right));
    }

    #[test]
    fn a_truncated_packed_file_is_found_damaged() {
        let whole = pack(&places(FRAME + 1000));
        for left in 0..whole.len() {
            let error = open(whole[..left].to_vec()).expect_err("truncated");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }

    #[test]
    fn a_wrong_bit_in_a_packed_file_never_gives_other_bytes() {
        let bytes = places(FRAME + 1000);
        let whole = pack(&bytes);
        for bit in 0..whole.len() * 8 {
            let mut wrong = whole.clone();
            wrong[bit / 8] ^= 1 << (bit % 8);
            match read(wrong) {
                Ok(read) => assert_eq!(read, bytes, "bit {bit}"),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::InvalidData, "bit {bit}"),
            }
        }
    }

    #[test]
    fn a_table_that_claims_anything_is_refused() {
        let whole = pack(&places(2 * FRAME + 1000));
        let table = whole.len() - TRAILER - 3 * ENTRY;
        let with = |at: usize, number: u32| {
            let mut wrong = whole.clone();
            wrong[at..at + 4].copy_from_slice(&number.to_le_bytes());
            open(wrong)
        };
        for number in [0, 1, 4, u32::MAX] {
            with(whole.len() - TRAILER, number).expect_err("frames");
            with(table - 4, number).expect_err("the length of the table");
            with(table, number).expect_err("a packed length");
            with(table + 4, number).expect_err("the length of a frame that is not the last");
        }
        for number in [0, FRAME as u32 + 1, u32::MAX] {
            with(whole.len() - TRAILER - 4, number).expect_err("the length of the last frame");
        }
        assert_eq!(open(Vec::new()).expect_err("nothing").kind(), io::ErrorKind::InvalidData);
    }
}
