//! Bringing the index to a snapshot of the tables: by what changed, or from nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use fonoteca_model::progress::Unit;
use fonoteca_model::{Id, Progress};

use super::affected::{Affected, affected};
use super::bulk::{self, Work};
use super::change::{Aggregate, Change, Effort, containers};
use super::document::{Document, Kind, RowAt};
use super::error::IndexError;
use super::files::{FileList, Files, Rows};
use super::generation::{self, Generation, Lock, TableVersions};
use super::join::join_keys;
use super::tally::Tally;
use super::{Index, source};
use crate::catalog::Versions;
use crate::error::CatalogError;
use crate::schema::{Album, Artist, Row, Table, Track};
use crate::snapshot::{Snapshot, TableFile};

/// Rows that are looked at together.
const CHUNK: usize = 8192;
/// Tracks that a rebuild puts one by one, looked at together: one pass over other tables serves them all.
const SINGLE_CHUNK: usize = 1 << 17;
/// Tracks that are replaced one by one in any case; beyond that, not more than a quarter of the index.
const MIN_REPLACED: usize = 20_000;

/// What a change of some documents takes.
const SMALL: Effort = Effort { threads: 1, memory_bytes: 64 << 20, merges: true, most_segments: usize::MAX };
/// What filling an index takes: few segments, each as large as memory allows. Merging them costs about as much time as
/// writing them did, so it is done only when a search would ask very many.
const LARGE: Effort = Effort { threads: 2, memory_bytes: 768 << 20, merges: false, most_segments: 12 };
/// A smaller one is filled with less.
const MEDIUM: Effort = Effort { threads: 2, memory_bytes: 32 << 20, merges: false, most_segments: 1 };
/// Rows of the tables from which on an index is large.
const LARGE_ROWS: u64 = 200_000;
/// Memory that filling an index may take, with some room to what is promised (8 GiB).
const MOST_MEMORY: u64 = 7 << 30;
/// What has to be known of other tables while it is filled, in bytes a row.
const KNOWN_BYTES: u64 = 15;
/// How often a segment has the memory it was filled with while it is sorted and written.
const WRITING: u64 = 4;

/// What filling an index of so many rows takes: all threads may write their segments at the same time.
fn effort_for(rows: u64) -> Effort {
    if rows < LARGE_ROWS {
        return MEDIUM;
    }
    let room = MOST_MEMORY.saturating_sub(rows.saturating_mul(KNOWN_BYTES)) / (LARGE.threads as u64 * WRITING);
    Effort { memory_bytes: (room as usize).clamp(MEDIUM.memory_bytes, LARGE.memory_bytes), ..LARGE }
}

impl Index {
    /// Brings the index to `snapshot`; what changed since is replaced, and when that is much, the index is rebuilt beside.
    ///
    /// False when another process is at it, which may have an earlier snapshot: ask again, or leave it to whoever commits
    /// next. An index that is newer than the snapshot stays as it is. Killed at any instant, the index is as before or as
    /// after.
    pub async fn catch_up(&self, snapshot: &Snapshot, progress: &dyn Progress) -> Result<bool, IndexError> {
        let Some(lock) = Lock::try_take(&self.dir)? else { return Ok(false) };
        generation::sweep(&self.dir)?;
        let Some(generation) = Generation::open_current(&self.dir)? else {
            build(Work::new(&self.dir, snapshot, &FileList::new()), lock, progress).await?;
            return Ok(true);
        };
        let (since, now) = (by_table(&generation.versions), snapshot.versions());
        let is_behind = |table: &Table| since.get(table) < now.get(table);
        if !Table::ALL.iter().any(is_behind) || since.iter().any(|(table, then)| Some(then) > now.get(table)) {
            return Ok(true);
        }
        let (list, files) = bulk::list_files(snapshot, &generation.list).await?;
        let most = MIN_REPLACED.max(usize::try_from(generation.searcher().num_docs() / 4).unwrap_or(usize::MAX));
        if since.is_empty() || changed_rows(&generation.list, &list) > most as u64 {
            let work = Work::new(&self.dir, snapshot, &generation.list);
            drop(generation);
            build(work, lock, progress).await?;
            return Ok(true);
        }
        let work = Arc::new(Work::new(&self.dir, snapshot, &generation.list));
        for (kind, files) in &files {
            bulk::make_missing(&work, *kind, files, progress).await?;
        }
        let removed = removed(&generation, &list)?;
        let open = Files::open(&self.dir, &list, &generation.files)?;
        let change = Change::begin(generation, (list.clone(), open), lock, SMALL)?;
        match affected(snapshot, &since, &change, removed, most).await? {
            Some(affected) => replace(change, snapshot, affected, progress).await?,
            None => build(Work::new(&self.dir, snapshot, &list), change.abandon(), progress).await?,
        }
        Ok(true)
    }

