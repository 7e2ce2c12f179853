//! The folder of the index: numbered generations beside each other, one of them current.
//!
//! ```text
//! index/.lock        held by whoever writes
//! index/current      {"format": 6, "generation": "7"}, replaced by a rename
//! index/7/           a Tantivy index; its commit payload is {"format": 6, "versions": {"tracks": 12, ...}, "files": ...};
//!                    and `words`, all of them in one list
//! index/rows/        rows and keys of data files, which all generations share
//! ```
//! A rebuild fills the next generation and renames `current`; a reader that has the old one open keeps its mapped files
//! until it looks again. What is neither current nor being written is removed by the next writer.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use tantivy::schema::Schema;
use tantivy::{IndexReader, ReloadPolicy, Searcher, TantivyError};

use super::columns::Columns;
use super::directory::Mapped;
use super::document::Kind;
use super::error::IndexError;
use super::fields::{FORMAT, Fields, Mark};
use super::files::{FileList, Files, place};
use super::page::Counts;
use super::word_list::WordList;
use crate::beside::is_unfinished;
use crate::keys::Keys;

/// Which version of each table an index was built from, by the table's name.
pub(crate) type TableVersions = BTreeMap<String, i64>;

/// The right to write. Dropped with the file; the system drops it with the process.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock unless somebody has it.
    pub(crate) fn try_take(dir: &Path) -> Result<Option<Self>, IndexError> {
        let (file, path) = lock_file(dir)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(IndexError::io(&path)(error)),
        }
    }

    /// Takes the lock, waiting for whoever has it.
    pub(crate) fn take(dir: &Path) -> Result<Self, IndexError> {
        let (file, path) = lock_file(dir)?;
        file.lock().map_err(IndexError::io(&path))?;
        Ok(Self { _file: file })
    }
}

fn lock_file(dir: &Path) -> Result<(File, PathBuf), IndexError> {
    fs::create_dir_all(dir).map_err(IndexError::io(dir))?;
    let path = dir.join(".lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(IndexError::io(&path))?;
    Ok((file, path))
}

/// What `current` says.
#[derive(Serialize, Deserialize)]
struct Current {
    format: u32,
    generation: String,
}

/// What the commit payload says.
#[derive(Serialize, Deserialize)]
struct Payload {
    format: u32,
    versions: TableVersions,
    #[serde(default)]
    files: FileList,
    #[serde(default)]
    group_bits: u32,
}

/// Tells whether a file was replaced, without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp(u64, Option<SystemTime>, u64);

impl Stamp {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Ok(Self(inode, metadata.modified().ok(), metadata.len()))
    }
}

/// One generation, open.
pub(crate) struct Generation {
    pub path: PathBuf,
    pub fields: Fields,
    pub index: tantivy::Index,
    reader: IndexReader,
    /// As of the commit that `reader` shows.
    pub versions: TableVersions,
    /// The data files that the documents' rows are in, in the order of their parts.
    pub list: FileList,
    /// The same, open.
    pub files: Arc<Files>,
    /// The words of the segments that it was filled with.
    pub words: Option<Arc<WordList>>,
    /// The columns of each segment of the commit that `reader` shows: opening one takes longer than a look-up.
    pub columns: Arc<[Columns]>,
    /// The sources that something of that commit is from, perhaps some of which nothing is left.
    pub sources: Arc<[String]>,
    /// Sums over the same commit.
    pub counts: Arc<OnceLock<Counts>>,
    /// `index/`.
    dir: PathBuf,
    current: Option<Stamp>,
    meta: Stamp,
}

impl Generation {
    /// Opens the current generation; makes an empty one where there is none yet.
    pub(crate) fn open(dir: &Path) -> Result<Self, IndexError> {
        loop {
            if let Some(generation) = Self::open_current(dir)? {
                return Ok(generation);
            }
            let _lock = Lock::take(dir)?;
            if read_current(dir)?.is_none() {
                Self::create(dir)?.publish(dir)?;
            }
        }
    }

    /// Opens the current generation, if there is one.
    pub(crate) fn open_current(dir: &Path) -> Result<Option<Self>, IndexError> {
        loop {
            let Some((name, stamp)) = read_current(dir)? else { return Ok(None) };
            match Self::open_in(dir, &dir.join(name), Some(stamp.clone())) {
                // It was replaced, and perhaps removed, since its name was read.
                Err(_) if read_current(dir)?.is_some_and(|(_, now)| now != stamp) => {}
                opened => return opened.map(Some),
            }
        }
    }

