//! Which recording is this? The index of sounds, kept beside the tables, and what the tables say of what it finds.

mod catch_up;
mod remote;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fonoteca_audio::Limits;
use fonoteca_audio::identify::{Found, Sound, SoundIndex, listen};
use fonoteca_catalog::Holding;
use fonoteca_model::{BlobId, Id, Progress};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::identity::as_hex;

pub(crate) use catch_up::values;
pub use remote::ask;

/// How often somebody who works long is told to stop.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A track that a sound is from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identified {
    /// The recording, links followed.
    #[serde(serialize_with = "as_hex", deserialize_with = "from_hex")]
    pub recording_id: Id,
    /// The track.
    #[serde(serialize_with = "as_hex", deserialize_with = "from_hex")]
    pub track_id: Id,
    /// Its title.
    pub title: String,
    /// Its artists as written.
    pub artist: String,
    /// Its album's title.
    pub album: Option<String>,
    /// The audio that was compared.
    pub root: BlobId,
    /// Where in the track the sound begins, in milliseconds; negative where it begins before it.
    pub offset_ms: i64,
    /// Ratio of equal bits, 0 to 1.
    pub score: f64,
}

/// The best track of each recording, in the order given.
pub fn one_a_recording(mut identified: Vec<Identified>) -> Vec<Identified> {
    let mut seen = HashSet::new();
    identified.retain(|found| seen.insert(found.recording_id));
    identified
}

/// Hears the first two minutes of a file, which need not be in the archive.
pub async fn hear(file: &Path, progress: &dyn Progress) -> Result<Sound, ArchiveError> {
    let file = file.to_owned();
    stoppable(progress, move |stop| Ok(listen(&file, &Limits::default(), stop)?)).await
}

impl Archive {
    /// The tracks that a sound is from, the best first, each version of a recording for itself. Of a blob that nothing plays
    /// any more nothing is told.
    pub async fn identify(&self, sound: Sound, progress: &dyn Progress) -> Result<Vec<Identified>, ArchiveError> {
        self.refresh_sounds(progress).await?;
        let index = self.sounds();
        let found = blocking(move || Ok(index.search(&sound)?)).await?;
        self.told(&found).await
    }

    /// The index of sounds.
    pub fn sounds(&self) -> Arc<SoundIndex> {
        self.sounds_cell().get_or_init(|| Arc::new(SoundIndex::new(&self.sounds_path()))).clone()
    }

    fn sounds_path(&self) -> PathBuf {
        self.root().join("index/sounds")
    }

    async fn told(&self, found: &[Found]) -> Result<Vec<Identified>, ArchiveError> {
        let snapshot = self.snapshot().await?;
        let roots: Vec<BlobId> = found.iter().map(|found| found.root).collect();
        let holdings = snapshot.tracks_of_roots(&roots).await?;
        let playing = |found: &Found| -> Vec<(Found, Holding)> {
            let holdings = holdings.get(&found.root).map_or(&[][..], Vec::as_slice);
            // Of several tracks in one file those in which the sound begins; else all of them.
            let there = holdings.iter().filter(|holding| begins_in(holding, found.offset_ms)).cloned();
            let mut there: Vec<Holding> = there.collect();
            if there.is_empty() {
                there = holdings.to_vec();
            }
            there.into_iter().map(|holding| (found.clone(), holding)).collect()
        };
        let playing: Vec<(Found, Holding)> = found.iter().flat_map(playing).collect();
        let mut ids: Vec<Id> = playing.iter().map(|(_, holding)| holding.track_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let entries = snapshot.track_entries(&ids).await?;
        let told = playing.into_iter().filter_map(|(found, holding)| {
            let entry = entries.iter().find(|entry| entry.track.id == holding.track_id)?;
            Some(Identified {
                recording_id: entry.recording_id,
                track_id: holding.track_id,
                title: entry.track.title.clone(),
                artist: entry.track.artist_credit.clone(),
                album: entry.album_title.clone(),
                root: found.root,
                offset_ms: found.offset_ms - holding.start_ms.unwrap_or(0),
                score: found.score,
            })
        });
        Ok(told.collect())
    }
}

fn from_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

fn begins_in(holding: &Holding, offset_ms: i64) -> bool {
    let offset_ms = offset_ms.max(0);
    offset_ms >= holding.start_ms.unwrap_or(0) && holding.end_ms.is_none_or(|end| offset_ms < end)
}

/// Reading and writing files must not keep other tasks from running.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, ArchiveError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(ArchiveError::Cancelled),
        },
    }
}

/// The same for work that takes long, and asks whether to stop.
async fn stoppable<T: Send + 'static>(
    progress: &dyn Progress,
    work: impl FnOnce(&dyn Fn() -> bool) -> Result<T, ArchiveError> + Send + 'static,
) -> Result<T, ArchiveError> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let mut done = std::pin::pin!(blocking(move || work(&|| asked.load(Ordering::Relaxed))));
    loop {
        tokio::select! {
            done = &mut done => return done,
            () = tokio::time::sleep(LOOK_AGAIN) => stop.store(progress.cancelled(), Ordering::Relaxed),
        }
    }
}
