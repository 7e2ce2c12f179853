//! Describing one kept file: the analysis of its bytes.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fonoteca_audio::{Analysis, AudioError, Depth};
use fonoteca_model::limits::Limits;
use fonoteca_model::progress::Progress;
use fonoteca_store::{Stamp, StoreError, Way};

use super::Options;
use super::keep::Stored;
use super::outcome::Kept;
use crate::archive::Archive;
use crate::error::ArchiveError;

/// Analyses a kept file, and once more where another process took its bytes for unwanted meanwhile.
pub(super) async fn look_at(
    archive: &Archive,
    stored: &Stored,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Result<Analysis, AudioError>, ArchiveError> {
    let found = analyse(archive, stored, options, progress).await?;
    let is_gone =
        matches!(&found, Err(AudioError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound);
    if !is_gone || stored.kept == Kept::InPlace || stored.candidate.packed.is_some() {
        return Ok(found);
    }
    let way = if stored.kept == Kept::Copy { Way::Copy } else { Way::Link };
    archive.store().take(&stored.candidate.path, options.limits.file_bytes, way).await?.settle().await?;
    analyse(archive, stored, options, progress).await
}

/// Whether a file in place is still what was hashed; one that changed between hashing and describing is neither.
pub(super) fn check_at_rest(stored: &Stored) -> Result<(), StoreError> {
    let (path, expected) = (&stored.candidate.path, stored.stamp);
    match Stamp::at(path) {
        Some(found) if stored.kept == Kept::InPlace && found != expected => {
            Err(StoreError::Changed { path: path.clone(), expected: expected.size, found: found.size })
        }
        _ => Ok(()),
    }
}

async fn analyse(
    archive: &Archive,
    stored: &Stored,
    options: &Options,
    progress: &dyn Progress,
) -> Result<Result<Analysis, AudioError>, ArchiveError> {
    analyse_file(stored.file(archive)?, options.depth, &options.limits, progress).await
}

/// Analyses a file, unless the user stops it.
pub(super) async fn analyse_file(
    path: PathBuf,
    depth: Depth,
    limits: &Limits,
    progress: &dyn Progress,
) -> Result<Result<Analysis, AudioError>, ArchiveError> {
    let limits = audio_limits(limits);
    stoppable(progress, move |stopped| fonoteca_audio::analyse_to(depth, &path, &limits, stopped)).await
}

/// Work that blocks, and asks now and then whether the user stopped it.
pub(super) async fn stoppable<T: Send + 'static>(
    progress: &dyn Progress,
    work: impl FnOnce(&dyn Fn() -> bool) -> T + Send + 'static,
) -> Result<T, ArchiveError> {
    let stop = Stop::default();
    let told = Arc::clone(&stop.0);
    let mut task = tokio::task::spawn_blocking(move || work(&|| told.load(Ordering::Relaxed)));
    loop {
        tokio::select! {
            done = &mut task => {
                return done.map_err(|error| ArchiveError::Bug(format!("reading stopped: {error}")));
            }
            () = tokio::time::sleep(Duration::from_millis(100)) => {
                if progress.cancelled() {
                    stop.0.store(true, Ordering::Relaxed);
                }
            }
        }
    }
}

/// Stops the analysis also when nobody waits for it any more.
#[derive(Default)]
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn audio_limits(limits: &Limits) -> fonoteca_audio::Limits {
    fonoteca_audio::Limits {
        file_bytes: limits.file_bytes,
        picture_bytes: limits.cover_bytes as usize,
        tags: limits.tags,
        ..fonoteca_audio::Limits::default()
    }
}