    /// Makes an empty generation beside the current one; needs the lock.
    pub(crate) fn create(dir: &Path) -> Result<Self, IndexError> {
        let path = dir.join((newest(dir)? + 1).to_string());
        fs::create_dir_all(&path).map_err(IndexError::io(&path))?;
        let (schema, _) = Fields::schema();
        let index = Mapped::open(&path)
            .and_then(|files| tantivy::Index::create(files, schema, Fields::settings()))
            .map_err(IndexError::engine(&path))?;
        drop(index);
        fs::create_dir_all(dir.join("rows")).map_err(IndexError::io(dir))?;
        Self::open_in(dir, &path, None)
    }

    /// Makes this generation the current one and removes the others; needs the lock.
    pub(crate) fn publish(self, dir: &Path) -> Result<(), IndexError> {
        let name = self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let target = dir.join("current");
        let beside = dir.join("current.new");
        let text = serde_json::to_string(&Current { format: FORMAT, generation: name }).expect("two plain fields");
        let replace = || -> io::Result<()> {
            let mut file = File::create(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            File::open(&self.path)?.sync_all()?;
            fs::rename(&beside, &target)?;
            File::open(dir)?.sync_all()
        };
        replace().map_err(IndexError::io(&target))?;
        sweep(dir)
    }

    fn open_in(dir: &Path, path: &Path, current: Option<Stamp>) -> Result<Self, IndexError> {
        let engine = || IndexError::engine(path);
        let index = Mapped::open(path).and_then(tantivy::Index::open).map_err(engine())?;
        let (schema, fields) = Fields::schema();
        check_schema(path, &index.schema(), &schema)?;
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into().map_err(engine())?;
        let mut generation = Self {
            path: path.to_owned(),
            fields,
            index,
            reader,
            versions: TableVersions::new(),
            list: FileList::new(),
            files: Arc::default(),
            words: WordList::open(path)?.map(Arc::new),
            columns: Arc::new([]),
            sources: Arc::new([]),
            counts: Arc::default(),
            dir: dir.to_owned(),
            current,
            meta: Stamp(0, None, 0),
        };
        generation.reload()?;
        Ok(generation)
    }

    /// Whether another generation has become the current one.
    pub(crate) fn is_replaced(&self, dir: &Path) -> bool {
        self.current.is_some() && Stamp::of(&dir.join("current")).ok() != self.current
    }

    /// Whether there is a commit that the reader does not show.
    pub(crate) fn is_stale(&self) -> bool {
        Stamp::of(&self.path.join("meta.json")).is_ok_and(|stamp| stamp != self.meta)
    }

    /// Shows the latest commit.
    pub(crate) fn reload(&mut self) -> Result<(), IndexError> {
        let engine = || IndexError::engine(&self.path);
        let meta_path = self.path.join("meta.json");
        loop {
            let before = Stamp::of(&meta_path).map_err(IndexError::io(&meta_path))?;
            let meta = self.index.load_metas().map_err(engine())?;
            self.reader.reload().map_err(engine())?;
            let (versions, list, group_bits) = match &meta.payload {
                None => (TableVersions::new(), FileList::new(), self.fields.group_bits),
                Some(text) => {
                    let payload: Payload =
                        serde_json::from_str(text).map_err(|error| IndexError::damaged(&self.path, error))?;
                    check_format(&self.path, payload.format)?;
                    if !(1..=u32::BITS).contains(&payload.group_bits) {
                        return Err(IndexError::damaged(&self.path, "it has an impossible number of bits of a group"));
                    }
                    (payload.versions, payload.files, payload.group_bits)
                }
            };
            let files = Files::open(&self.dir, &list, &self.files);
            let columns = Columns::of_all(&self.reader.searcher());
            let sources = sources(&self.reader.searcher(), &self.fields);
            // Versions, documents and data files must be those of one commit.
            if Stamp::of(&meta_path).map_err(IndexError::io(&meta_path))? == before {
                self.files = Arc::new(files?);
                self.columns = columns.map_err(engine())?;
                self.sources = sources.map_err(engine())?;
                self.counts = Arc::default();
                self.fields.group_bits = group_bits;
                self.list = list;
                self.versions = versions;
                self.meta = before;
                return Ok(());
            }
        }
    }

    /// `index/`.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn searcher(&self) -> Searcher {
        self.reader.searcher()
    }

