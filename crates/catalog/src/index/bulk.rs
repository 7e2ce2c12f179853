//! Filling an index from nothing: each data file is read once from its first row to its last, two at a time, and becomes
//! rows, keys and documents on the way.
//!
//! What a row needs of other tables is at hand: standings and links as sorted numbers, an album's title and year in the
//! albums' row store, which is read in about the order of the tracks. Tracks that are held or withdrawn are few, and
//! need the most (rights, covers): they are left out here and put one by one behind.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fonoteca_model::progress::Unit;
use fonoteca_model::{Id, Progress};
use tantivy::indexer::UserOperation;
use tokio::sync::mpsc::UnboundedSender;

use super::change::{Aggregate, Change};
use super::columns::Facts;
use super::document::{Kind, MAX_PARTS, RowAt, Standing};
use super::error::IndexError;
use super::fields::lay_words;
use super::files::{DataFile, FileEntry, FileList, Files, joined_at, place, row_at};
use super::ids::Ids;
use super::known::Known;
use super::make::Maker;
use super::scan::{RowView, Scan};
use super::tally::Tally;
use super::update::blocking;
use super::words;
use crate::keys::Keys;
use crate::rowstore::Origin;
use crate::snapshot::{Snapshot, TableFile};

/// Data files that are read at once.
pub(super) const WORKERS: usize = 2;

/// What the workers share.
pub(super) struct Work {
    pub snapshot: Snapshot,
    /// `index/`.
    pub dir: PathBuf,
    pub stop: AtomicBool,
    /// Files whose rows and keys are made anew though they are there: none of them made by this work.
    remake: Option<Mutex<HashSet<String>>>,
    /// Joined keys that there are, by what they are of.
    joined: HashMap<String, Id>,
}

impl Work {
    /// Work that uses the rows and keys that are there, also the joined keys that `made` names.
    pub(super) fn new(dir: &Path, snapshot: &Snapshot, made: &FileList) -> Self {
        let mut joined = HashMap::new();
        let mut is_whole = HashMap::new();
        for kind in Kind::ALL {
            for entry in made.get(kind.table().name()).into_iter().flatten() {
                let Some(keys) = entry.keys else { continue };
                if *is_whole.entry(keys).or_insert_with(|| Keys::open(&joined_at(dir, keys)).is_ok()) {
                    joined.insert(name_of(kind, &entry.path), keys);
                }
            }
        }
        Self { snapshot: snapshot.clone(), dir: dir.to_owned(), stop: AtomicBool::new(false), remake: None, joined }
    }

    /// Work that makes everything anew.
    pub(super) fn anew(dir: &Path, snapshot: &Snapshot) -> Self {
        Self { remake: Some(Mutex::default()), ..Self::new(dir, snapshot, &FileList::new()) }
    }

    /// Whether the rows and keys of a file can be used as they are.
    fn is_made(&self, kind: Kind, file: &TableFile) -> bool {
        let made = |made: &Mutex<HashSet<String>>| {
            made.lock().unwrap_or_else(PoisonError::into_inner).contains(&name_of(kind, &file.path))
        };
        let are_rows_made = |opened: DataFile| opened.rows.origin().size == file.size;
        let are_keys_made = || {
            self.joined.contains_key(&name_of(kind, &file.path))
                || Keys::open(&place(&self.dir, kind, &file.path, "keys")).is_ok()
        };
        self.remake.as_ref().is_none_or(made)
            && DataFile::open(&self.dir, kind, &file.path).is_ok_and(are_rows_made)
            && are_keys_made()
    }

    /// Has a list say which files have their keys among others'.
    pub(super) fn name_joined(&self, list: &mut FileList) {
        for kind in Kind::ALL {
            for entry in list.get_mut(kind.table().name()).into_iter().flatten() {
                entry.keys = self.joined.get(&name_of(kind, &entry.path)).copied();
            }
        }
    }

