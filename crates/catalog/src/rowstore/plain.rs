//! Ids that are read where they lie in the Parquet file: numbers of 8 bytes as they are, so that the row store need not
//! repeat what does not compress.
//!
//! The ids of the rows are one column. The ids of albums and artists that rows mention are the values of that column's
//! dictionary, of which there is one a row group. Values of one kind are numbered through the file; where each run of them
//! begins is all that has to be known (see [`super::survey`], which finds the runs).

use std::fs::File;
use std::path::{Path, PathBuf};

use crc32fast::Hasher;
use fonoteca_model::Id;

use crate::beside::{BesideError, Cursor, Wrong, put_varint, read_at};

/// Bytes of a value.
pub(super) const WIDTH: usize = 8;

/// Values that are numbered through, and lie in runs without a gap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Runs {
    /// The first value of each run, and where it lies in the file.
    starts: Vec<(u32, u64)>,
    count: u32,
    /// Of all values, in order.
    checksum: u32,
}

impl Runs {
    /// Adds runs behind the others, each as where it lies and how many values it has; none: there are too many.
    pub(super) fn extend(&mut self, found: &[(u64, u32)]) -> Option<()> {
        found.iter().try_fold(self.count, |count, (_, values)| count.checked_add(*values))?;
        for (position, values) in found {
            self.starts.push((self.count, *position));
            self.count += values;
        }
        Some(())
    }

    /// The values so far.
    pub(super) const fn count(&self) -> u32 {
        self.count
    }

    pub(super) const fn seal(&mut self, checksum: u32) {
        self.checksum = checksum;
    }

    /// Where a value lies, and how many there are from it to the end of its run.
    fn find(&self, value: u32) -> Option<(u64, u32)> {
        if value >= self.count {
            return None;
        }
        let after = self.starts.partition_point(|(first, _)| *first <= value);
        let (first, position) = self.starts[after.checked_sub(1)?];
        let end = self.starts.get(after).map_or(self.count, |(first, _)| *first);
        Some((position + u64::from(value - first) * WIDTH as u64, end - value))
    }

    fn put(&self, footer: &mut Vec<u8>) {
        put_varint(footer, u64::from(self.count));
        put_varint(footer, u64::from(self.checksum));
        put_varint(footer, self.starts.len() as u64);
        for (first, position) in &self.starts {
            put_varint(footer, u64::from(*first));
            put_varint(footer, *position);
        }
    }

    fn read(bytes: &mut Cursor<'_>) -> Result<Self, Wrong> {
        let small = |number: u64| u32::try_from(number).map_err(|_| Wrong("it has too many ids"));
        let (count, checksum) = (small(bytes.varint()?)?, small(bytes.varint()?)?);
        let count_of_runs = bytes.count(2)?;
        let mut starts: Vec<(u32, u64)> = Vec::with_capacity(count_of_runs);
        for _ in 0..count_of_runs {
            let (first, position) = (small(bytes.varint()?)?, bytes.varint()?);
            if first >= count || position > 1 << 62 || starts.last().is_some_and(|(last, _)| *last >= first) {
                return Err(Wrong("its ids lie where they cannot"));
            }
            starts.push((first, position));
        }
        Ok(Self { starts, count, checksum })
    }
}

/// Where the ids lie that a Parquet file has for its row store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// Of the rows, in order.
    pub rows: Runs,
    /// That rows mention as their album.
    pub albums: Runs,
    /// That rows mention as their artists.
    pub artists: Runs,
}

impl Layout {
    pub(super) fn put(&self, footer: &mut Vec<u8>) {
        [&self.rows, &self.albums, &self.artists].iter().for_each(|runs| runs.put(footer));
    }

    pub(super) fn read(bytes: &mut Cursor<'_>) -> Result<Self, Wrong> {
        Ok(Self { rows: Runs::read(bytes)?, albums: Runs::read(bytes)?, artists: Runs::read(bytes)? })
    }
}

/// The ids of a Parquet file, open.
#[derive(Debug)]
pub(super) struct Plain {
    file: File,
    path: PathBuf,
    layout: Layout,
}

impl Plain {
    pub(super) fn open(path: &Path, layout: Layout) -> Result<Self, BesideError> {
        let file = File::open(path).map_err(BesideError::io(path))?;
        Ok(Self { file, path: path.to_owned(), layout })
    }

    /// The bytes of some rows' ids.
    pub(super) fn rows(&self, first: u32, count: usize) -> Result<Vec<u8>, BesideError> {
        self.read(&self.layout.rows, first, count)
    }

    pub(super) fn album(&self, value: u32) -> Result<Id, BesideError> {
        self.one(&self.layout.albums, value)
    }

    pub(super) fn artist(&self, value: u32) -> Result<Id, BesideError> {
        self.one(&self.layout.artists, value)
    }

    fn one(&self, runs: &Runs, value: u32) -> Result<Id, BesideError> {
        let bytes = self.read(runs, value, 1)?;
        Ok(Id(i64::from_le_bytes(bytes.try_into().expect("one value"))))
    }

    fn read(&self, runs: &Runs, first: u32, count: usize) -> Result<Vec<u8>, BesideError> {
        let mut bytes = vec![0; count * WIDTH];
        let mut read = 0;
        while read < count {
            let found = u32::try_from(read).ok().and_then(|read| runs.find(first.checked_add(read)?));
            let (position, there) = found.ok_or_else(|| self.damaged("it has fewer ids than its rows need"))?;
            let some = (count - read).min(there as usize);
            let into = &mut bytes[read * WIDTH..][..some * WIDTH];
            read_at(&self.file, into, position).map_err(BesideError::io(&self.path))?;
            read += some;
        }
        Ok(bytes)
    }

    fn damaged(&self, what: &str) -> BesideError {
        BesideError::damaged(&self.path, what)
    }

    /// Reads the ids of albums and artists; each block has the checksum of its rows' ids.
    pub(super) fn verify(&self) -> Result<(), BesideError> {
        for runs in [&self.layout.albums, &self.layout.artists] {
            let mut checksum = Hasher::new();
            let mut first = 0;
            while first < runs.count {
                let some = (runs.count - first).min(1 << 16);
                checksum.update(&self.read(runs, first, some as usize)?);
                first += some;
            }
            if checksum.finalize() != runs.checksum {
                return Err(self.damaged("its ids are not those that were indexed"));
            }
        }
        Ok(())
    }
}
