//! Taking audio in: from paths to committed rows.
//!
//! Files go in chunks. Of each chunk, every file is put into the store and hashed in one pass; those whose root is not
//! known yet are analysed; what was found becomes rows, which are committed in one batch. Kill it at any instant and run
//! the same command again: what was committed is recognised by its root, so at most one chunk is analysed twice.

mod describe;
mod matching;
mod outcome;
mod resolve;
mod rows;
mod walk;

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use fonoteca_audio::{Analysis, AudioError};
use fonoteca_catalog::Writer;
use fonoteca_model::limits::Limits;
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_model::rights::Basis;
use fonoteca_model::{BlobId, Id, Timestamp};
use fonoteca_store::Put;
use futures::StreamExt;

pub use outcome::{FileOutcome, Status, Summary};
pub(crate) use rows::{AGENT, blob_row, only_new};

use crate::archive::Archive;
use crate::error::{ArchiveError, said};
use describe::Described;
use walk::Candidate;

/// What to take in, and under which terms.
#[derive(Debug, Clone)]
pub struct Options {
    /// Files and folders.
    pub paths: Vec<PathBuf>,
    /// Why the archive may hold them.
    pub basis: Basis,
    /// The licence of files whose tags name none.
    pub licence: Option<String>,
    /// Who says so.
    pub asserted_by: String,
    /// The name of the job in every row and commit; unique.
    pub job: String,
    /// Files analysed at once.
    pub jobs: usize,
    /// Files of the first batch; batches double up to [`Self::LARGEST_BATCH`].
    pub first_batch: usize,
    /// What is refused or cut.
    pub limits: Limits,
}

impl Options {
    /// A small first batch shows a small collection within seconds; doubling keeps commits rare in a large one.
    pub const FIRST_BATCH: usize = 32;
    /// A kill costs at most the analysis of so many files.
    pub const LARGEST_BATCH: usize = 1024;

    /// One file at a time, with the usual batches and limits.
    pub fn new(paths: Vec<PathBuf>, basis: Basis, asserted_by: &str, job: &str) -> Self {
        Self {
            paths,
            basis,
            licence: None,
            asserted_by: asserted_by.to_owned(),
            job: job.to_owned(),
            jobs: 1,
            first_batch: Self::FIRST_BATCH,
            limits: Limits::default(),
        }
    }
}

/// What is committed is in the search index within so many seconds, or at the end: bringing it up to date takes longer than
/// the commit of a small batch does.
const SHOW_AFTER_SECONDS: i64 = 3;

/// New tracks that are matched to the catalogue at the end, 8 bytes each; `links join` and `review` meet all.
const MATCHED_AT_THE_END: usize = 4_000_000;

/// Takes everything in. `report` is told of each file once it is settled: for a kept file, after its batch is committed.
///
/// Returns [`ArchiveError::Cancelled`] when the user stopped it, and any other error when going on makes no sense (a full
/// disk); a file that cannot be taken in is an outcome, not an error.
pub async fn ingest(
    archive: &Archive,
    options: &Options,
    progress: &dyn Progress,
    report: &mut (dyn FnMut(FileOutcome) + Send),
) -> Result<Summary, ArchiveError> {
    let started = archive.now();
    archive.store().sweep_staging()?;
    let mut summary = Summary::default();
    let walked = walk::walk(&options.paths, archive.root(), progress)?;
    for failure in walked.failures {
        note(&failure, progress);
        summary.count(&failure, 0);
        report(failure);
    }
    summary.ignored = walked.ignored;
    progress.stage("ingesting", Some(walked.candidates.len() as u64), Unit::Items);
    let mut added = Vec::new();
    let mut report = |outcome: FileOutcome| {
        let kept = matches!(outcome.status, Status::Added | Status::Malformed) && added.len() < MATCHED_AT_THE_END;
        added.extend(outcome.track_id.as_deref().filter(|_| kept).and_then(|id| id.parse::<Id>().ok()));
        report(outcome);
    };
    let taken = take_all(archive, options, &walked.candidates, progress, &mut summary, &mut report).await;
    // Also what came in before it was stopped is found from now on.
    let shown = archive.refresh_index().await;
    taken.and(shown)?;
    crate::matching::join_sure(archive, &added, progress).await?;
    // A clock may be set back meanwhile.
    summary.seconds = (archive.now().0 - started.0).max(0) as f64 / 1e6;
    Ok(summary)
}

