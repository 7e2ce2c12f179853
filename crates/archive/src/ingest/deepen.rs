//! Looking fully at what was taken in after a short look: the same blobs, tracks, rights and ids, and what was left open.
//!
//! What is found is a later row of `files`, of a job whose name begins with [`LATER_JOB`]: of several rows of one blob the
//! latest counts. Files are worked on and committed in batches; what a batch settled, the next run does not look at again.

use std::collections::HashMap;
use std::path::Path;

use fonoteca_audio::{Analysis, AudioError, Depth};
use fonoteca_catalog::{Batch, Event, File, Holding, LATER_JOB, Outcome};
use fonoteca_model::limits::Limits;
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_model::{BlobId, Timestamp};
use futures::{StreamExt, TryStreamExt};

use super::look::analyse_file;
use super::matching::{Heard, Playing, links};
use super::outcome::{FileOutcome, Status, Summary};
use super::rows::{AGENT, facts, fingerprint};
use crate::archive::Archive;
use crate::error::{ArchiveError, said};
use crate::rights::stable_id;

/// How what was taken in is looked at again.
#[derive(Debug, Clone)]
pub struct Deepening {
    /// How far to look. What was looked at as far is left alone.
    pub depth: Depth,
    /// The name of the job in every row and commit; unique, and begins with [`LATER_JOB`].
    pub job: String,
    /// Files decoded at once.
    pub jobs: usize,
    /// Files of one batch: a kill costs at most their analysis.
    pub batch: usize,
    /// What is refused or cut.
    pub limits: Limits,
}

impl Deepening {
    /// Files of one batch.
    pub const BATCH: usize = 256;

    /// All the way, one file at a time. `unique` tells this run from all others.
    pub fn new(unique: &str) -> Self {
        let job = format!("{LATER_JOB}{unique}");
        Self { depth: Depth::Sound, job, jobs: 1, batch: Self::BATCH, limits: Limits::default() }
    }
}

/// What one file came to.
enum Looked {
    Found(Box<Analysis>),
    Failed(Status, String),
    Left,
}

/// Looks at every file that was not looked at so far. `report` is told of each once it is settled: *added* stands for what
/// is known better now, *known* for what nothing new was found of.
///
/// Returns [`ArchiveError::Cancelled`] when the user stopped it: what was committed stays, and the next run goes on.
pub async fn deepen(
    archive: &Archive,
    options: &Deepening,
    progress: &dyn Progress,
    report: &mut (dyn FnMut(FileOutcome) + Send),
) -> Result<Summary, ArchiveError> {
    let started = archive.now();
    let mut summary = Summary::default();
    // The rows as they are now: what this run commits does not show in them, so each file comes once.
    let snapshot = archive.snapshot().await?;
    progress.stage("looking for files to analyse", None, Unit::Items);
    let mut count = 0;
    let mut rows = snapshot.stream::<File>("").await?;
    while let Some(some) = rows.try_next().await? {
        count += some.iter().filter(|file| is_shallow(file, options.depth)).count() as u64;
    }
    progress.stage("analysing", Some(count), Unit::Items);
    let (mut waiting, mut number) = (Vec::new(), 0);
    let mut rows = snapshot.stream::<File>("").await?;
    loop {
        let some = rows.try_next().await?;
        let is_last = some.is_none();
        waiting.extend(some.unwrap_or_default().into_iter().filter(|file| is_shallow(file, options.depth)));
        while waiting.len() >= options.batch.max(1) || (is_last && !waiting.is_empty()) {
            let files: Vec<File> = waiting.drain(..options.batch.max(1).min(waiting.len())).collect();
            for outcome in batch(archive, options, number, files, progress).await? {
                if let Some(reason) = outcome.reason.as_deref().filter(|_| outcome.is_worth_a_note()) {
                    progress.note(&format!("{}: {reason}", outcome.path));
                }
                summary.count(&outcome, 0);
                report(outcome);
            }
            number += 1;
            if progress.cancelled() {
                archive.refresh_index().await?;
                return Err(ArchiveError::Cancelled);
            }
        }
        if is_last {
            break;
        }
    }
    archive.refresh_index().await?;
    // A clock may be set back meanwhile.
    summary.seconds = (archive.now().0 - started.0).max(0) as f64 / 1e6;
    Ok(summary)
}

/// Whether a file was not looked at as far as that.
fn is_shallow(file: &File, depth: Depth) -> bool {
    let is_undecoded = || {
        let could_not = |note: &String| note.starts_with("no fingerprint and loudness");
        file.clipped_samples.is_none() && !file.notes.iter().any(could_not)
    };
    match depth {
        Depth::Head => false,
        Depth::Packets => file.essence_version == 0,
        Depth::Sound => file.essence_version == 0 || is_undecoded(),
    }
}

