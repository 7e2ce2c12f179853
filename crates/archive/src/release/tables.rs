//! The tables of everything that is given out: merged from the parts about each torrent, and compared with those of the
//! release before. Rows go by; memory does not grow with the tables.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File as DiskFile;
use std::path::{Path, PathBuf};

use fonoteca_catalog::table_file::{Reader, Writer};
use fonoteca_catalog::{Album, Artist, File, Fingerprint, Holding, Link, Listens, Rights, Row, Track};
use fonoteca_model::{BlobId, Id};
use serde::Serialize;

use crate::error::ArchiveError;

/// Parts that are open at once.
const AT_ONCE: usize = 64;

/// A row that a key names among those of its table. Parts are in the order of their keys.
pub(super) trait Keyed: Row + PartialEq {
    /// What names it.
    type Key: Ord + Clone + Send;
    /// The columns of the key.
    const COLUMNS: &'static [&'static str];
    /// Its key.
    fn key(&self) -> Self::Key;
}

macro_rules! keyed {
    ($($row:ty: $key:ty = $columns:expr, $of:expr;)*) => {$(
        impl Keyed for $row {
            type Key = $key;
            const COLUMNS: &'static [&'static str] = &$columns;
            fn key(&self) -> $key {
                let of: fn(&Self) -> $key = $of;
                of(self)
            }
        }
    )*};
}

keyed! {
    Artist: Id = ["id"], |row| row.id;
    Album: Id = ["id"], |row| row.id;
    Track: Id = ["id"], |row| row.id;
    Holding: (BlobId, Id) = ["root", "track_id"], |row| (row.root, row.track_id);
    Fingerprint: BlobId = ["root"], |row| row.root;
    Link: Id = ["from_id"], |row| row.from_id;
    Listens: Id = ["recording_id"], |row| row.recording_id;
    Rights: (String, String) = ["subject", "id"], |row| (row.subject.clone(), row.id.clone());
    File: BlobId = ["root"], |row| row.root;
}

/// Rows of several parts, each key once: as the last part that has it says.
struct Merged<T: Keyed> {
    parts: Vec<(Reader<T>, Option<T>)>,
    heads: BinaryHeap<Reverse<(T::Key, usize)>>,
}

impl<T: Keyed> Merged<T> {
    fn open(paths: &[PathBuf]) -> Result<Self, ArchiveError> {
        let mut merged = Self { parts: Vec::new(), heads: BinaryHeap::new() };
        for (number, path) in paths.iter().enumerate() {
            let file = DiskFile::open(path).map_err(ArchiveError::io(path, "cannot be read"))?;
            merged.parts.push((Reader::open(file)?, None));
            merged.advance(number)?;
        }
        Ok(merged)
    }

