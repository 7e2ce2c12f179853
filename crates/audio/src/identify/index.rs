//! The folder of the index: segments, and a list that says which of them count and what they are made from.
//!
//! ```text
//! index/sounds/.lock       held by whoever writes
//! index/sounds/current     {"format": 1, "stamp": "…", "segments": ["1", "2"]}, replaced by a rename
//! index/sounds/1           a segment
//! ```
//! A segment that the list does not name was left by a killed process, or is one that readers may still have open; the next
//! writer removes it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use fonoteca_model::BlobId;
use serde::{Deserialize, Serialize};

use super::merge::merge;
use super::search::{Found, like, search};
use super::segment::{MAX_PLACES, Segment};
use super::write::SegmentWriter;
use super::{Sound, SoundIndexError};

/// The format of the list.
const FORMAT: u32 = 1;

/// Segments of one size that are made one: those of less than 16, 256, 4096, … recordings.
const FAN_IN: usize = 16;

/// What `current` says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Current {
    format: u32,
    stamp: String,
    segments: Vec<String>,
}

/// The index of sounds in one folder, to be asked. It follows what other processes write.
#[derive(Debug)]
pub struct SoundIndex {
    dir: PathBuf,
    open: Mutex<Option<(Current, Arc<Vec<Segment>>)>>,
}

impl SoundIndex {
    /// The index in `dir`, which need not be there yet. Nothing is read before something is asked.
    pub fn new(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), open: Mutex::new(None) }
    }

    /// What the last writer gave to [`SoundWriter::commit`]; `None` where there is no index, or one of an older format.
    pub fn stamp(&self) -> Result<Option<String>, SoundIndexError> {
        Ok(read_current(&self.dir)?.map(|current| current.stamp))
    }

    /// The recordings that have the sound, the best first; at most twenty.
    pub fn search(&self, sound: &Sound) -> Result<Vec<Found>, SoundIndexError> {
        search(&self.latest()?, sound)
    }

    /// The recordings that may be the same as one with these values, by [`ALGORITHM`](crate::ALGORITHM), in the order of their
    /// roots: few, whatever the index holds. Whether one is, [`is_same_recording`](crate::is_same_recording) tells. None for
    /// what is too short or too long for [`Sound::new`].
    pub fn like(&self, values: &[u32]) -> Result<Vec<BlobId>, SoundIndexError> {
        Sound::new(vec![values.to_vec()]).map_or_else(|_| Ok(Vec::new()), |sound| like(&self.latest()?, &sound))
    }

    /// How many fingerprints it holds.
    pub fn recordings(&self) -> Result<u64, SoundIndexError> {
        Ok(self.latest()?.iter().map(|segment| u64::from(segment.recordings)).sum())
    }

    /// Bytes of its segments.
    pub fn bytes(&self) -> Result<u64, SoundIndexError> {
        Ok(self.latest()?.iter().map(Segment::bytes).sum())
    }

    /// Reads the whole index and compares its checksums.
    pub fn verify(&self) -> Result<(), SoundIndexError> {
        self.latest()?.iter().try_for_each(Segment::verify)
    }

    fn latest(&self) -> Result<Arc<Vec<Segment>>, SoundIndexError> {
        loop {
            let Some(current) = read_current(&self.dir)? else { return Ok(Arc::default()) };
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((known, segments)) = &*open
                && *known == current
            {
                return Ok(Arc::clone(segments));
            }
            match open_all(&self.dir, &current.segments) {
                Ok(segments) => {
                    let segments = Arc::new(segments);
                    *open = Some((current, Arc::clone(&segments)));
                    return Ok(segments);
                }
                // It was replaced, and its segments removed, since the list was read.
                Err(_) if read_current(&self.dir)?.is_some_and(|now| now != current) => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The right to write the index, and what is being added. Dropped without [`Self::commit`], nothing has changed.
#[derive(Debug)]
pub struct SoundWriter {
    dir: PathBuf,
    kept: Vec<String>,
    added: Vec<String>,
    next: u64,
    filling: Option<SegmentWriter>,
    /// The system drops the lock with the file.
    _lock: File,
}

impl std::fmt::Debug for SegmentWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SegmentWriter")
    }
}

impl SoundWriter {
    /// Begins to add to the index in `dir`; `None` while somebody else writes.
    pub fn add_to(dir: &Path) -> Result<Option<Self>, SoundIndexError> {
        let (file, path) = lock_file(dir)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Ok(None),
            Err(fs::TryLockError::Error(error)) => return Err(SoundIndexError::io(&path)(error)),
        }
        let kept = read_current(dir)?.map_or_else(Vec::new, |current| current.segments);
        Self::begin(dir, file, kept).map(Some)
    }

    /// Begins to make the index in `dir` anew, as soon as nobody else writes.
    pub fn anew(dir: &Path) -> Result<Self, SoundIndexError> {
        let (file, path) = lock_file(dir)?;
        file.lock().map_err(SoundIndexError::io(&path))?;
        Self::begin(dir, file, Vec::new())
    }

    fn begin(dir: &Path, lock: File, kept: Vec<String>) -> Result<Self, SoundIndexError> {
        // Names are never used again while anything of the name lies there: readers may have it open.
        let names = names(dir)?;
        let next = names.iter().filter_map(|name| name.parse::<u64>().ok()).max().unwrap_or(0) + 1;
        Ok(Self { dir: dir.to_owned(), kept, added: Vec::new(), next, filling: None, _lock: lock })
    }

    /// What the index follows from so far, as [`SoundIndex::stamp`]; nothing when it is made anew.
    pub fn stamp(&self) -> Result<Option<String>, SoundIndexError> {
        if self.kept.is_empty() { Ok(None) } else { Ok(read_current(&self.dir)?.map(|current| current.stamp)) }
    }

    /// Adds the fingerprint of a blob: values of [`ALGORITHM`](crate::ALGORITHM).
    pub fn add(&mut self, root: BlobId, values: &[u32]) -> Result<(), SoundIndexError> {
        if values.is_empty() {
            return Ok(());
        }
        if self.filling.as_ref().is_some_and(SegmentWriter::is_full) {
            self.complete()?;
        }
        let filling = match &mut self.filling {
            Some(filling) => filling,
            none => {
                let name = self.next.to_string();
                let writer = SegmentWriter::create(&self.dir.join(&name))?;
                self.added.push(name);
                self.next += 1;
                none.insert(writer)
            }
        };
        filling.add(root, values)
    }

    /// Makes what was added part of the index, which then follows from `stamp`, whatever that means to the caller; then makes
    /// few segments of many, unless `cancel` says to stop.
    pub fn commit(mut self, stamp: &str, cancel: &dyn Fn() -> bool) -> Result<(), SoundIndexError> {
        self.complete()?;
        self.kept.append(&mut self.added);
        self.publish(stamp)?;
        while let Some(few) = self.crowd()? {
            let name = self.next.to_string();
            self.next += 1;
            let merged = merge(&self.dir.join(&name), &open_all(&self.dir, &few)?, cancel);
            match merged {
                // What was added is there already; the next writer will find the same crowd.
                Err(SoundIndexError::Cancelled) => break,
                merged => merged?,
            }
            let at = self.kept.iter().position(|kept| few.contains(kept)).unwrap_or(0);
            self.kept.retain(|kept| !few.contains(kept));
            self.kept.insert(at, name);
            self.publish(stamp)?;
        }
        self.sweep()
    }

    fn complete(&mut self) -> Result<(), SoundIndexError> {
        self.filling.take().map_or(Ok(()), SegmentWriter::finish)
    }

    fn publish(&self, stamp: &str) -> Result<(), SoundIndexError> {
        let current = Current { format: FORMAT, stamp: stamp.to_owned(), segments: self.kept.clone() };
        let text = serde_json::to_string(&current).expect("numbers and texts");
        let (target, beside) = (self.dir.join("current"), self.dir.join("current.new"));
        let replace = || -> io::Result<()> {
            let mut file = File::create(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &target)?;
            File::open(&self.dir)?.sync_all()
        };
        replace().map_err(SoundIndexError::io(&target))
    }

    /// Segments of about one size that are too many.
    fn crowd(&self) -> Result<Option<Vec<String>>, SoundIndexError> {
        let mut of_size: std::collections::BTreeMap<u32, Vec<(String, u64)>> = std::collections::BTreeMap::new();
        for (name, segment) in self.kept.iter().zip(open_all(&self.dir, &self.kept)?) {
            let size = segment.recordings.checked_ilog2().unwrap_or(0) / FAN_IN.ilog2();
            of_size.entry(size).or_default().push((name.clone(), segment.places()));
        }
        let crowd = of_size.into_values().find_map(|same| {
            let few = same.get(..FAN_IN)?;
            let fits = few.iter().map(|(_, places)| places).sum::<u64>() <= MAX_PLACES;
            fits.then(|| few.iter().map(|(name, _)| name.clone()).collect())
        });
        Ok(crowd)
    }

    /// Removes what the list does not name.
    fn sweep(&self) -> Result<(), SoundIndexError> {
        for name in names(&self.dir)? {
            let is_ours = name.trim_end_matches(".new").parse::<u64>().is_ok();
            if is_ours && !self.kept.contains(&name) {
                let path = self.dir.join(name);
                fs::remove_file(&path).map_err(SoundIndexError::io(&path))?;
            }
        }
        Ok(())
    }
}

