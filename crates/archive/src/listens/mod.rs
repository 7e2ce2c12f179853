//! Listens: how often recordings were played, and the popularity that follows ([`popularity`]).
//!
//! A file's listens are counted by what they name their track by, on disk ([`reading`]); one pass over the catalogue brings
//! those names to recordings ([`matching`]); and the counts are added to those that are in the table. Written is what
//! changed: recordings with new listens, and those whose popularity moved. Memory stays the same however large the files and
//! the catalogue are.
//!
//! Exactly once: the commit that names the new rows records a Delta transaction for each file, called after the SHA-256 of its
//! bytes. A file whose transaction is recorded is not counted again, whatever it is called and wherever it lies.

mod input;
mod key;
mod matching;
mod popularity;
mod reading;
mod tally;

use std::path::{Path, PathBuf};

use fonoteca_catalog::import::{FileIdentity, hash_file};
use fonoteca_catalog::{Batch, Event, Listened, Listens, Outcome, Snapshot, Staged, Table, Versions};
use fonoteca_model::Timestamp;
use fonoteca_model::progress::{Progress, Unit};
use futures::TryStreamExt as _;
use serde::Serialize;

use self::matching::{key_of, recording_of};
use self::tally::{Pair, Runs};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::ingest::AGENT;
use crate::moment::later_than;
use crate::rights::stable_id;

pub use popularity::{anchor, popularity};

/// Rows that are written at once.
const ROWS_AT_ONCE: usize = 1_000_000;

/// How listens are imported.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where lines go that are no listens: one JSON object a line with file, number and reason. It is added to.
    pub rejects: Option<PathBuf>,
    /// Different names that are counted in memory before they go to disk; each takes some 50 bytes.
    pub in_memory: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { rejects: None, in_memory: 4_000_000 }
    }
}

/// What an import did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ImportReport {
    /// Lines read.
    pub rows: u64,
    /// Listens of recordings that the catalogue knows.
    pub matched: u64,
    /// Listens of recordings that it does not know.
    pub unmatched: u64,
    /// Lines that are no listens: line number and reason; of each file the first 1,000.
    pub rejected: Vec<Rejected>,
    /// How many such lines there are in all.
    pub rejected_rows: u64,
    /// Recordings that were listened to in these files.
    pub recordings: u64,
    /// Rows written: those recordings, and those whose popularity moved.
    pub changed: u64,
    /// All files had been imported before, so nothing was counted again.
    pub already: bool,
    /// File by file.
    pub files: Vec<FileReport>,
}

/// A line that is no listen: its number, from 1, and why not.
pub type Rejected = (u64, String);

/// What one file held.
#[derive(Debug, Clone, Serialize)]
pub struct FileReport {
    /// Its path.
    pub path: String,
    /// The SHA-256 of its bytes.
    pub sha256: String,
    /// Lines read.
    pub rows: u64,
    /// Lines that are no listens; the first 1,000.
    pub rejected: Vec<Rejected>,
    /// It had been imported before, so nothing was counted again.
    pub already: bool,
}

/// A file that is being counted.
struct Work {
    job: String,
    event: String,
    folder: PathBuf,
    keys: Runs,
}

/// The name of a file's Delta transaction.
fn job_of(sha256: &str) -> String {
    format!("listens-{}", &sha256[..40])
}