    /// Makes the index anew from `snapshot`, beside the old one, and swaps. Waits for whoever is writing.
    pub async fn rebuild(&self, snapshot: &Snapshot, progress: &dyn Progress) -> Result<(), IndexError> {
        let lock = waited_lock(&self.dir).await?;
        // What cannot be opened is made anew.
        let made = Generation::open_current(&self.dir).ok().flatten().map(|generation| generation.list);
        build(Work::new(&self.dir, snapshot, &made.unwrap_or_default()), lock, progress).await
    }

    /// Makes the index in `dir` anew, whatever is there: for one that cannot be opened.
    pub async fn rebuild_in(dir: &Path, snapshot: &Snapshot, progress: &dyn Progress) -> Result<Self, IndexError> {
        let lock = waited_lock(dir).await?;
        // What is damaged may be rows and keys.
        build(Work::anew(dir, snapshot), lock, progress).await?;
        Self::open(dir)
    }
}

async fn waited_lock(dir: &Path) -> Result<Lock, IndexError> {
    let dir = dir.to_owned();
    blocking(move || Lock::take(&dir)).await
}

/// Replaces the documents that are affected, and the albums and artists whose tracks they are.
async fn replace(
    mut change: Change,
    snapshot: &Snapshot,
    mut affected: Affected,
    progress: &dyn Progress,
) -> Result<(), IndexError> {
    put::<Track>(&mut change, snapshot, &affected.tracks, progress).await?;
    // An album or artist that stands where it stood needs no new document.
    for container in change.touched().clone() {
        let (kind, id) = container;
        let known = if kind == Kind::Album { &mut affected.albums } else { &mut affected.artists };
        if !known.contains(&id) && change.shown(container)? != Some(change.aggregate(container)?) {
            known.insert(id);
        }
    }
    put::<Album>(&mut change, snapshot, &affected.albums, progress).await?;
    put::<Artist>(&mut change, snapshot, &affected.artists, progress).await?;
    let versions = by_name(snapshot.versions());
    blocking(move || {
        let (generation, _lock) = change.commit(&versions)?;
        generation::sweep_rows(generation.dir(), &generation.list)
    })
    .await
}

/// Rows of data files that came and went.
fn changed_rows(old: &FileList, new: &FileList) -> u64 {
    let rows = |list: &FileList, other: &FileList| -> u64 {
        let lists = list.iter().map(|(table, entries)| {
            let known: BTreeSet<&str> =
                other.get(table).into_iter().flatten().map(|entry| entry.path.as_str()).collect();
            let missing = entries.iter().filter(|entry| !entry.path.is_empty() && !known.contains(entry.path.as_str()));
            missing.map(|entry| u64::from(entry.rows)).sum::<u64>()
        });
        lists.sum()
    };
    rows(old, new) + rows(new, old)
}

async fn put<T: Indexed>(
    change: &mut Change,
    snapshot: &Snapshot,
    ids: &BTreeSet<Id>,
    progress: &dyn Progress,
) -> Result<(), IndexError> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids: Vec<Id> = ids.iter().copied().collect();
    let stage = format!("updating the search index: {}", T::KIND.table().name());
    progress.stage(&stage, Some(ids.len() as u64), Unit::Items);
    for ids in ids.chunks(CHUNK) {
        stop_if_cancelled(progress)?;
        let rows = T::by_ids(snapshot, ids).await?;
        let mut documents = Vec::new();
        for document in T::documents(snapshot, rows).await? {
            let document = standing(change, document)?;
            documents.push((row_of(change.files(), snapshot, T::KIND, document.id)?, document));
        }
        change.put(T::KIND, ids, &documents)?;
        progress.advance(ids.len() as u64);
    }
    Ok(())
}

