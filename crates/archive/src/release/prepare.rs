//! Making the copies of the long tail ahead of a release, so that building reads tables alone.
//!
//! Copies are made some at a time and committed together: a kill costs at most those that were not committed, which the next
//! run makes again. What is recorded is never made twice.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use fonoteca_audio::transcode::{Format, Input, Target, lasting};
use fonoteca_audio::{Depth, analyse_to};
use fonoteca_catalog::{Batch, Blob, BlobKind, Event, HeldAudio, Outcome};
use fonoteca_model::BlobId;
use fonoteca_model::progress::{Progress, Unit};
use futures::StreamExt;
use serde::Serialize;
use tokio::process::Command;

use super::Options;
use super::list::Earlier;
use super::plan::plan;
use super::select::select;
use super::tail::{Given, Tail};
use crate::archive::Archive;
use crate::error::{ArchiveError, said};
use crate::ingest::{AGENT, blob_row, only_new};
use crate::moment::job;
use crate::rights::stable_id;

/// Copies of one commit, for each that is made at once.
const PER_JOB: usize = 16;
/// How often a run looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(200);
/// A copy may be so much shorter or longer than its original, in milliseconds: coders pad, and formats round.
const SLACK_MS: i64 = 250;
/// Bytes of what a program says that are worth keeping.
const SAID_BYTES: usize = 400;

/// The program that makes copies.
#[derive(Debug, Clone)]
pub struct Encoder {
    /// The program `ffmpeg`, as the system finds it.
    pub ffmpeg: OsString,
    /// Copies made at once.
    pub jobs: usize,
}

/// What `release prepare` did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Prepared {
    /// Copies that are there now and were not before.
    pub made: u64,
    /// Copies that were there already.
    pub known: u64,
    /// Bytes of the originals of what was made.
    pub original_bytes: u64,
    /// Bytes of what was made.
    pub bytes: u64,
    /// Of which originals no copy could be made, and why.
    pub failed: Vec<(BlobId, String)>,
}

/// Makes all copies that a release with these options lacks. One that fails is named, and the others go on.
pub async fn prepare(
    archive: &Archive,
    options: &Options,
    encoder: &Encoder,
    progress: &dyn Progress,
) -> Result<Prepared, ArchiveError> {
    let Some(tail) = options.tail else {
        return Err(ArchiveError::Usage(
            "nothing is to be prepared: say which copies with --tail, as in opus:72".to_owned(),
        ));
    };
    let workshop = Workshop::open(archive)?;
    let planned = plan(archive, options).await?.tail.unwrap_or_default();
    let mut prepared = Prepared { known: planned.copies - planned.lacking, ..Prepared::default() };
    if planned.lacking == 0 {
        return Ok(prepared);
    }
    let how = how(tail, &encoder.ffmpeg).await?;
    progress.stage("making copies", Some(planned.lacking), Unit::Items);
    let snapshot = archive.snapshot().await?;
    let earlier = Earlier::read(archive, &snapshot, options.recut).await?;
    let maker = Maker { archive, encoder, tail, how, folder: &workshop.folder, progress };
    let mut waiting: Vec<HeldAudio> = Vec::new();
    select(archive, &snapshot, options, &earlier.given_out, async |selected| {
        if matches!(selected.given, Given::Lacking { .. }) {
            waiting.push(selected.held);
        }
        if waiting.len() >= encoder.jobs.max(1) * PER_JOB {
            maker.make(std::mem::take(&mut waiting), &mut prepared).await?;
        }
        Ok(())
    })
    .await?;
    maker.make(waiting, &mut prepared).await?;
    Ok(prepared)
}

/// The folder in which copies are made; one run at a time has it.
struct Workshop {
    folder: PathBuf,
    _lock: File,
}