    fn note_made(&self, kind: Kind, file: &TableFile) {
        if let Some(made) = &self.remake {
            made.lock().unwrap_or_else(PoisonError::into_inner).insert(name_of(kind, &file.path));
        }
    }
}

fn name_of(kind: Kind, path: &str) -> String {
    format!("{kind} {path}")
}

/// The files of each kind as the snapshot has them, and the list of parts they make: those of `old` keep their numbers.
pub(super) async fn list_files(
    snapshot: &Snapshot,
    old: &FileList,
) -> Result<(FileList, BTreeMap<Kind, Vec<TableFile>>), IndexError> {
    let mut list = FileList::new();
    let mut files: BTreeMap<Kind, Vec<TableFile>> = BTreeMap::new();
    for kind in Kind::ALL {
        let of_kind = snapshot.table_files(kind.table())?;
        let there: HashMap<&str, &TableFile> = of_kind.iter().map(|file| (file.path.as_str(), file)).collect();
        let mut entries = old.get(kind.table().name()).cloned().unwrap_or_default();
        for entry in &mut entries {
            if !there.contains_key(entry.path.as_str()) {
                entry.path.clear();
                entry.keys = None;
            }
        }
        let known: HashSet<String> = entries.iter().map(|entry| entry.path.clone()).collect();
        for file in of_kind.iter().filter(|file| !known.contains(&file.path)) {
            let rows = if let Some(rows) = file.rows {
                rows
            } else {
                let (_, rows) = Scan::open(snapshot.objects(), kind, file.object.clone(), file.size).await?;
                rows as u64
            };
            let rows = u32::try_from(rows).map_err(|_| too_many(&file.path))?;
            entries.push(FileEntry { path: file.path.clone(), rows, keys: None });
        }
        if entries.iter().map(|entry| u64::from(entry.parts())).sum::<u64>() > u64::from(MAX_PARTS) {
            return Err(too_many(kind.table().name()));
        }
        list.insert(kind.table().name().to_owned(), entries);
        files.insert(kind, of_kind);
    }
    Ok((list, files))
}

fn too_many(what: &str) -> IndexError {
    IndexError::damaged(Path::new(what), "it has more rows than the index can number")
}

/// The first part of each file of a kind, by path.
pub(super) fn first_parts(list: &FileList, kind: Kind) -> HashMap<String, u32> {
    let mut next = 0;
    let mut first = HashMap::new();
    for entry in list.get(kind.table().name()).into_iter().flatten() {
        if !entry.path.is_empty() {
            first.insert(entry.path.clone(), next);
        }
        next += entry.parts();
    }
    first
}

/// Files as they are taken, the first one last. Large ones are taken first, so that no worker is left alone with one at the
/// end. Those of about one size stay neighbours of whom they were: a segment then has documents of few parts, which follow
/// each other, so that the column of parts is narrow and most look-ups pass over the segment.
fn in_turn(mut files: Vec<TableFile>) -> Vec<TableFile> {
    files.sort_by_key(|file| file.size.checked_ilog2());
    files
}

