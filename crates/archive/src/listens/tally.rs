//! Counting more than memory holds: pairs of a key and a number, sorted in runs on disk and merged.
//!
//! A run is a file of 24 bytes a pair, in ascending order: 16 bytes of key and 8 of number, both little-endian. It lives as
//! long as one import and has no version.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

const PAIR_BYTES: usize = 24;
/// Runs that are read at once; more are merged first.
const MOST_RUNS: usize = 100;
const BUFFER_BYTES: usize = 1 << 16;

/// A key with its number.
pub(super) type Pair = (u128, i64);

/// Numbers that are added up by key, with at most so many keys in memory.
pub(super) struct Tally {
    held: HashMap<u128, i64>,
    most: usize,
    runs: Runs,
}

/// Pairs that are only sorted, with at most so many in memory.
pub(super) struct Pairs {
    held: Vec<Pair>,
    most: usize,
    runs: Runs,
}

/// Sorted files.
#[derive(Debug, Default)]
pub(super) struct Runs {
    folder: PathBuf,
    name: &'static str,
    files: Vec<PathBuf>,
    made: usize,
}

impl Tally {
    /// Counts in `folder`, with `most` keys in memory.
    pub(super) fn new(folder: &Path, name: &'static str, most: usize) -> Self {
        Self { held: HashMap::new(), most, runs: Runs::new(folder, name) }
    }

    /// Goes on with the first `made` runs, which an interrupted import left.
    pub(super) fn resumed(folder: &Path, name: &'static str, most: usize, made: usize) -> Self {
        Self { held: HashMap::new(), most, runs: Runs::left(folder, name, made) }
    }

    /// Adds to a key; says whether memory is full, and [`Self::spill`] is due.
    pub(super) fn add(&mut self, key: u128, number: i64) -> bool {
        let sum = self.held.entry(key).or_default();
        *sum = sum.saturating_add(number);
        self.held.len() >= self.most
    }

    /// Writes what is in memory as a run that outlasts a power cut; says how many there are.
    pub(super) fn spill(&mut self) -> io::Result<usize> {
        if !self.held.is_empty() {
            let mut pairs: Vec<Pair> = self.held.drain().collect();
            pairs.sort_unstable();
            self.runs.write(pairs.into_iter().map(Ok))?;
        }
        Ok(self.runs.made)
    }

    /// All that was counted.
    pub(super) fn finish(mut self) -> io::Result<Runs> {
        self.spill()?;
        self.runs.few()?;
        Ok(self.runs)
    }
}

impl Pairs {
    /// Sorts in `folder`, with `most` pairs in memory.
    pub(super) fn new(folder: &Path, name: &'static str, most: usize) -> Self {
        Self { held: Vec::new(), most, runs: Runs::new(folder, name) }
    }