/// The row of a document. Two writers that stated the same at once left two rows: the document is that of the first one, in
/// the order of their files' paths.
fn row_of(files: &Files, snapshot: &Snapshot, kind: Kind, id: Id) -> Result<RowAt, IndexError> {
    let mut rows = files.reader();
    let found = counting(&mut rows, snapshot, kind, id)?;
    found
        .first()
        .copied()
        .ok_or_else(|| IndexError::damaged(Path::new(kind.table().name()), format!("the keys do not have {id}")))
}

fn counting(rows: &mut Rows<'_>, snapshot: &Snapshot, kind: Kind, id: Id) -> Result<Vec<RowAt>, IndexError> {
    let mut found = rows.with_id(kind, id)?;
    found.retain(|at| snapshot.counts(rows.batch_of(kind, *at)));
    Ok(found)
}

/// Fills a new generation from the tables and makes it the current one.
async fn build(work: Work, lock: Lock, progress: &dyn Progress) -> Result<(), IndexError> {
    let work = Arc::new(work);
    let (dir, snapshot) = (&work.dir, &work.snapshot);
    generation::sweep(dir)?;
    let (mut list, files) = bulk::list_files(snapshot, &FileList::new()).await?;
    let rows: u64 = files.values().flatten().map(|file| file.rows.unwrap_or(LARGE_ROWS)).sum();
    let mut generation = Generation::create(dir)?;
    generation.fields = generation.fields.for_rows(rows);
    work.name_joined(&mut list);
    let known = Arc::new(super::known::Known::read(snapshot).await?);
    for kind in [Kind::Album, Kind::Artist] {
        bulk::make_missing(&work, kind, &files[&kind], progress).await?;
        join_keys(&work, kind, &mut list, progress).await?;
    }
    let albums = only(&list, Kind::Album);
    let albums = Files::open(dir, &albums, &Files::default())?;
    let files_of_none = (list.clone(), Files::default());
    let mut change = Arc::new(Change::begin(generation, files_of_none, lock, effort_for(rows))?);
    let filled = fill(&work, &mut change, known, albums, (&mut list, files), progress).await;
    let change = match (filled, Arc::try_unwrap(change)) {
        (Ok(()), Ok(change)) => change,
        (Ok(()), Err(_)) => return Err(IndexError::Cancelled),
        (Err(error), Ok(change)) => return Err(change.why(error)),
        (Err(error), Err(_)) => return Err(error),
    };
    stop_if_cancelled(progress)?;
    progress.stage("writing the search index", None, Unit::Items);
    let (dir, versions) = (dir.to_owned(), by_name(snapshot.versions()));
    blocking(move || {
        let (generation, _lock) = change.commit(&versions)?;
        generation.publish(&dir)?;
        // Not before: until then, the generation before needs what it has.
        generation::sweep_rows(&dir, &list)
    })
    .await
}

/// Adds the documents of all tables. What is `known` goes when they are added, before segments are merged.
async fn fill(
    work: &Arc<Work>,
    change: &mut Arc<Change>,
    known: Arc<super::known::Known>,
    albums: Files,
    (list, mut files): (&mut FileList, BTreeMap<Kind, Vec<TableFile>>),
    progress: &dyn Progress,
) -> Result<(), IndexError> {
    let snapshot = &work.snapshot;
    let tracks = files.remove(&Kind::Track).unwrap_or_default();
    let tally = Arc::new(Tally::of_nothing(snapshot).await?);
    let repeated = bulk::add_tracks(work, change, &known, &tally, albums, (list, tracks), progress).await?;
    join_keys(work, Kind::Track, list, progress).await?;
    Arc::get_mut(change).ok_or(IndexError::Cancelled)?.open_files(list)?;
    remove_repeated(change, snapshot, Kind::Track, &repeated)?;
    add_singled_out(change, snapshot, &known, &tally, progress).await?;
    for kind in [Kind::Album, Kind::Artist] {
        let files: Vec<TableFile> = files.remove(&kind).unwrap_or_default();
        let repeated = bulk::add_containers(work, change, &known, &tally, kind, (list, files), progress).await?;
        remove_repeated(change, snapshot, kind, &repeated)?;
    }
    Ok(())
}

fn only(list: &FileList, kind: Kind) -> FileList {
    let name = kind.table().name();
    BTreeMap::from([(name.to_owned(), list.get(name).cloned().unwrap_or_default())])
}