fn lock_file(dir: &Path) -> Result<(File, PathBuf), SoundIndexError> {
    fs::create_dir_all(dir).map_err(SoundIndexError::io(dir))?;
    let path = dir.join(".lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path);
    Ok((file.map_err(SoundIndexError::io(&path))?, path))
}

fn names(dir: &Path) -> Result<Vec<String>, SoundIndexError> {
    let entries = fs::read_dir(dir).map_err(SoundIndexError::io(dir))?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
}

fn open_all(dir: &Path, names: &[String]) -> Result<Vec<Segment>, SoundIndexError> {
    names.iter().map(|name| Segment::open(&dir.join(name))).collect()
}

fn read_current(dir: &Path) -> Result<Option<Current>, SoundIndexError> {
    let path = dir.join("current");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(SoundIndexError::damaged(&path, "it is not text"));
        }
        Err(error) => return Err(SoundIndexError::io(&path)(error)),
    };
    let current: Current =
        serde_json::from_str(&text).map_err(|error| SoundIndexError::damaged(&path, error.to_string()))?;
    match current.format {
        // Derived data: it is made anew.
        older if older < FORMAT => Ok(None),
        FORMAT => match current.segments.iter().find(|name| name.parse::<u64>().is_err()) {
            Some(name) => Err(SoundIndexError::damaged(&path, format!("{name:?} is not the name of a segment"))),
            None => Ok(Some(current)),
        },
        found => Err(SoundIndexError::Format { path, found, expected: FORMAT }),
    }
}
