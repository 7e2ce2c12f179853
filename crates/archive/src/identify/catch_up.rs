//! The index of sounds follows the table of fingerprints: by what came since, or anew.

use std::collections::BTreeMap;

use fonoteca_audio::ALGORITHM;
use fonoteca_audio::identify::SoundWriter;
use fonoteca_catalog::{Fingerprint, Snapshot, Table, Versions};
use fonoteca_model::Progress;
use fonoteca_model::progress::Unit;
use futures::TryStreamExt;

use super::{blocking, stoppable};
use crate::archive::Archive;
use crate::error::ArchiveError;

/// What the index follows from: rows count when their files do.
const TABLES: [Table; 2] = [Table::Fingerprints, Table::Files];

impl Archive {
    /// Brings the index of sounds to the tables as they are now. Another process may be doing just that: then it is left to
    /// it.
    pub(crate) async fn refresh_sounds(&self, progress: &dyn Progress) -> Result<(), ArchiveError> {
        if self.sounds().stamp()? == Some(stamp(&self.snapshot().await?)) {
            return Ok(());
        }
        let Some(writer) = SoundWriter::add_to(&self.sounds_path())? else { return Ok(()) };
        // Only now: with the lock held nobody can be ahead of this snapshot.
        let snapshot = self.snapshot().await?;
        let since = writer.stamp()?.and_then(|stamp| versions(&stamp)).unwrap_or_default();
        if went_back(&since, &snapshot) {
            drop(writer);
            return self.rebuild_sounds(progress).await;
        }
        self.fill(writer, &snapshot, &since, progress).await
    }

    /// The versions of the tables up to which the index of sounds has what they say; none where there is no index, or one that
    /// follows from other tables or cannot be used.
    pub(crate) fn sounds_since(&self, snapshot: &Snapshot) -> Option<Versions> {
        let since = versions(&self.sounds().stamp().ok()??)?;
        (!went_back(&since, snapshot)).then_some(since)
    }

    /// Makes the index of sounds anew; the old one answers until then.
    pub(crate) async fn rebuild_sounds(&self, progress: &dyn Progress) -> Result<(), ArchiveError> {
        let path = self.sounds_path();
        let writer = blocking(move || Ok(SoundWriter::anew(&path)?)).await?;
        let snapshot = self.snapshot().await?;
        self.fill(writer, &snapshot, &Versions::new(), progress).await
    }

    async fn fill(
        &self,
        mut writer: SoundWriter,
        snapshot: &Snapshot,
        since: &Versions,
        progress: &dyn Progress,
    ) -> Result<(), ArchiveError> {
        let mut rows = snapshot.changes::<Fingerprint>(since).await?;
        progress.stage("indexing sounds", None, Unit::Items);
        while let Some(some) = rows.try_next().await? {
            if progress.cancelled() {
                return Err(ArchiveError::Cancelled);
            }
            progress.advance(some.len() as u64);
            writer = blocking(move || {
                for row in some.iter().filter(|row| row.algorithm == ALGORITHM) {
                    writer.add(row.root, &values(&row.chromaprint))?;
                }
                Ok(writer)
            })
            .await?;
        }
        let stamp = stamp(snapshot);
        stoppable(progress, move |stop| Ok(writer.commit(&stamp, stop)?)).await
    }
}

pub(crate) fn values(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|value| u32::from_le_bytes(*value)).collect()
}

/// Whether the tables are those of another archive, or of an older copy.
fn went_back(since: &Versions, snapshot: &Snapshot) -> bool {
    since.iter().any(|(table, then)| snapshot.versions().get(table).is_none_or(|now| now < then))
}

fn stamp(snapshot: &Snapshot) -> String {
    let versions = snapshot.versions().iter().filter(|(table, _)| TABLES.contains(table));
    let versions: BTreeMap<&str, i64> = versions.map(|(table, version)| (table.name(), *version)).collect();
    serde_json::to_string(&versions).expect("names and numbers")
}

fn versions(stamp: &str) -> Option<Versions> {
    let versions: BTreeMap<String, i64> = serde_json::from_str(stamp).ok()?;
    TABLES.iter().map(|table| Some((*table, *versions.get(table.name())?))).collect()
}