/// Counts the listens of dumps or exports of ListenBrainz and sets popularity anew.
pub async fn import(
    archive: &Archive,
    paths: &[PathBuf],
    options: &Options,
    progress: &dyn Progress,
) -> Result<ImportReport, ArchiveError> {
    let mut report = ImportReport::default();
    let mut work: Vec<Work> = Vec::new();
    for path in paths {
        let identity = FileIdentity::of(path)?;
        progress.stage("looking at the file", Some(identity.bytes), Unit::Bytes);
        let sha256 = hash_file(path, progress)?.to_string();
        let job = job_of(&sha256);
        let event = stable_id(&["listens import", &sha256]);
        let twice = work.iter().any(|work| work.job == job);
        let already = twice
            || archive.catalog().has_recorded(Table::Listens, &job).await?
            || archive.snapshot().await?.has_event(&event).await?;
        let mut file = FileReport { path: path.display().to_string(), sha256, rows: 0, rejected: Vec::new(), already };
        if !already {
            let folder = archive.state_path().join("listens").join(&file.sha256[..16]);
            let rejects = options.rejects.as_deref();
            let counted = reading::read(path, &folder, options.in_memory, rejects, progress)?;
            // The digest is what says that a file was counted: it must be that of the bytes that were.
            if FileIdentity::of(path)? != identity {
                return Err(ArchiveError::Foreign {
                    name: file.path,
                    reason: "it was written to while it was read; run the same command again".to_owned(),
                });
            }
            report.rows += counted.rows;
            report.rejected_rows += counted.rejected;
            report.rejected.extend(counted.named.iter().cloned());
            file.rows = counted.rows;
            file.rejected = counted.named;
            work.push(Work { job, event, folder, keys: counted.keys });
        }
        report.files.push(file);
    }
    report.already = work.is_empty();
    if !work.is_empty() {
        count(archive, &mut work, options, &mut report, progress).await?;
        for done in &work {
            // What is left of it is made anew should the same file come again, and then not used.
            let _ = std::fs::remove_dir_all(&done.folder);
        }
        archive.refresh_index().await?;
    }
    Ok(report)
}

/// Brings the counts into the table.
async fn count(
    archive: &Archive,
    work: &mut [Work],
    options: &Options,
    report: &mut ImportReport,
    progress: &dyn Progress,
) -> Result<(), ArchiveError> {
    let catalog = archive.catalog();
    let folder = work[0].folder.clone();
    let keys: Vec<Runs> = work.iter_mut().map(|work| std::mem::take(&mut work.keys)).collect();
    let snapshot = archive.snapshot().await?;
    let matched = matching::matched(&snapshot, &keys, &folder, options.in_memory, progress).await?;
    (report.matched, report.unmatched) = (matched.known, matched.unknown);

    // Without the lock first, since it may take long; only if somebody else counted meanwhile, once more under it.
    let mut prepared = prepare(archive, &snapshot, &matched.recordings, &folder, progress).await?;
    let writer = catalog.writer().await?;
    if listens_version(writer.snapshot().versions()) != listens_version(snapshot.versions()) {
        for done in work.iter() {
            if catalog.has_recorded(Table::Listens, &done.job).await? {
                catalog.discard(prepared.staged).await;
                return Err(ArchiveError::Usage(
                    "another process has just counted one of these files; run the same command again for the others"
                        .to_owned(),
                ));
            }
        }
        catalog.discard(prepared.staged).await;
        prepared = prepare(archive, writer.snapshot(), &matched.recordings, &folder, progress).await?;
    }
    let events = work.iter().map(|work| Event {
        id: work.event.clone(),
        at: prepared.at,
        kind: "metadata modification".to_owned(),
        subject_kind: "table".to_owned(),
        subject: "listens".to_owned(),
        outcome: Outcome::Success,
        detail: Some(format!("listens of a file counted, {}", work.job)),
        agent: AGENT.to_owned(),
    });
    let batch = Batch { events: events.collect(), ..Batch::default() };
    let jobs: Vec<String> = work.iter().map(|work| work.job.clone()).collect();
    (report.recordings, report.changed) = (prepared.recordings, prepared.changed);
    writer.commit_staged(prepared.staged, &jobs, &jobs[0], batch).await?;
    Ok(())
}

fn listens_version(versions: &Versions) -> Option<i64> {
    versions.get(&Table::Listens).copied()
}

/// Rows that are written and belong to no version yet.
struct Prepared {
    staged: Staged,
    at: Timestamp,
    recordings: u64,
    changed: u64,
}