impl Workshop {
    fn open(archive: &Archive) -> Result<Self, ArchiveError> {
        let (folder, lock) = (archive.state_path().join("prepare"), archive.state_path().join("prepare.lock"));
        let file = File::options().create(true).truncate(false).write(true).open(&lock);
        let file = file.map_err(ArchiveError::io(&lock, "cannot be made"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ArchiveError::Busy { what: "fonoteca release prepare" }),
            Err(TryLockError::Error(error)) => return Err(ArchiveError::io(&lock, "cannot be locked")(error)),
        }
        // What a killed run left is not whole.
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(ArchiveError::io(&folder, "cannot be removed"))?;
        }
        std::fs::create_dir_all(&folder).map_err(ArchiveError::io(&folder, "cannot be made"))?;
        Ok(Self { folder, _lock: file })
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        // What cannot be removed now, the next run removes before it begins.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Coding, bit rate and encoder, as `derived_how` keeps them.
async fn how(tail: Tail, ffmpeg: &OsString) -> Result<String, ArchiveError> {
    let missing = |reason: String| ArchiveError::Foreign {
        name: ffmpeg.to_string_lossy().into_owned(),
        reason: format!("{reason}; copies are made by ffmpeg with libopus: install it"),
    };
    let told = Command::new(ffmpeg).arg("-version").stdin(Stdio::null()).output().await;
    let told = told.map_err(|error| missing(format!("cannot be started ({error})")))?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    let mut words = told.lines().next().unwrap_or_default().split(' ').skip(2);
    let version = words.next().ok_or_else(|| missing("does not say which version it is".to_owned()))?;
    let library = told.lines().find(|line| line.starts_with("libavcodec")).and_then(|line| line.split('/').next());
    let library: String = library.unwrap_or("libavcodec").split_whitespace().collect::<Vec<_>>().join(" ");
    if !told.contains("--enable-libopus") {
        return Err(missing("cannot code Opus".to_owned()));
    }
    Ok(format!("{} {} kbit/s; ffmpeg {version}, {library}, libopus", tail.how(), tail.kbps))
}

struct Maker<'a> {
    archive: &'a Archive,
    encoder: &'a Encoder,
    tail: Tail,
    how: String,
    folder: &'a Path,
    progress: &'a dyn Progress,
}