/// Does something with each file, several at once, until one fails or somebody asks to stop.
pub(super) async fn each_file<T: Send + 'static>(
    work: &Arc<Work>,
    files: Vec<TableFile>,
    progress: &dyn Progress,
    state: impl Fn() -> T + Clone + Send + 'static,
    act: impl Fn(&Work, &TableFile, &mut T, &UnboundedSender<u64>) -> Result<(), IndexError> + Clone + Send + 'static,
) -> Result<Vec<T>, IndexError> {
    let queue = Arc::new(Mutex::new(in_turn(files)));
    let (done, mut told) = tokio::sync::mpsc::unbounded_channel();
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        let (work, queue, state, act, done) =
            (Arc::clone(work), Arc::clone(&queue), state.clone(), act.clone(), done.clone());
        workers.push(tokio::task::spawn_blocking(move || {
            let mut state = state();
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop();
                let Some(file) = next else { return Ok(state) };
                let acted = act(&work, &file, &mut state, &done);
                if acted.is_err() {
                    work.stop.store(true, Ordering::Relaxed);
                    return acted.map(|()| state);
                }
            }
        }));
    }
    drop(done);
    while let Some(rows) = told.recv().await {
        progress.advance(rows);
        if progress.cancelled() {
            work.stop.store(true, Ordering::Relaxed);
        }
    }
    let mut states = Vec::new();
    let mut failed: Option<IndexError> = None;
    for worker in workers {
        match worker.await {
            Ok(Ok(state)) => states.push(state),
            // That another one stopped is not why.
            Ok(Err(error)) if failed.is_none() || matches!(failed, Some(IndexError::Cancelled)) => failed = Some(error),
            Ok(Err(_)) => {}
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => failed = Some(IndexError::Cancelled),
            },
        }
    }
    failed.map_or(Ok(states), Err)
}

/// Reads one file, and makes its rows and keys where they are missing. `row` is told each row that counts, and its number.
pub(super) fn read_file(
    work: &Work,
    kind: Kind,
    file: &TableFile,
    done: &UnboundedSender<u64>,
    mut row: impl FnMut(u32, &RowView<'_>) -> Result<(), IndexError>,
) -> Result<(), IndexError> {
    let tokio = tokio::runtime::Handle::current();
    let opened = Scan::open(work.snapshot.objects(), kind, file.object.clone(), file.size);
    let (mut scan, _) = tokio.block_on(opened)?;
    let is_made = work.is_made(kind, file);
    let origin = Origin { path: file.path.clone(), size: file.size };
    let mut maker = if is_made { None } else { Some(Maker::create(&work.dir, kind, origin)?) };
    let mut number = 0;
    let mut last_batch: (Option<(String, i64)>, bool) = (None, true);
    while let Some(batch) = tokio.block_on(scan.next())? {
        if work.stop.load(Ordering::Relaxed) {
            return Err(IndexError::Cancelled);
        }
        for place in 0..batch.len() {
            let view = batch.row(place);
            if let Some(maker) = &mut maker {
                maker.push(&view)?;
            }
            if last_batch.0.as_ref().map(|(job, number)| (job.as_str(), *number)) != view.batch {
                let counts = work.snapshot.counts(view.batch);
                last_batch = (view.batch.map(|(job, number)| (job.to_owned(), number)), counts);
            }
            if last_batch.1 {
                row(number, &view)?;
            }
            number += 1;
        }
        // Nobody listens any more when the work was given up.
        done.send(batch.len() as u64).ok();
    }
    if let Some(maker) = maker {
        maker.finish()?;
        work.note_made(kind, file);
    }
    Ok(())
}

/// Makes the rows and keys of files where they are missing.
pub(super) async fn make_missing(
    work: &Arc<Work>,
    kind: Kind,
    files: &[TableFile],
    progress: &dyn Progress,
) -> Result<(), IndexError> {
    let missing: Vec<TableFile> = files.iter().filter(|file| !work.is_made(kind, file)).cloned().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let rows = missing.iter().map(|file| file.rows).sum();
    progress.stage(&format!("reading {}", kind.table().name()), rows, Unit::Items);
    each_file(
        work,
        missing,
        progress,
        || (),
        move |work, file, (), done| read_file(work, kind, file, done, |_, _| Ok(())),
    )
    .await?;
    Ok(())
}

/// What a worker remembers of the track before.
struct Last<'a> {
    albums: super::files::Rows<'a>,
    near: (usize, u32),
    album: Option<Id>,
    album_words: Vec<String>,
    album_year: Option<u16>,
    credit: String,
    credit_words: Vec<String>,
}

impl<'a> Last<'a> {
    fn new(files: &'a Files) -> Self {
        Self {
            albums: files.reader(),
            near: (0, 0),
            album: None,
            album_words: Vec::new(),
            album_year: None,
            credit: String::new(),
            credit_words: Vec::new(),
        }
    }