/// Writes the rows that change when `added` is added to what `snapshot` has.
async fn prepare(
    archive: &Archive,
    snapshot: &Snapshot,
    added: &Runs,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<Prepared, ArchiveError> {
    let failed = || ArchiveError::io(folder, "cannot keep the counts");
    let mut largest = 0;
    let mut sums = Sums::of(snapshot, added).await?;
    while let Some((_, _, count)) = sums.next().await? {
        largest = largest.max(count);
    }
    progress.stage("writing counts", None, Unit::Items);
    let at = later_than(archive, snapshot, "listens", "as_of").await?;
    let mut prepared = Prepared { staged: Staged::of(Table::Listens), at, recordings: 0, changed: 0 };
    prepared.recordings = added.sums().map_err(failed())?.count() as u64;
    let mut rows = Vec::new();
    let mut sums = Sums::of(snapshot, added).await?;
    while let Some((recording_id, before, count)) = sums.next().await? {
        let popularity = popularity(count, largest);
        if before.is_none_or(|before| before.count != count || before.popularity != popularity) {
            rows.push(Listens { recording_id, as_of: at, count, popularity });
        }
        if rows.len() >= ROWS_AT_ONCE {
            prepared.changed += rows.len() as u64;
            progress.advance(rows.len() as u64);
            archive.catalog().stage_rows(&mut prepared.staged, &rows).await?;
            rows.clear();
        }
    }
    prepared.changed += rows.len() as u64;
    archive.catalog().stage_rows(&mut prepared.staged, &rows).await?;
    Ok(prepared)
}

/// All recordings that have a count, old or new, in ascending order.
struct Sums {
    before: futures::stream::BoxStream<'static, Result<Vec<Listened>, fonoteca_catalog::CatalogError>>,
    some: std::vec::IntoIter<Listened>,
    next_before: Option<Listened>,
    added: Box<dyn Iterator<Item = std::io::Result<Pair>> + Send>,
    next_added: Option<Pair>,
}

impl Sums {
    async fn of(snapshot: &Snapshot, added: &Runs) -> Result<Self, ArchiveError> {
        let added = added.sums().map_err(ArchiveError::io("state/listens", "cannot be read"))?;
        let mut sums = Self {
            before: snapshot.listened().await?,
            some: Vec::new().into_iter(),
            next_before: None,
            added: Box::new(added),
            next_added: None,
        };
        sums.step_before().await?;
        sums.step_added()?;
        Ok(sums)
    }

    async fn step_before(&mut self) -> Result<(), ArchiveError> {
        self.next_before = self.some.next();
        while self.next_before.is_none() {
            let Some(some) = self.before.try_next().await? else { return Ok(()) };
            self.some = some.into_iter();
            self.next_before = self.some.next();
        }
        Ok(())
    }

    fn step_added(&mut self) -> Result<(), ArchiveError> {
        let next = self.added.next().transpose();
        self.next_added = next.map_err(ArchiveError::io("state/listens", "cannot be read"))?;
        Ok(())
    }

    /// A recording, what it had, and what it has with what was added.
    async fn next(&mut self) -> Result<Option<(fonoteca_model::Id, Option<Listened>, i64)>, ArchiveError> {
        let of_before = self.next_before.map(|before| key_of(before.recording_id));
        let of_added = self.next_added.map(|(key, _)| key);
        let Some(least) = [of_before, of_added].into_iter().flatten().min() else { return Ok(None) };
        let before = self.next_before.filter(|_| of_before == Some(least));
        let new = self.next_added.filter(|_| of_added == Some(least)).map_or(0, |(_, count)| count);
        if before.is_some() {
            self.step_before().await?;
        }
        if of_added == Some(least) {
            self.step_added()?;
        }
        let count = before.map_or(0, |before| before.count).saturating_add(new);
        Ok(Some((recording_of(least), before, count)))
    }
}
