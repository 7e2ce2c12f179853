//! Reading keys.

use std::collections::HashMap;
use std::path::Path;

use super::section::Section;
use super::{Covered, FORMAT, KeyHash, KeyKind, Place, blocks_of, covered};
use crate::beside::{BesideError, Cursor, Frame, Wrong};

/// The keys of some Parquet files, open. Any number of threads may read at once.
#[derive(Debug)]
pub(crate) struct Keys {
    frame: Frame,
    files: Vec<Covered>,
    by_path: HashMap<String, usize>,
    /// The first block of each file, and where the last one ends.
    starts: Vec<u32>,
    sections: Vec<Section>,
}

impl Keys {
    pub(crate) fn open(path: &Path) -> Result<Self, BesideError> {
        let (frame, footer) = Frame::open(path, FORMAT)?;
        let mut bytes = Cursor(&footer);
        let mut read = || -> Result<_, Wrong> {
            let files = covered(&mut bytes)?;
            let starts = blocks_of(&files).ok_or(Wrong("it has too many rows"))?;
            let sections = KeyKind::ALL.iter().map(|_| Section::read(&mut bytes)).collect::<Result<Vec<_>, Wrong>>()?;
            Ok((files, starts, sections))
        };
        match read() {
            Ok((files, starts, sections)) => {
                let by_path = files.iter().zip(0..).map(|(file, number)| (file.path.clone(), number)).collect();
                Ok(Self { frame, files, by_path, starts, sections })
            }
            Err(Wrong(what)) => Err(frame.damaged(what)),
        }
    }

    /// The Parquet files whose rows' keys these are.
    pub(crate) fn files(&self) -> &[Covered] {
        &self.files
    }

    /// Which of [`Keys::files`] a Parquet file is.
    pub(crate) fn number_of(&self, path: &str, rows: u32) -> Option<usize> {
        self.by_path.get(path).copied().filter(|number| self.files[*number].rows == rows)
    }

    pub(crate) fn path(&self) -> &Path {
        self.frame.path()
    }

    /// Where rows with this key may be, in order: which of the files, and where in it.
    pub(crate) fn find(&self, kind: KeyKind, hash: KeyHash) -> Result<Vec<(usize, Place)>, BesideError> {
        let section = self.section(kind);
        if section.count == 0 {
            return Ok(Vec::new());
        }
        let rest = section.rest(hash.0);
        let mut places = Vec::new();
        self.each_key(section, section.bucket(hash.0), 1, |_, found, place| {
            if found == rest {
                places.push(place);
            }
        })?;
        places.sort_unstable();
        places.dedup();
        places.into_iter().map(|place| self.located(kind, place)).collect()
    }

    /// All keys of a kind whose hashes lie in one of the `2^slice_bits` equal slices of all there are: as much as is
    /// known of the hash, in the highest bits, and which file, and the place in it. In the order of the hashes.
    pub(crate) fn each_in_slice(
        &self,
        kind: KeyKind,
        slice: u64,
        slice_bits: u32,
        mut each: impl FnMut(u64, usize, Place),
    ) -> Result<(), BesideError> {
        let section = self.section(kind);
        if section.count == 0 {
            return Ok(());
        }
        // Slices are cut between buckets where there are more buckets than slices, else inside of one.
        let finer = section.bucket_bits.saturating_sub(slice_bits);
        let (first, buckets) = (slice << finer >> slice_bits.saturating_sub(section.bucket_bits), 1_u64 << finer);
        let mut wrong = None;
        self.each_key(section, first, buckets as usize, |bucket, rest, place| {
            let hash = section.hash(bucket, rest);
            if slice_bits > 0 && hash >> (64 - slice_bits) != slice {
                return;
            }
            match self.located(kind, place) {
                Ok((file, place)) => each(hash, file, place),
                Err(error) => wrong = Some(error),
            }
        })?;
        wrong.map_or(Ok(()), Err)
    }

    /// How many keys of a kind there are, and how many bits of their hashes are known.
    pub(crate) fn extent(&self, kind: KeyKind) -> (u32, u32) {
        let section = self.section(kind);
        (section.count, section.hash_bits())
    }

    /// Reads everything and compares its checksum.
    pub(crate) fn verify(&self) -> Result<(), BesideError> {
        self.frame.verify()
    }

    fn section(&self, kind: KeyKind) -> Section {
        self.sections[usize::from(kind.code())]
    }

    /// Where some buckets begin and the last of them ends.
    fn starts_of(&self, section: Section, first: u64, buckets: usize) -> Result<Vec<u32>, BesideError> {
        let (at, length) = section.starts_at(first, buckets);
        let starts = section.starts(&self.frame.read(at, length)?, first, buckets);
        if starts.len() != buckets + 1 || !starts.is_sorted() || starts.last().is_none_or(|last| *last > section.count)
        {
            return Err(self.frame.damaged("a bucket ends before it begins"));
        }
        Ok(starts)
    }

    /// The keys of some buckets: the bucket, what is known of the hash behind its bits, and the place.
    fn each_key(
        &self,
        section: Section,
        first: u64,
        buckets: usize,
        mut each: impl FnMut(u64, u64, u32),
    ) -> Result<(), BesideError> {
        /// Buckets that are read at once: some hundred KiB.
        const AT_ONCE: usize = 512;
        let starts = self.starts_of(section, first, buckets)?;
        for (ends, from) in starts[..buckets].chunks(AT_ONCE).zip((first..).step_by(AT_ONCE)) {
            let buckets = from..from + ends.len() as u64;
            let keys = ends[0]..starts[(buckets.end - first) as usize];
            let (at, length) = section.extent(&buckets, &keys);
            let bytes = self.frame.read(at, length as usize)?;
            for bucket in buckets {
                let number = (bucket - first) as usize;
                let place = (bucket, &(starts[number]..starts[number + 1]));
                let read =
                    section.bucket_keys(&bytes, (from, keys.start), place, |rest, place| each(bucket, rest, place));
                read.map_err(|Wrong(what)| self.frame.damaged(what))?;
            }
        }
        Ok(())
    }

    fn located(&self, kind: KeyKind, place: u32) -> Result<(usize, Place), BesideError> {
        let file = self.starts.partition_point(|start| *start <= kind.block(place)).saturating_sub(1);
        if file >= self.files.len() {
            return Err(self.frame.damaged("a key leads beyond its rows"));
        }
        Ok((file, kind.in_file(place, self.starts[file])))
    }
}