    fn see(&mut self, row: &RowView<'_>) -> Result<(), IndexError> {
        if row.album_id != self.album {
            let album = match row.album_id {
                Some(id) => self.albums.album_near(id, &mut self.near)?,
                None => None,
            };
            self.album_words = album.as_ref().map_or_else(Vec::new, |album| words::words(&album.0));
            self.album_year = album.and_then(|album| album.1);
            self.album = row.album_id;
        }
        if row.credit != self.credit {
            self.credit_words = words::words(row.credit);
            row.credit.clone_into(&mut self.credit);
        }
        Ok(())
    }
}

/// Credited names that the credit's text does not show: "feat." names, a composer.
fn other_words(row: &RowView<'_>) -> Vec<Vec<String>> {
    let missing = row.artists.iter().filter(|(_, name)| !row.credit.contains(*name));
    missing.map(|(_, name)| words::words(name)).collect()
}

/// Makes documents of all tracks in the files, but those singled out; and rows and keys where they are missing. Gives the ids
/// that are stated twice.
pub(super) async fn add_tracks(
    work: &Arc<Work>,
    change: &Arc<Change>,
    known: &Arc<Known>,
    tally: &Arc<Tally>,
    albums: Files,
    list: (&FileList, Vec<TableFile>),
    progress: &dyn Progress,
) -> Result<Vec<Id>, IndexError> {
    let (list, files) = list;
    progress.stage("indexing tracks", files.iter().map(|file| file.rows).sum(), Unit::Items);
    let first = Arc::new(first_parts(list, Kind::Track));
    let (change, known, tally, albums) = (Arc::clone(change), Arc::clone(known), Arc::clone(tally), Arc::new(albums));
    let act = move |work: &Work, file: &TableFile, ids: &mut Ids, done: &UnboundedSender<u64>| {
        let first = first.get(&file.path).copied().unwrap_or_default();
        let mut last = Last::new(&albums);
        let mut adding = Adding::to(&change);
        let (mut title, mut others) = (String::new(), String::new());
        read_file(work, Kind::Track, file, done, |number, row| {
            ids.add(row.id)?;
            if known.is_singled_out(row.id) {
                return Ok(());
            }
            last.see(row)?;
            let (group, is_linked) = known.group(Kind::Track, row.id);
            let standing = known.standing(group);
            let of_track = Aggregate { standing, held: false, withdrawn: false };
            if let Some(album) = row.album_id {
                tally.count((Kind::Album, album), of_track);
            }
            for (artist, _) in &row.artists {
                tally.count((Kind::Artist, *artist), of_track);
            }
            title.clear();
            others.clear();
            let further = other_words(row);
            let mut names: Vec<&[String]> = vec![&last.album_words, &last.credit_words];
            names.extend(further.iter().map(Vec::as_slice));
            lay_words(row.title, &[], &names, &mut title, &mut others);
            let facts = Facts::new(false, false, row.year.or(last.album_year));
            let at = row_at(first, number);
            adding.add((Kind::Track, at), standing, facts, row.source, is_linked.then_some(group), (&title, &others))
        })?;
        adding.send()
    };
    repeated_in_each(work, files, progress, act).await
}