async fn take_all(
    archive: &Archive,
    options: &Options,
    candidates: &[Candidate],
    progress: &dyn Progress,
    summary: &mut Summary,
    report: &mut (dyn FnMut(FileOutcome) + Send),
) -> Result<(), ArchiveError> {
    let mut batch_files = options.first_batch.max(1);
    let mut batch_number = 0;
    let mut rest = candidates;
    let mut shown = archive.now();
    while !rest.is_empty() {
        let (chunk, later) = rest.split_at(batch_files.min(rest.len()));
        rest = later;
        batch_files = (batch_files * 2).min(Options::LARGEST_BATCH.max(options.first_batch));
        take_chunk(archive, options, chunk, batch_number, progress, summary, report).await?;
        batch_number += 1;
        if progress.cancelled() {
            return Err(ArchiveError::Cancelled);
        }
        // A clock may be set back meanwhile. The last batch is shown by whoever called.
        let since = archive.now().as_seconds() - shown.as_seconds();
        if !rest.is_empty() && !(0..SHOW_AFTER_SECONDS).contains(&since) {
            archive.refresh_index().await?;
            shown = archive.now();
        }
    }
    Ok(())
}

/// Tells a person who is watching.
fn note(outcome: &FileOutcome, progress: &dyn Progress) {
    if let Some(reason) = outcome.reason.as_deref().filter(|_| outcome.is_worth_a_note()) {
        // Most errors name their file already.
        let named = reason.contains(&outcome.path) || reason.contains(&format!("{:?}", outcome.path));
        progress.note(&if named { reason.to_owned() } else { format!("{}: {reason}", outcome.path) });
    }
}

/// A file whose bytes are in the store.
struct Stored<'a> {
    candidate: &'a Candidate,
    put: Put,
}

async fn take_chunk(
    archive: &Archive,
    options: &Options,
    chunk: &[Candidate],
    number: i64,
    progress: &dyn Progress,
    summary: &mut Summary,
    report: &mut (dyn FnMut(FileOutcome) + Send),
) -> Result<(), ArchiveError> {
    let mut settle = |outcome: FileOutcome, bytes: u64| {
        note(&outcome, progress);
        summary.count(&outcome, bytes);
        report(outcome);
        progress.advance(1);
    };

    let puts: Vec<_> = futures::stream::iter(chunk)
        .map(|candidate| async move {
            (candidate, archive.store().put_file(&candidate.path, options.limits.file_bytes).await)
        })
        .buffered(options.jobs.max(1))
        .collect()
        .await;
    let mut stored = Vec::new();
    for (candidate, put) in puts {
        match put {
            Ok(put) => stored.push(Stored { candidate, put }),
            Err(error) if error.is_full() => return Err(error.into()),
            Err(error) => {
                let status = if error.is_refusal() { Status::Refused } else { Status::Failed };
                settle(FileOutcome::without_blob(candidate, status, said(&error)), 0);
            }
        }
    }

    let roots: Vec<BlobId> = stored.iter().map(|stored| stored.put.hashes.root).collect();
    let known = archive.snapshot().await?.known_roots(&roots).await?;
    let mut seen = HashSet::new();
    let (fresh, repeated): (Vec<_>, Vec<_>) = stored
        .into_iter()
        .partition(|stored| !known.contains(&stored.put.hashes.root) && seen.insert(stored.put.hashes.root));

    let analysed: Vec<_> = futures::stream::iter(fresh)
        .map(|stored| async move {
            let found = look_at(archive, &stored, options.limits, progress).await;
            (stored, found)
        })
        .buffered(options.jobs.max(1))
        .collect()
        .await;
    let mut described = Vec::new();
    let mut turned_away: HashMap<BlobId, AudioError> = HashMap::new();
    let mut cancelled = false;
    for (stored, found) in analysed {
        match found? {
            Ok(analysis) => described.push(describe::describe(archive, &stored, analysis, options).await?),
            Err(AudioError::Cancelled { .. }) => cancelled = true,
            Err(error) => {
                let error = error.about(&stored.candidate.path);
                settle(FileOutcome::turned_away(stored.candidate, &error), 0);
                turned_away.insert(stored.put.hashes.root, error);
            }
        }
    }
    drop_unwanted(archive, turned_away.keys().copied().collect()).await?;

    if !described.is_empty() {
        let writer = archive.catalog().writer().await?;
        for (outcome, bytes) in commit(archive, writer, options, number, described).await? {
            settle(outcome, bytes);
        }
    }
    if cancelled {
        return Err(ArchiveError::Cancelled);
    }
    let kept: Vec<BlobId> =
        repeated.iter().map(|stored| stored.put.hashes.root).filter(|root| !turned_away.contains_key(root)).collect();
    let verdicts = if kept.is_empty() { HashMap::new() } else { archive.verdicts(&kept).await? };
    for stored in repeated {
        let root = stored.put.hashes.root;
        if let Some(error) = turned_away.remove(&root) {
            let error = error.about(&stored.candidate.path);
            settle(FileOutcome::turned_away(stored.candidate, &error), 0);
            turned_away.insert(root, error);
            continue;
        }
        let mut outcome = FileOutcome::new(stored.candidate, Status::Known, root, Id::of("local", &root.to_string()));
        outcome.basis = verdicts.get(&root).map_or(Basis::Unknown, |verdict| verdict.basis);
        settle(outcome, 0);
    }
    Ok(())
}