/// Of what is stated twice only the first row is a document.
fn remove_repeated(change: &Change, snapshot: &Snapshot, kind: Kind, repeated: &[Id]) -> Result<(), IndexError> {
    let mut rows = change.files().reader();
    let mut gone = Vec::new();
    for id in repeated {
        gone.extend(counting(&mut rows, snapshot, kind, *id)?.into_iter().skip(1).map(|at| (kind, at)));
    }
    change.remove(gone)
}

/// Adds the tracks that are held or withdrawn.
async fn add_singled_out(
    change: &Change,
    snapshot: &Snapshot,
    known: &super::known::Known,
    tally: &Tally,
    progress: &dyn Progress,
) -> Result<(), IndexError> {
    progress.stage("indexing what is held or withdrawn", Some(known.singled_out().len() as u64), Unit::Items);
    for ids in known.singled_out().chunks(SINGLE_CHUNK) {
        stop_if_cancelled(progress)?;
        let ids: Vec<Id> = ids.iter().copied().map(Id).collect();
        let rows = Track::by_ids(snapshot, &ids).await?;
        for document in Track::documents(snapshot, rows).await? {
            let of_track = Aggregate::of_track(&document);
            for container in containers(document.album_id, &document.artist_ids) {
                tally.count(container, of_track);
            }
            change.add(row_of(change.files(), snapshot, Kind::Track, document.id)?, &document)?;
        }
        progress.advance(ids.len() as u64);
    }
    Ok(())
}

/// The ids in data files that went: what they say no longer counts.
fn removed(generation: &Generation, list: &FileList) -> Result<Vec<(Kind, Id)>, IndexError> {
    let mut ids = Vec::new();
    for kind in Kind::ALL {
        let entries = list.get(kind.table().name()).into_iter().flatten();
        let kept: BTreeSet<&str> = entries.map(|entry| entry.path.as_str()).collect();
        for (_, file) in generation.files.of(kind).iter().filter(|(_, file)| !kept.contains(file.path.as_str())) {
            for block in 0..file.rows.blocks() {
                ids.extend(file.rows.block(block)?.ids().iter().map(|id| (kind, *id)));
            }
        }
    }
    Ok(ids)
}

/// Gives an album or artist its place.
fn standing(change: &Change, document: Document) -> Result<Document, IndexError> {
    if document.kind == Kind::Track {
        return Ok(document);
    }
    let Aggregate { standing, held, withdrawn } = change.aggregate((document.kind, document.id))?;
    Ok(Document { standing, held, withdrawn, ..document })
}

/// A row that becomes a document.
trait Indexed: Row {
    const KIND: Kind;
    async fn by_ids(snapshot: &Snapshot, ids: &[Id]) -> Result<Vec<Self>, CatalogError>;
    async fn documents(snapshot: &Snapshot, rows: Vec<Self>) -> Result<Vec<Document>, CatalogError>;
}

macro_rules! indexed {
    ($($row:ident $by_ids:ident $documents:ident;)*) => {$(
        impl Indexed for $row {
            const KIND: Kind = Kind::$row;

            async fn by_ids(snapshot: &Snapshot, ids: &[Id]) -> Result<Vec<Self>, CatalogError> {
                Ok(snapshot.$by_ids(ids).await?.into_values().collect())
            }

            async fn documents(snapshot: &Snapshot, rows: Vec<Self>) -> Result<Vec<Document>, CatalogError> {
                source::$documents(snapshot, rows).await
            }
        }
    )*};
}

indexed! {
    Track tracks of_tracks;
    Album albums of_albums;
    Artist artists of_artists;
}

fn by_name(versions: &Versions) -> TableVersions {
    versions.iter().map(|(table, version)| (table.name().to_owned(), *version)).collect()
}

fn by_table(versions: &TableVersions) -> Versions {
    let of = |table: &Table| versions.get(table.name()).map(|version| (*table, *version));
    Table::ALL.iter().filter_map(of).collect()
}

fn stop_if_cancelled(progress: &dyn Progress) -> Result<(), IndexError> {
    if progress.cancelled() { Err(IndexError::Cancelled) } else { Ok(()) }
}

/// Waiting for locks, disks and merges must not keep other tasks from running.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, IndexError> + Send + 'static,
) -> Result<T, IndexError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(IndexError::Cancelled),
        },
    }
}
