//! Bringing the index to a snapshot of the tables: by what changed, or from nothing.

use std::collections::BTreeSet;
use std::path::Path;

use arrow::array::AsArray as _;
use arrow::datatypes::Int64Type;
use fonoteca_model::progress::Unit;
use fonoteca_model::{Id, Progress};
use futures::TryStreamExt as _;

use super::affected::{Affected, affected};
use super::change::{Aggregate, Change};
use super::document::{Document, Kind};
use super::error::IndexError;
use super::generation::{self, Generation, Lock, TableVersions};
use super::{Index, source};
use crate::catalog::Versions;
use crate::error::CatalogError;
use crate::schema::{Album, Artist, Row, Table, Track};
use crate::snapshot::Snapshot;

/// Rows that are looked at together.
const CHUNK: usize = 8192;
/// Tracks that are replaced one by one in any case; beyond that, not more than a quarter of the index.
const MIN_REPLACED: usize = 20_000;
/// Threads that fill an index from nothing.
const REBUILD_THREADS: usize = 2;

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
            build(&self.dir, snapshot, lock, progress).await?;
            return Ok(true);
        };
        let (since, now) = (by_table(&generation.versions), snapshot.versions());
        let is_behind = |table: &Table| since.get(table) < now.get(table);
        if !Table::ALL.iter().any(is_behind) || since.iter().any(|(table, then)| Some(then) > now.get(table)) {
            return Ok(true);
        }
        if since.is_empty() {
            build(&self.dir, snapshot, lock, progress).await?;
            return Ok(true);
        }
        let change = Change::begin(generation, lock, 1)?;
        let most = MIN_REPLACED.max(usize::try_from(change.documents() / 4).unwrap_or(usize::MAX));
        match affected(snapshot, &since, &change, most).await? {
            Some(affected) => replace(change, snapshot, affected, progress).await?,
            None => build(&self.dir, snapshot, change.abandon(), progress).await?,
        }
        Ok(true)
    }

    /// Makes the index anew from `snapshot`, beside the old one, and swaps. Waits for whoever is writing.
    pub async fn rebuild(&self, snapshot: &Snapshot, progress: &dyn Progress) -> Result<(), IndexError> {
        let lock = waited_lock(&self.dir).await?;
        build(&self.dir, snapshot, lock, progress).await
    }

    /// Makes the index in `dir` anew, whatever is there: for one that cannot be opened.
    pub async fn rebuild_in(dir: &Path, snapshot: &Snapshot, progress: &dyn Progress) -> Result<Self, IndexError> {
        let lock = waited_lock(dir).await?;
        build(dir, snapshot, lock, progress).await?;
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
    progress.stage("updating the search index", Some(affected.tracks.len() as u64), Unit::Items);
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
    blocking(move || change.commit(&versions).map(drop)).await
}

async fn put<T: Indexed>(
    change: &mut Change,
    snapshot: &Snapshot,
    ids: &BTreeSet<Id>,
    progress: &dyn Progress,
) -> Result<(), IndexError> {
    let ids: Vec<Id> = ids.iter().copied().collect();
    for ids in ids.chunks(CHUNK) {
        stop_if_cancelled(progress)?;
        let rows = T::by_ids(snapshot, ids).await?;
        for document in T::documents(snapshot, rows).await? {
            let document = standing(change, document)?;
            change.put(&document)?;
        }
        progress.advance(ids.len() as u64);
    }
    Ok(())
}

/// Fills a new generation from the tables and makes it the current one.
async fn build(dir: &Path, snapshot: &Snapshot, lock: Lock, progress: &dyn Progress) -> Result<(), IndexError> {
    generation::sweep(dir)?;
    let mut change = Change::begin(Generation::create(dir)?, lock, REBUILD_THREADS)?;
    fill::<Track>(&mut change, snapshot, progress).await?;
    // Albums and artists stand where the best of their tracks stands: those must be readable first.
    let mut change = blocking(move || change.settle().map(|()| change)).await?;
    fill::<Album>(&mut change, snapshot, progress).await?;
    fill::<Artist>(&mut change, snapshot, progress).await?;
    let (dir, versions) = (dir.to_owned(), by_name(snapshot.versions()));
    blocking(move || {
        let (generation, _lock) = change.commit(&versions)?;
        generation.publish(&dir)
    })
    .await
}

async fn fill<T: Indexed>(change: &mut Change, snapshot: &Snapshot, progress: &dyn Progress) -> Result<(), IndexError> {
    let table = T::TABLE.name();
    let total = int64s(snapshot, &format!("SELECT count(*) FROM {table}")).await?.first().copied();
    progress.stage(&format!("indexing {table}"), total.and_then(|total| u64::try_from(total).ok()), Unit::Items);
    // Two writers that stated the same at once left two rows; they are one document.
    let repeated = int64s(snapshot, &format!("SELECT id FROM {table} GROUP BY id HAVING count(*) > 1")).await?;
    let repeated: BTreeSet<Id> = repeated.into_iter().map(Id).collect();
    let mut rows = snapshot.stream::<T>("").await?;
    let mut waiting: Vec<T> = Vec::new();
    loop {
        let some = rows.try_next().await?;
        let is_last = some.is_none();
        waiting.extend(some.into_iter().flatten().filter(|row| !repeated.contains(&row.id())));
        if waiting.len() >= CHUNK || is_last {
            stop_if_cancelled(progress)?;
            progress.advance(waiting.len() as u64);
            for document in T::documents(snapshot, std::mem::take(&mut waiting)).await? {
                change.add(&standing(change, document)?)?;
            }
        }
        if is_last {
            return put::<T>(change, snapshot, &repeated, progress).await;
        }
    }
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
    fn id(&self) -> Id;
    async fn by_ids(snapshot: &Snapshot, ids: &[Id]) -> Result<Vec<Self>, CatalogError>;
    async fn documents(snapshot: &Snapshot, rows: Vec<Self>) -> Result<Vec<Document>, CatalogError>;
}

macro_rules! indexed {
    ($($row:ident $by_ids:ident $documents:ident;)*) => {$(
        impl Indexed for $row {
            fn id(&self) -> Id {
                self.id
            }

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

/// The first column of a query's answer.
async fn int64s(snapshot: &Snapshot, query: &str) -> Result<Vec<i64>, CatalogError> {
    let batches = snapshot.sql(query).await?;
    Ok(batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect())
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
async fn blocking<T: Send + 'static>(
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