    pub(super) fn add(&mut self, pair: Pair) -> io::Result<()> {
        self.held.push(pair);
        if self.held.len() >= self.most { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> io::Result<()> {
        self.held.sort_unstable();
        self.runs.write(self.held.drain(..).map(Ok))
    }

    pub(super) fn finish(mut self) -> io::Result<Runs> {
        if !self.held.is_empty() {
            self.spill()?;
        }
        self.runs.few()?;
        Ok(self.runs)
    }
}

impl Runs {
    fn new(folder: &Path, name: &'static str) -> Self {
        Self { folder: folder.to_owned(), name, files: Vec::new(), made: 0 }
    }

    fn left(folder: &Path, name: &'static str, made: usize) -> Self {
        let files = (0..made).map(|number| place(folder, name, number)).collect();
        Self { folder: folder.to_owned(), name, files, made }
    }

    /// Whether the first `made` runs are there, none of them cut off.
    pub(super) fn are_there(folder: &Path, name: &str, made: usize) -> bool {
        let whole = |path: PathBuf| path.metadata().is_ok_and(|is| is.len() > 0 && is.len() % PAIR_BYTES as u64 == 0);
        (0..made).all(|number| whole(place(folder, name, number)))
    }

    fn write(&mut self, pairs: impl Iterator<Item = io::Result<Pair>>) -> io::Result<()> {
        let path = place(&self.folder, self.name, self.made);
        let mut file = BufWriter::with_capacity(BUFFER_BYTES, File::create(&path)?);
        for pair in pairs {
            let (key, number) = pair?;
            file.write_all(&key.to_le_bytes())?;
            file.write_all(&number.to_le_bytes())?;
        }
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        self.files.push(path);
        self.made += 1;
        Ok(())
    }

    /// Merges until there are few enough to be read at once.
    fn few(&mut self) -> io::Result<()> {
        while self.files.len() > MOST_RUNS {
            let some: Vec<PathBuf> = self.files.drain(..MOST_RUNS).collect();
            let merged = merge(&some)?;
            self.write(merged)?;
        }
        Ok(())
    }

    /// How many pairs there are; keys that are in several runs are counted for each.
    pub(super) fn pairs_at_most(&self) -> io::Result<u64> {
        self.files.iter().map(|path| Ok(path.metadata()?.len() / PAIR_BYTES as u64)).sum()
    }

    /// All pairs in ascending order, those with the same key one after the other.
    pub(super) fn pairs(&self) -> io::Result<impl Iterator<Item = io::Result<Pair>> + use<>> {
        merge(&self.files)
    }

    /// One pair a key, with the sum of its numbers.
    pub(super) fn sums(&self) -> io::Result<impl Iterator<Item = io::Result<Pair>> + use<>> {
        let mut pairs = self.pairs()?.peekable();
        Ok(std::iter::from_fn(move || {
            let (key, mut sum) = match pairs.next()? {
                Ok(pair) => pair,
                Err(error) => return Some(Err(error)),
            };
            while let Some(Ok((_, number))) = pairs.next_if(|next| matches!(next, Ok((next, _)) if *next == key)) {
                sum = sum.saturating_add(number);
            }
            Some(Ok((key, sum)))
        }))
    }
}

fn place(folder: &Path, name: &str, number: usize) -> PathBuf {
    folder.join(format!("{name}-{number:05}"))
}

fn merge(files: &[PathBuf]) -> io::Result<impl Iterator<Item = io::Result<Pair>> + use<>> {
    let mut readers = Vec::new();
    let mut next = BinaryHeap::new();
    for (number, path) in files.iter().enumerate() {
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, File::open(path)?);
        if let Some(pair) = read(&mut reader)? {
            next.push(Reverse((pair, number)));
        }
        readers.push(reader);
    }
    Ok(std::iter::from_fn(move || {
        let Reverse((pair, number)) = next.pop()?;
        match read(&mut readers[number]) {
            Ok(Some(following)) => next.push(Reverse((following, number))),
            Ok(None) => {}
            Err(error) => {
                next.clear();
                return Some(Err(error));
            }
        }
        Some(Ok(pair))
    }))
}

fn read(reader: &mut impl Read) -> io::Result<Option<Pair>> {
    let mut bytes = [0; PAIR_BYTES];
    let mut filled = 0;
    while filled < PAIR_BYTES {
        match reader.read(&mut bytes[filled..])? {
            0 if filled == 0 => return Ok(None),
            0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a run of counts is cut off")),
            read => filled += read,
        }
    }
    let (key, number) = bytes.split_at(16);
    let key = u128::from_le_bytes(key.try_into().expect("16 bytes"));
    Ok(Some((key, i64::from_le_bytes(number.try_into().expect("8 bytes")))))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn counts_are_the_same_however_little_memory_there_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let keys: Vec<u128> = (0..4_000u128).map(|n| (n * n * 7919) % 997).collect();
        let mut expected: BTreeMap<u128, i64> = BTreeMap::new();
        keys.iter().for_each(|key| *expected.entry(*key).or_default() += 1);
        // The first makes more runs than are read at once.
        for most in [7, 500, 1 << 20] {
            let mut tally = Tally::new(folder.path(), "test", most);
            for key in &keys {
                if tally.add(*key, 1) {
                    tally.spill().expect("spilled");
                }
            }
            let runs = tally.finish().expect("finished");
            let sums: Vec<Pair> = runs.sums().expect("read").collect::<io::Result<_>>().expect("read");
            assert_eq!(sums, expected.iter().map(|(key, sum)| (*key, *sum)).collect::<Vec<_>>(), "{most}");
        }
    }

    #[test]
    fn pairs_come_sorted_and_none_is_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut pairs = Pairs::new(folder.path(), "test", 3);
        let all: Vec<Pair> = (0..100).map(|n| (u128::from(n * 37 % 10u64), n as i64 - 50)).collect();
        all.iter().for_each(|pair| pairs.add(*pair).expect("added"));
        let read: Vec<Pair> =
            pairs.finish().expect("finished").pairs().expect("read").collect::<io::Result<_>>().expect("read");
        let mut sorted = all;
        sorted.sort_unstable();
        assert_eq!(read, sorted);
    }

    #[test]
    fn a_run_that_is_cut_off_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut tally = Tally::new(folder.path(), "test", 10);
        tally.add(1, 1);
        tally.add(2, 1);
        tally.spill().expect("spilled");
        let path = place(folder.path(), "test", 0);
        std::fs::write(&path, &std::fs::read(&path).expect("read")[..40]).expect("cut");
        let read: io::Result<Vec<Pair>> = tally.finish().expect("finished").sums().expect("opened").collect();
        assert_eq!(read.expect_err("cut off").kind(), io::ErrorKind::UnexpectedEof);
    }
}
