//! Records that wait on disk, in as many files as keep one of them small: how more is grouped than memory holds.
//!
//! A file is a zstd stream of records, each led by its length. It lives as long as one run and has no version.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write as _};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// Files of one spill at most: each takes about 1 MiB of memory while it is written.
const MOST_PARTS: u64 = 256;
/// Bytes of records that one file should hold.
const PART_BYTES: u64 = 96 << 20;
/// Bytes of one record at most; ours have some hundred.
const RECORD_BYTES: u32 = 1 << 20;

/// What can wait on disk.
pub(super) trait Record: Sized + Send {
    /// Appends its bytes.
    fn put(&self, out: &mut Vec<u8>);
    /// Reads what [`Self::put`] wrote; None: that is not what stands here.
    fn take(input: &mut &[u8]) -> Option<Self>;
}

/// How many files for `records` of about `bytes` each.
pub(super) fn parts(records: u64, bytes: u64) -> usize {
    (records.saturating_mul(bytes) / PART_BYTES + 1).min(MOST_PARTS) as usize
}

/// Records being written.
pub(super) struct Spilling<T> {
    folder: PathBuf,
    name: String,
    files: Vec<zstd::Encoder<'static, BufWriter<File>>>,
    counts: Vec<u64>,
    buffer: Vec<u8>,
    of: PhantomData<T>,
}

/// Records that were written; the files go with it.
pub(super) struct Spilled<T> {
    folder: PathBuf,
    name: String,
    counts: Vec<u64>,
    of: PhantomData<T>,
}

fn place(folder: &Path, name: &str, part: usize) -> PathBuf {
    folder.join(format!("{name}-{part}"))
}

impl<T: Record> Spilling<T> {
    /// Begins `parts` files called `name` in `folder`.
    pub(super) fn new(folder: &Path, name: &str, parts: usize) -> io::Result<Self> {
        let files = (0..parts.max(1)).map(|part| {
            let file = File::create(place(folder, name, part))?;
            zstd::Encoder::new(BufWriter::with_capacity(1 << 16, file), 1)
        });
        let files = files.collect::<io::Result<Vec<_>>>()?;
        let counts = vec![0; files.len()];
        Ok(Self {
            folder: folder.to_owned(),
            name: name.to_owned(),
            files,
            counts,
            buffer: Vec::new(),
            of: PhantomData,
        })
    }

    /// Adds a record to the file that `key` says.
    pub(super) fn add(&mut self, key: u64, record: &T) -> io::Result<()> {
        // The low bits of a key also order the records within a file, so the file follows from the high ones.
        let part = ((key >> 32) % self.files.len() as u64) as usize;
        self.buffer.clear();
        record.put(&mut self.buffer);
        self.files[part].write_all(&(self.buffer.len() as u32).to_le_bytes())?;
        self.files[part].write_all(&self.buffer)?;
        self.counts[part] += 1;
        Ok(())
    }

    /// Ends the files.
    pub(super) fn finish(self) -> io::Result<Spilled<T>> {
        for file in self.files {
            file.finish()?.flush()?;
        }
        Ok(Spilled { folder: self.folder, name: self.name, counts: self.counts, of: PhantomData })
    }
}

impl<T: Record> Spilled<T> {
    /// How many files.
    pub(super) fn parts(&self) -> usize {
        self.counts.len()
    }

    /// How many records.
    pub(super) fn len(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The records of one file, in the order in which they were added.
    pub(super) fn part(&self, part: usize) -> io::Result<impl Iterator<Item = io::Result<T>>> {
        let mut input = BufReader::new(zstd::Decoder::new(File::open(place(&self.folder, &self.name, part))?)?);
        let mut left = self.counts[part];
        let mut buffer = Vec::new();
        Ok(std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            Some(read(&mut input, &mut buffer))
        }))
    }

    /// All records.
    pub(super) fn all(&self) -> impl Iterator<Item = io::Result<T>> {
        (0..self.parts()).flat_map(|part| match self.part(part) {
            Ok(records) => Box::new(records) as Box<dyn Iterator<Item = io::Result<T>> + Send>,
            Err(error) => Box::new(std::iter::once(Err(error))),
        })
    }
}

fn read<T: Record>(input: &mut impl io::Read, buffer: &mut Vec<u8>) -> io::Result<T> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > RECORD_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a record on disk is longer than any that was written"));
    }
    buffer.resize(length as usize, 0);
    input.read_exact(buffer)?;
    T::take(&mut buffer.as_slice())
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a record on disk is not what was written"))
}

impl<T> Drop for Spilled<T> {
    fn drop(&mut self) {
        for part in 0..self.counts.len() {
            // The folder goes as a whole at the end; this only frees the disk early.
            let _ = std::fs::remove_file(place(&self.folder, &self.name, part));
        }
    }
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

pub(super) fn take_text(input: &mut &[u8]) -> Option<String> {
    let length = u32::from_le_bytes(take_bytes(input)?) as usize;
    let (text, rest) = input.split_at_checked(length)?;
    *input = rest;
    String::from_utf8(text.to_vec()).ok()
}

pub(super) fn take_bytes<const N: usize>(input: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = input.split_first_chunk::<N>()?;
    *input = rest;
    Some(*bytes)
}

pub(super) fn take_i64(input: &mut &[u8]) -> Option<i64> {
    take_bytes(input).map(i64::from_le_bytes)
}

/// Two ids that something says are one, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Edge {
    /// The lower id.
    pub(super) a: i64,
    /// The higher one.
    pub(super) b: i64,
    /// Place of the reason in [`super::REASONS`].
    pub(super) reason: u8,
    /// 0 to 1.
    pub(super) score: f32,
}

impl Record for Edge {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.a.to_le_bytes());
        out.extend(self.b.to_le_bytes());
        out.push(self.reason);
        out.extend(self.score.to_le_bytes());
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let (a, b) = (take_i64(input)?, take_i64(input)?);
        let [reason] = take_bytes(input)?;
        Some(Self { a, b, reason, score: f32::from_le_bytes(take_bytes(input)?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_the_files_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut spilling = Spilling::new(folder.path(), "edges", 3).expect("files");
        let edge = |n: i64| Edge { a: n, b: -n, reason: 1, score: 0.5 };
        for n in 0..1000 {
            spilling.add((n as u64) << 32, &edge(n)).expect("written");
        }
        let spilled = spilling.finish().expect("ended");
        assert_eq!((spilled.len(), spilled.parts()), (1000, 3));
        let mut read: Vec<i64> = spilled.all().map(|edge| edge.expect("read").a).collect();
        read.sort_unstable();
        assert_eq!(read, (0..1000).collect::<Vec<_>>());
        assert!(spilled.part(1).expect("a part").all(|edge| edge.expect("read").a % 3 == 1));
        drop(spilled);
        assert_eq!(std::fs::read_dir(folder.path()).expect("listed").count(), 0);
    }

    #[test]
    fn a_torn_file_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut spilling = Spilling::new(folder.path(), "edges", 1).expect("files");
        spilling.add(0, &Edge { a: 1, b: 2, reason: 0, score: 1.0 }).expect("written");
        let spilled = spilling.finish().expect("ended");
        let path = place(folder.path(), "edges", 0);
        let bytes = std::fs::read(&path).expect("read");
        std::fs::write(&path, &bytes[..bytes.len() / 2]).expect("cut");
        assert!(spilled.all().any(|edge| edge.is_err()));
    }
}