    /// Reads every byte and compares checksums.
    pub(crate) fn verify(&self) -> Result<(), IndexError> {
        let wrong = self.index.validate_checksum().map_err(IndexError::engine(&self.path))?;
        for kind in Kind::ALL {
            self.files.of(kind).iter().try_for_each(|(_, file)| file.rows.verify())?;
            self.files.keys(kind).try_for_each(Keys::verify)?;
        }
        self.words.iter().try_for_each(|words| words.verify())?;
        match wrong.into_iter().min() {
            None => Ok(()),
            Some(file) => Err(IndexError::damaged(&self.path, format!("{} has a wrong checksum", file.display()))),
        }
    }
}

fn sources(searcher: &Searcher, fields: &Fields) -> Result<Arc<[String]>, TantivyError> {
    let mut sources = BTreeSet::new();
    for segment in searcher.segment_readers() {
        let marks = segment.inverted_index(fields.marks)?;
        let mut stream = marks.terms().range().ge([Mark::SOURCE]).lt([Mark::SOURCE + 1]).into_stream()?;
        while stream.advance() {
            sources.insert(String::from_utf8_lossy(&stream.key()[1..]).into_owned());
        }
    }
    Ok(sources.into_iter().collect())
}

pub(crate) fn payload(versions: &TableVersions, files: &FileList, fields: &Fields) -> String {
    let group_bits = fields.group_bits;
    let payload = Payload { format: FORMAT, versions: versions.clone(), files: files.clone(), group_bits };
    serde_json::to_string(&payload).expect("numbers and texts")
}

fn read_current(dir: &Path) -> Result<Option<(String, Stamp)>, IndexError> {
    let path = dir.join("current");
    let read = || -> io::Result<(Stamp, String, Stamp)> {
        Ok((Stamp::of(&path)?, fs::read_to_string(&path)?, Stamp::of(&path)?))
    };
    let (before, text, after) = match read() {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(IndexError::io(&path)(error)),
    };
    if before != after {
        return read_current(dir);
    }
    let current: Current = serde_json::from_str(&text).map_err(|error| IndexError::damaged(dir, error))?;
    if current.format < FORMAT {
        // Derived data: it is made anew.
        return Ok(None);
    }
    check_format(dir, current.format)?;
    if current.generation.parse::<u64>().is_err() {
        return Err(IndexError::damaged(dir, format!("{:?} is not the name of a generation", current.generation)));
    }
    Ok(Some((current.generation, before)))
}

fn check_format(path: &Path, found: u32) -> Result<(), IndexError> {
    if found == FORMAT {
        return Ok(());
    }
    Err(IndexError::Format { path: path.to_owned(), found: found.to_string(), expected: FORMAT })
}

fn check_schema(path: &Path, found: &Schema, expected: &Schema) -> Result<(), IndexError> {
    if found == expected {
        return Ok(());
    }
    Err(IndexError::Format { path: path.to_owned(), found: "of other fields".to_owned(), expected: FORMAT })
}

/// The names of all generations.
fn generations(dir: &Path) -> Result<Vec<u64>, IndexError> {
    let entries = fs::read_dir(dir).map_err(IndexError::io(dir))?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

fn newest(dir: &Path) -> Result<u64, IndexError> {
    Ok(generations(dir)?.into_iter().max().unwrap_or(0))
}

/// Removes what an earlier generation or a killed rebuild left; needs the lock.
pub(crate) fn sweep(dir: &Path) -> Result<(), IndexError> {
    let Ok(Some((current, _))) = read_current(dir) else { return Ok(()) };
    for generation in generations(dir)? {
        let name = generation.to_string();
        if name != current {
            let path = dir.join(name);
            fs::remove_dir_all(&path).map_err(IndexError::io(&path))?;
        }
    }
    Ok(())
}

/// Removes rows and keys of data files that no longer belong to the index, and what a killed process left half written;
/// needs the lock. Readers that have them open keep them.
pub(crate) fn sweep_rows(dir: &Path, list: &FileList) -> Result<(), IndexError> {
    let mut kept: HashSet<PathBuf> = HashSet::new();
    for kind in Kind::ALL {
        for entry in list.get(kind.table().name()).into_iter().flatten().filter(|entry| !entry.path.is_empty()) {
            kept.extend([place(dir, kind, &entry.path, "rows"), entry.keys_at(dir, kind)]);
        }
    }
    let folder = dir.join("rows");
    let entries = fs::read_dir(&folder).map_err(IndexError::io(&folder))?;
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let is_ours =
            path.extension().is_some_and(|ending| ending == "rows" || ending == "keys") || is_unfinished(&path);
        if is_ours && !kept.contains(&path) {
            fs::remove_file(&path).map_err(IndexError::io(&path))?;
        }
    }
    Ok(())
}