    fn advance(&mut self, number: usize) -> Result<(), ArchiveError> {
        let (reader, row) = &mut self.parts[number];
        *row = reader.next().transpose()?;
        if let Some(row) = row {
            self.heads.push(Reverse((row.key(), number)));
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<T>, ArchiveError> {
        let Some(Reverse((key, number))) = self.heads.pop() else { return Ok(None) };
        let mut last = self.parts[number].1.take();
        self.advance(number)?;
        while self.heads.peek().is_some_and(|Reverse((same, _))| *same == key) {
            let Some(Reverse((_, number))) = self.heads.pop() else { break };
            last = self.parts[number].1.take();
            self.advance(number)?;
        }
        Ok(last)
    }
}

/// Opens parts of any number: some at a time are merged into files of `folder` first.
fn merge<T: Keyed>(folder: &Path, mut parts: Vec<PathBuf>) -> Result<Merged<T>, ArchiveError> {
    let mut round = 0;
    while parts.len() > AT_ONCE {
        let mut merged = Vec::new();
        for (number, some) in parts.chunks(AT_ONCE).enumerate() {
            let path = folder.join(format!("{}-{round}-{number}.parquet", T::TABLE.name()));
            let mut writer = Writer::create(&path, None, false)?;
            let mut rows = Merged::<T>::open(some)?;
            while let Some(row) = rows.next()? {
                writer.push(row, "")?;
            }
            writer.finish()?;
            merged.push(path);
        }
        parts = merged;
        round += 1;
    }
    Merged::open(&parts)
}

/// How many rows there are, and how many differ from the release before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Counts {
    pub rows: u64,
    pub added: u64,
    pub changed: u64,
    pub removed: u64,
}

/// Where the files of a table go.
#[derive(Debug, Clone)]
pub(super) struct Places {
    /// For what is on its way.
    pub scratch: PathBuf,
    /// `full/`
    pub full: PathBuf,
    /// `delta/`, where there is a release before.
    pub delta: Option<PathBuf>,
}

/// Writes one table: all rows of `parts`, the oldest first, and what became of those of `previous`.
pub(super) fn write<T: Keyed>(
    places: &Places,
    parts: Vec<PathBuf>,
    previous: Option<PathBuf>,
) -> Result<Counts, ArchiveError> {
    let name = T::TABLE.name();
    let files = |folder: &Path| (folder.join(format!("{name}.parquet")), folder.join(format!("{name}.jsonl.zst")));
    let (parquet, json) = files(&places.full);
    let mut full = Writer::<T>::create(&parquet, Some(&json), false)?;
    let mut delta = match places.delta.as_deref().map(files) {
        Some((parquet, json)) => Some(Writer::<T>::create(&parquet, Some(&json), true)?),
        None => None,
    };
    let mut rows = merge::<T>(&places.scratch, parts)?;
    let mut before = merge::<T>(&places.scratch, previous.into_iter().collect())?;
    let mut counts = Counts::default();
    let (mut new, mut old) = (rows.next()?, before.next()?);
    loop {
        let order = match (&new, &old) {
            (None, None) => break,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(new), Some(old)) => new.key().cmp(&old.key()),
        };
        let (change, row) = match order {
            std::cmp::Ordering::Less => (Some("added"), new.clone()),
            std::cmp::Ordering::Greater => (Some("removed"), old.clone()),
            std::cmp::Ordering::Equal => ((new != old).then_some("changed"), new.clone()),
        };
        match change {
            Some("added") => counts.added += 1,
            Some("removed") => counts.removed += 1,
            Some(_) => counts.changed += 1,
            None => {}
        }
        if let (Some(delta), Some(change), Some(row)) = (&mut delta, change, row) {
            delta.push(row, change)?;
        }
        if order.is_ge() {
            old = before.next()?;
        }
        if order.is_le() {
            if let Some(row) = new.take() {
                full.push(row, "")?;
            }
            new = rows.next()?;
        }
    }
    counts.rows = full.finish()?;
    if let Some(delta) = delta {
        delta.finish()?;
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use fonoteca_model::Timestamp;

    use super::*;

    fn listens(id: i64, count: i64) -> Listens {
        Listens { recording_id: Id(id), as_of: Timestamp(0), count, popularity: 1 }
    }

    fn part(folder: &Path, name: &str, rows: &[(i64, i64)]) -> PathBuf {
        let path = folder.join(name);
        let mut writer = Writer::create(&path, None, false).expect("a writer");
        rows.iter().for_each(|(id, count)| writer.push(listens(*id, *count), "").expect("pushed"));
        writer.finish().expect("finished");
        path
    }

    fn rows(path: &Path) -> Vec<(i64, i64)> {
        let reader = Reader::<Listens>::open(DiskFile::open(path).expect("there")).expect("a reader");
        reader.map(|row| row.map(|row| (row.recording_id.0, row.count)).expect("a row")).collect()
    }

    #[test]
    fn the_last_part_that_has_a_key_counts_and_the_rest_is_compared() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path();
        // More parts than are open at once.
        let mut parts: Vec<PathBuf> =
            (0..150).map(|number| part(at, &format!("p{number}"), &[(number, number), (1000, number)])).collect();
        parts.push(part(at, "last", &[(-5, 5), (7, 70)]));
        let previous = part(at, "previous", &[(-9, 1), (7, 7), (8, 8)]);
        let (full, delta) = (at.join("full"), at.join("delta"));
        std::fs::create_dir(&full).expect("made");
        std::fs::create_dir(&delta).expect("made");
        let places = Places { scratch: at.to_owned(), full: full.clone(), delta: Some(delta.clone()) };
        let counts = write::<Listens>(&places, parts, Some(previous)).expect("written");
        assert_eq!(counts, Counts { rows: 152, added: 150, changed: 1, removed: 1 });
        let mut expected: Vec<(i64, i64)> =
            (0..150).map(|number| (number, if number == 7 { 70 } else { number })).collect();
        expected.insert(0, (-5, 5));
        expected.push((1000, 149));
        assert_eq!(rows(&full.join("listens.parquet")), expected);
    }
}