/// Works on some files and commits what was found.
async fn batch(
    archive: &Archive,
    options: &Deepening,
    number: i64,
    files: Vec<File>,
    progress: &dyn Progress,
) -> Result<Vec<FileOutcome>, ArchiveError> {
    let work = |file: File| async move {
        let looked = look(archive, options, &file, progress).await?;
        progress.advance(1);
        Ok::<_, ArchiveError>((file, looked))
    };
    let looked: Vec<(File, Looked)> =
        futures::stream::iter(files).map(work).buffered(options.jobs.max(1)).try_collect().await?;
    let (mut found, mut outcomes) = (Vec::new(), Vec::new());
    for (file, looked) in looked {
        match looked {
            Looked::Found(analysis) => found.push((file, analysis)),
            Looked::Failed(status, reason) => outcomes.push(outcome(&file, status, Some(reason), &[])),
            Looked::Left => {}
        }
    }
    if found.is_empty() {
        return Ok(outcomes);
    }
    let writer = archive.catalog().writer().await?;
    let snapshot = writer.snapshot().clone();
    let roots: Vec<BlobId> = found.iter().map(|(file, _)| file.root).collect();
    // Somebody else may have been faster.
    let mut held = snapshot.files(&roots).await?;
    let mut holdings = snapshot.tracks_of_roots(&roots).await?;
    for playing in holdings.values_mut() {
        playing.sort_by_key(|holding| (holding.start_ms, holding.track_id));
    }
    let now = archive.now();
    let mut rows = Batch::default();
    let mut heard = Vec::new();
    for (file, analysis) in &found {
        let Some(before) = held.remove(&file.root).filter(|file| is_shallow(file, options.depth)) else { continue };
        let row = row(&before, analysis, now);
        let playing = playing(&holdings, file.root);
        if (File { at: before.at, ..row.clone() }) == before {
            outcomes.push(outcome(file, Status::Known, None, playing));
            continue;
        }
        rows.fingerprints.extend(analysis.fingerprint.iter().map(|found| fingerprint(file.root, found)));
        rows.events.push(event(file.root, analysis, options.depth, now));
        let status = if analysis.state.as_str() == "malformed" { Status::Malformed } else { Status::Added };
        outcomes.push(outcome(file, status, analysis.state.reason().map(str::to_owned), playing));
        heard.push(Heard {
            tracks: playing.iter().map(Playing::from).collect(),
            duration_ms: analysis.duration_ms,
            essence: analysis.essence.known().map(|sha256| sha256.to_string()),
            fingerprint: analysis.fingerprint.as_ref(),
        });
        rows.files.push(row);
    }
    rows.links = links(archive, &snapshot, &heard, now).await?;
    if !rows.files.is_empty() {
        writer.commit(&options.job, number, rows).await?;
    }
    Ok(outcomes)
}

fn playing(holdings: &HashMap<BlobId, Vec<Holding>>, root: BlobId) -> &[Holding] {
    holdings.get(&root).map_or(&[], Vec::as_slice)
}

async fn look(
    archive: &Archive,
    options: &Deepening,
    file: &File,
    progress: &dyn Progress,
) -> Result<Looked, ArchiveError> {
    if progress.cancelled() {
        return Ok(Looked::Left);
    }
    let path = match archive.store().locate(file.root).await {
        Ok(Some(path)) => path,
        Ok(None) => return Ok(Looked::Failed(Status::Gone, format!("blob {} is nowhere", file.root))),
        Err(error) => return Ok(Looked::Failed(Status::Failed, said(&error))),
    };
    Ok(match analyse_file(path.clone(), options.depth, &options.limits, progress).await? {
        Ok(analysis) => Looked::Found(Box::new(analysis)),
        Err(AudioError::Cancelled { .. }) => Looked::Left,
        Err(error) => {
            let status = if matches!(error, AudioError::Read { .. }) { Status::Failed } else { Status::Refused };
            Looked::Failed(status, said(&error))
        }
    })
}

/// The later row: what is found now, and what belongs to the file.
fn row(before: &File, analysis: &Analysis, now: Timestamp) -> File {
    let mut notes = before.notes.clone();
    let found = analysis.notes.iter().cloned();
    let found: Vec<String> = found.chain(analysis.checks.iter().flat_map(fonoteca_audio::Checks::sentences)).collect();
    notes.extend(found.into_iter().filter(|note| !before.notes.contains(note)));
    File {
        path: before.path.clone(),
        size: before.size,
        notes,
        cover_root: before.cover_root,
        lyrics_root: before.lyrics_root,
        ..facts(before.root, analysis, now)
    }
}

/// PREMIS event type "validation".
fn event(root: BlobId, analysis: &Analysis, depth: Depth, now: Timestamp) -> Event {
    let depth = match depth {
        Depth::Head => "head",
        Depth::Packets => "packets",
        Depth::Sound => "sound",
    };
    Event {
        id: stable_id(&["validation", depth, &root.to_string()]),
        at: now,
        kind: "validation".to_owned(),
        subject_kind: "blob".to_owned(),
        subject: root.to_string(),
        outcome: if analysis.state.as_str() == "malformed" { Outcome::Warning } else { Outcome::Success },
        detail: analysis.state.reason().map(str::to_owned),
        agent: AGENT.to_owned(),
    }
}

fn outcome(file: &File, status: Status, reason: Option<String>, playing: &[Holding]) -> FileOutcome {
    let name = String::from_utf8_lossy(&file.path).into_owned();
    let mut outcome = FileOutcome::of_path(Path::new(&name), status, reason);
    outcome.root = Some(file.root);
    let tracks: Vec<String> = playing.iter().map(|holding| holding.track_id.to_string()).collect();
    outcome.track_id = tracks.first().cloned();
    outcome.track_ids = if tracks.len() > 1 { tracks } else { Vec::new() };
    outcome
}