/// Makes documents of all albums or artists in the files. Gives the ids that are stated twice.
pub(super) async fn add_containers(
    work: &Arc<Work>,
    change: &Arc<Change>,
    known: &Arc<Known>,
    tally: &Arc<Tally>,
    kind: Kind,
    list: (&FileList, Vec<TableFile>),
    progress: &dyn Progress,
) -> Result<Vec<Id>, IndexError> {
    let (list, files) = list;
    progress.stage(&format!("indexing {}", kind.table().name()), files.iter().map(|file| file.rows).sum(), Unit::Items);
    let first = Arc::new(first_parts(list, kind));
    let (change, known, tally) = (Arc::clone(change), Arc::clone(known), Arc::clone(tally));
    let act = move |work: &Work, file: &TableFile, ids: &mut Ids, done: &UnboundedSender<u64>| {
        let first = first.get(&file.path).copied().unwrap_or_default();
        let mut adding = Adding::to(&change);
        let (mut title, mut others) = (String::new(), String::new());
        read_file(work, kind, file, done, |number, row| {
            ids.add(row.id)?;
            let (group, is_linked) = known.group(kind, row.id);
            let Aggregate { standing, held, withdrawn } = tally.of((kind, row.id));
            title.clear();
            others.clear();
            let mut names = other_words(row);
            names.push(words::words(row.credit));
            let names: Vec<&[String]> = names.iter().map(Vec::as_slice).collect();
            lay_words(row.title, &row.others, &names, &mut title, &mut others);
            let facts = Facts::new(held, withdrawn, row.year);
            let at = row_at(first, number);
            adding.add((kind, at), standing, facts, row.source, is_linked.then_some(group), (&title, &others))
        })?;
        adding.send()
    };
    repeated_in_each(work, files, progress, act).await
}

/// Does something with each file, and gives the ids that were stated twice.
async fn repeated_in_each(
    work: &Arc<Work>,
    files: Vec<TableFile>,
    progress: &dyn Progress,
    act: impl Fn(&Work, &TableFile, &mut Ids, &UnboundedSender<u64>) -> Result<(), IndexError> + Clone + Send + 'static,
) -> Result<Vec<Id>, IndexError> {
    let dir = work.dir.clone();
    let ids = each_file(work, files, progress, move || Ids::new(&dir), act).await?;
    blocking(move || Ids::repeated(ids)).await
}

/// Documents that are handed over at once: handing over each by itself costs 6 % of the time, in waiting.
const HANDED_OVER: usize = 256;

/// Documents on their way to a change, which are known to be new.
struct Adding<'a> {
    change: &'a Change,
    waiting: Vec<UserOperation>,
}

impl<'a> Adding<'a> {
    fn to(change: &'a Change) -> Self {
        Self { change, waiting: Vec::with_capacity(HANDED_OVER) }
    }

    /// Adds a document from its parts.
    fn add(
        &mut self,
        (kind, at): (Kind, RowAt),
        standing: Standing,
        facts: Facts,
        source: &str,
        group: Option<Id>,
        (title, others): (&str, &str),
    ) -> Result<(), IndexError> {
        let fields = &self.change.generation().fields;
        let mut laid = fields.start((kind, at), standing, facts);
        fields.add_source(&mut laid, source);
        if facts.held() {
            fields.add_held(&mut laid);
        }
        if let Some(group) = group {
            fields.add_group(&mut laid, group);
        }
        fields.add_words(&mut laid, title, others);
        self.waiting.push(UserOperation::Add(laid));
        if self.waiting.len() == HANDED_OVER { self.send() } else { Ok(()) }
    }

    /// Hands over what waits.
    fn send(&mut self) -> Result<(), IndexError> {
        let waiting = std::mem::replace(&mut self.waiting, Vec::with_capacity(HANDED_OVER));
        self.change.writer().run(waiting).map_err(IndexError::engine(&self.change.generation().path))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_files_are_taken_first_and_those_of_about_one_size_side_by_side() {
        let file = |(part, size): (usize, u64)| TableFile {
            path: part.to_string(),
            object: String::new().into(),
            size,
            rows: None,
        };
        let sizes = [900, 1000, 3, 950, 70_000, 0, 1001, 80_000];
        let mut queue = in_turn(sizes.into_iter().enumerate().map(file).collect());
        let taken: Vec<String> = std::iter::from_fn(|| queue.pop()).map(|file| file.path).collect();
        assert_eq!(taken, ["7", "4", "6", "3", "1", "0", "2", "5"]);
    }
}
