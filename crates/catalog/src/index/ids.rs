//! The ids of many rows, to find those that are stated twice. They are sorted in runs that wait on the disk, since all of
//! them together would take 8 bytes a row of memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};

use fonoteca_model::Id;

use super::error::IndexError;

/// Ids that are sorted at once: 32 MB.
const RUN: usize = 1 << 22;

pub(super) struct Ids {
    /// Where runs go: into files without a name, which are gone with this whatever happens.
    dir: PathBuf,
    run: usize,
    runs: Vec<File>,
    latest: Vec<i64>,
}

impl Ids {
    /// None yet; `dir` is there.
    pub(super) fn new(dir: &Path) -> Self {
        Self::in_runs(dir, RUN)
    }

    fn in_runs(dir: &Path, run: usize) -> Self {
        Self { dir: dir.to_owned(), run, runs: Vec::new(), latest: Vec::new() }
    }

    pub(super) fn add(&mut self, id: Id) -> Result<(), IndexError> {
        self.latest.push(id.0);
        if self.latest.len() < self.run { Ok(()) } else { self.put_by() }
    }

    fn put_by(&mut self) -> Result<(), IndexError> {
        self.latest.sort_unstable();
        let write = || -> io::Result<File> {
            let mut file = BufWriter::new(tempfile::tempfile_in(&self.dir)?);
            self.latest.iter().try_for_each(|id| file.write_all(&id.to_le_bytes()))?;
            let mut file = file.into_inner()?;
            file.rewind()?;
            Ok(file)
        };
        self.runs.push(write().map_err(IndexError::io(&self.dir))?);
        self.latest.clear();
        Ok(())
    }

    /// Those that are there more than once in any of them, in order.
    pub(super) fn repeated(all: Vec<Self>) -> Result<Vec<Id>, IndexError> {
        let dir = all.first().map(|ids| ids.dir.clone()).unwrap_or_default();
        merged(all).map_err(IndexError::io(&dir))
    }
}

fn merged(all: Vec<Ids>) -> io::Result<Vec<Id>> {
    let mut runs: Vec<Box<dyn Read>> = Vec::new();
    for mut ids in all {
        ids.latest.sort_unstable();
        runs.extend(
            ids.runs.into_iter().map(|file| Box::new(BufReader::with_capacity(1 << 16, file)) as Box<dyn Read>),
        );
        let bytes: Vec<u8> = ids.latest.iter().flat_map(|id| id.to_le_bytes()).collect();
        runs.push(Box::new(io::Cursor::new(bytes)));
    }
    let mut next: BinaryHeap<Reverse<(i64, usize)>> = BinaryHeap::new();
    for (number, run) in runs.iter_mut().enumerate() {
        next.extend(read_id(run)?.map(|id| Reverse((id, number))));
    }
    let mut repeated = Vec::new();
    let mut last = None;
    while let Some(mut least) = next.peek_mut() {
        let Reverse((id, number)) = *least;
        if last == Some(id) && repeated.last() != Some(&Id(id)) {
            repeated.push(Id(id));
        }
        last = Some(id);
        match read_id(&mut runs[number])? {
            Some(id) => *least = Reverse((id, number)),
            None => drop(PeekMut::pop(least)),
        }
    }
    Ok(repeated)
}

/// The next id of a run.
fn read_id(run: &mut impl Read) -> io::Result<Option<i64>> {
    let mut bytes = [0; 8];
    match run.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(i64::from_le_bytes(bytes))),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_are_stated_twice_are_found_wherever() {
        let dir = tempfile::tempdir().expect("a folder");
        let ids = |run: usize, all: &[i64]| {
            let mut ids = Ids::in_runs(dir.path(), run);
            all.iter().for_each(|id| ids.add(Id(*id)).expect("written"));
            ids
        };
        for run in [1, 2, 3, 100] {
            let all = vec![ids(run, &[5, 1, 9, 7, 5, 7, 7]), ids(run, &[]), ids(run, &[-3, 9, 5, i64::MIN, i64::MAX])];
            assert_eq!(Ids::repeated(all).expect("read"), [Id(5), Id(7), Id(9)], "in runs of {run}");
        }
        assert_eq!(Ids::repeated(Vec::new()).expect("read"), []);
        assert_eq!(std::fs::read_dir(dir.path()).expect("a folder").count(), 0, "nothing is left");
    }
}