impl Maker<'_> {
    /// Makes copies of all these and commits them together.
    async fn make(&self, originals: Vec<HeldAudio>, prepared: &mut Prepared) -> Result<(), ArchiveError> {
        let jobs = self.encoder.jobs.max(1);
        let made = futures::stream::iter(&originals).map(|held| async move {
            let copy = self.copy(held).await;
            self.progress.advance(1);
            (held, copy)
        });
        let mut made = made.buffer_unordered(jobs);
        let mut blobs: Vec<Blob> = Vec::new();
        while let Some((held, copy)) = made.next().await {
            match copy {
                Ok(blob) => {
                    prepared.original_bytes += held.size.max(0) as u64;
                    prepared.bytes += blob.size.max(0) as u64;
                    blobs.push(blob);
                }
                Err(ArchiveError::Cancelled) => {
                    drop(made);
                    self.commit(blobs, prepared).await?;
                    return Err(ArchiveError::Cancelled);
                }
                Err(error) if error.is_full() => return Err(error),
                Err(error) => {
                    let reason = said(&error);
                    self.progress.note(&format!("{}: {reason}", held.root));
                    prepared.failed.push((held.root, reason));
                }
            }
        }
        self.commit(blobs, prepared).await
    }

    async fn copy(&self, held: &HeldAudio) -> Result<Blob, ArchiveError> {
        let root = held.root;
        let source = self.archive.store().locate(root).await?.ok_or(ArchiveError::MissingBlob { root })?;
        let path = self.folder.join(format!("{root}.opus"));
        let target = Target { format: Format::Opus, kbps: self.tail.kbps, start_ms: 0, end_ms: None };
        let hex = root.to_string();
        // The root makes it a blob of its own, also where two originals sound alike to the bit.
        let mut tags = vec![
            ("fonoteca_copy_of", hex.as_str()),
            ("title", held.title.as_str()),
            ("artist", held.artist_credit.as_str()),
        ];
        let more = [("album", &held.album), ("date", &held.date), ("isrc", &held.isrc)];
        tags.extend(more.into_iter().filter_map(|(key, value)| Some((key, value.as_deref()?))));
        let tags: Vec<(&str, String)> = tags.iter().map(|(key, text)| (*key, text.replace('\0', " "))).collect();
        let tags: Vec<(&str, &str)> = tags.iter().map(|(key, text)| (*key, text.as_str())).collect();
        let command = lasting(&self.encoder.ffmpeg, Input::Path(&source), target, &tags);
        self.run(command, root, &path).await?;
        self.check(held, path.clone()).await?;
        let limit = fonoteca_model::limits::Limits::default().file_bytes;
        let hashes = self.archive.store().put_file(&path, limit).await?.hashes;
        std::fs::remove_file(&path).map_err(ArchiveError::io(&path, "cannot be removed"))?;
        let row = blob_row(&hashes, "audio/ogg", BlobKind::Derived);
        Ok(Blob { derived_from: Some(root), derived_how: Some(self.how.clone()), ..row })
    }

    /// Runs the encoder to its end, its output into `path`.
    async fn run(&self, command: std::process::Command, root: BlobId, path: &Path) -> Result<(), ArchiveError> {
        let failed = |reason: String| ArchiveError::Foreign { name: format!("copy of {root}"), reason };
        let file = File::create(path).map_err(ArchiveError::io(path, "cannot be made"))?;
        let mut command = Command::from(command);
        command.stdout(file).stderr(Stdio::piped()).kill_on_drop(true);
        let child = command.spawn().map_err(|error| failed(format!("ffmpeg cannot be started: {error}")))?;
        let mut ended = Box::pin(child.wait_with_output());
        let ended = loop {
            if let Ok(ended) = tokio::time::timeout(LOOK, &mut ended).await {
                break ended.map_err(|error| failed(format!("ffmpeg cannot be waited for: {error}")))?;
            }
            if self.progress.cancelled() {
                return Err(ArchiveError::Cancelled);
            }
        };
        let complaint = String::from_utf8_lossy(&ended.stderr);
        let complaint: String = complaint.trim().chars().take(SAID_BYTES).collect();
        match (ended.status.success(), complaint.is_empty()) {
            (true, true) => Ok(()),
            (true, false) => {
                self.progress.note(&format!("{root}: ffmpeg: {complaint}"));
                Ok(())
            }
            (false, _) if complaint.contains("No space left on device") => {
                let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
                Err(ArchiveError::io(path, "cannot be written")(source))
            }
            (false, _) => Err(failed(format!("ffmpeg ended with {}: {complaint}", ended.status))),
        }
    }

    /// Whether the copy is whole: what a decoder lost would be lost in silence.
    async fn check(&self, held: &HeldAudio, path: PathBuf) -> Result<(), ArchiveError> {
        let read = move || analyse_to(Depth::Packets, &path, &fonoteca_audio::Limits::default(), &|| false);
        let analysis = tokio::task::spawn_blocking(read).await;
        let analysis = analysis.map_err(|error| ArchiveError::Bug(error.to_string()))??;
        if (analysis.duration_ms - held.duration_ms).abs() <= SLACK_MS {
            return Ok(());
        }
        Err(ArchiveError::Foreign {
            name: format!("copy of {}", held.root),
            reason: format!("lasts {} ms, its original {} ms", analysis.duration_ms, held.duration_ms),
        })
    }

    async fn commit(&self, blobs: Vec<Blob>, prepared: &mut Prepared) -> Result<(), ArchiveError> {
        if blobs.is_empty() {
            return Ok(());
        }
        let now = self.archive.now();
        let writer = self.archive.catalog().writer().await?;
        let blobs = only_new(writer.snapshot(), blobs).await?;
        prepared.made += blobs.len() as u64;
        let event = |blob: &Blob| Event {
            id: stable_id(&["migration", &blob.root.to_string()]),
            at: now,
            kind: "migration".to_owned(),
            subject_kind: "blob".to_owned(),
            subject: blob.root.to_string(),
            outcome: Outcome::Success,
            detail: blob.derived_from.map(|from| format!("from {from}: {}", self.how)),
            agent: AGENT.to_owned(),
        };
        let events = blobs.iter().map(event).collect();
        let job = job("prepare", now, writer.snapshot());
        writer.commit(&job, 0, Batch { blobs, events, ..Batch::default() }).await?;
        Ok(())
    }
}