/// Removes bytes that came into the store only to be looked at, now or by a run that was killed, unless a table refers to
/// them: the same bytes may be somebody's cover or document.
async fn drop_unwanted(archive: &Archive, roots: Vec<BlobId>) -> Result<(), ArchiveError> {
    if roots.is_empty() {
        return Ok(());
    }
    let wanted = archive.snapshot().await?.blobs(&roots).await?;
    for root in roots.into_iter().filter(|root| !wanted.contains_key(root)) {
        archive.store().remove(root).await?;
    }
    Ok(())
}

/// Analyses a stored file, and once more where another process took its bytes for unwanted meanwhile.
async fn look_at(
    archive: &Archive,
    stored: &Stored<'_>,
    limits: Limits,
    progress: &dyn Progress,
) -> Result<Result<Analysis, AudioError>, ArchiveError> {
    let found = analyse(archive, stored, limits, progress).await?;
    if !matches!(&found, Err(AudioError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound) {
        return Ok(found);
    }
    archive.store().put_file(&stored.candidate.path, limits.file_bytes).await?;
    analyse(archive, stored, limits, progress).await
}

/// Analyses the stored bytes, not the source: what is described is what is kept, whatever happens to the source meanwhile.
async fn analyse(
    archive: &Archive,
    stored: &Stored<'_>,
    limits: Limits,
    progress: &dyn Progress,
) -> Result<Result<Analysis, AudioError>, ArchiveError> {
    let root = stored.put.hashes.root;
    let path = archive.store().path_of(root).ok_or(ArchiveError::MissingBlob { root })?;
    let audio_limits = fonoteca_audio::Limits {
        file_bytes: limits.file_bytes,
        picture_bytes: limits.cover_bytes as usize,
        tags: limits.tags,
        ..fonoteca_audio::Limits::default()
    };
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let told = stop.clone();
    let mut task = tokio::task::spawn_blocking(move || {
        fonoteca_audio::analyse(&path, &audio_limits, &|| told.load(std::sync::atomic::Ordering::Relaxed))
    });
    loop {
        tokio::select! {
            done = &mut task => {
                return done.map_err(|error| ArchiveError::Bug(format!("analysis stopped: {error}")));
            }
            () = tokio::time::sleep(Duration::from_millis(100)) => {
                if progress.cancelled() {
                    stop.store(true, std::sync::atomic::Ordering::Relaxed);
                }
            }
        }
    }
}

/// Turns what was found into rows under the commit lock, where nobody else can add the same file, artist or album.
async fn commit(
    archive: &Archive,
    writer: Writer,
    options: &Options,
    number: i64,
    described: Vec<Described>,
) -> Result<Vec<(FileOutcome, u64)>, ArchiveError> {
    let now: Timestamp = archive.now();
    let snapshot = writer.snapshot().clone();
    let roots: Vec<BlobId> = described.iter().map(Described::root).collect();
    let known = snapshot.known_roots(&roots).await?;
    let (known, fresh): (Vec<_>, Vec<_>) = described.into_iter().partition(|file| known.contains(&file.root()));
    let mut outcomes: Vec<(FileOutcome, u64)> = Vec::new();
    // Another process was faster; its rows stand.
    outcomes.extend(known.into_iter().map(|file| {
        let mut outcome = file.outcome;
        outcome.status = Status::Known;
        (outcome, 0)
    }));
    if fresh.is_empty() {
        return Ok(outcomes);
    }
    let resolved = resolve::resolve(&snapshot, &fresh).await?;
    let links = matching::links(&snapshot, &fresh, now).await?;
    let mut batch = rows::batch(&fresh, &resolved, links, options, now);
    batch.blobs = only_new(&snapshot, batch.blobs).await?;
    writer.commit(&options.job, number, batch).await?;
    outcomes.extend(fresh.into_iter().map(|file| (file.outcome, file.hashes.size)));
    Ok(outcomes)
}
