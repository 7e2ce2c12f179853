//! Making damaged blobs good: only the pieces that are wrong, from other copies, each proven before it is used.
//!
//! What is held is never written to. A new file is put together beside the damaged one, from its right pieces and those
//! that come from elsewhere; it is read once more from the disk, and only then takes the damaged one's place, in one step.

mod folder;
mod site;
mod sources;

use std::collections::{BTreeMap, BTreeSet};

use fonoteca_catalog::{Batch, Event, Outcome};
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_model::{BlobHashes, BlobId};
use fonoteca_store::{CheckOptions, Mending, StoreError, Verdict};
use serde::Serialize;

pub use sources::Source;

use super::record::{FIXITY_CHECK, blob_event};
use super::{Damage, Report, check_roots};
use crate::archive::Archive;
use crate::error::{ArchiveError, said};
use crate::moment::{job, later_than};
use sources::Sources;

/// The PREMIS event type of a repair.
const RECOVERY: &str = "recovery";
/// Blobs whose events are committed together.
const BLOBS_PER_COMMIT: usize = 64;

/// A blob that is to be made good.
#[derive(Debug, Clone, Serialize)]
pub struct Wanted {
    /// The blob.
    pub root: BlobId,
    /// The pieces of 1 MiB that are wrong, counted from 0.
    pub pieces: Vec<u64>,
    /// The bytes of those pieces.
    pub bytes: u64,
    #[serde(skip)]
    hashes: BlobHashes,
}

impl Wanted {
    /// How many pieces the blob has.
    pub fn all_pieces(&self) -> u64 {
        self.hashes.pieces()
    }
}

/// What a repair would do.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Plan {
    /// The blobs, by root.
    pub blobs: Vec<Wanted>,
    /// Bytes to be fetched at least.
    pub bytes: u64,
    /// Who is asked, in this order.
    pub sources: Vec<Source>,
}

/// A blob that was made good.
#[derive(Debug, Clone, Serialize)]
pub struct Repaired {
    /// The blob.
    pub root: BlobId,
    /// The pieces that came from elsewhere.
    pub pieces: Vec<u64>,
    /// From where.
    pub from: BTreeSet<String>,
}

/// A source that gave other bytes than the piece has.
#[derive(Debug, Clone, Serialize)]
pub struct Refused {
    /// Which one.
    pub source: String,
    /// Asked for which blob.
    pub root: BlobId,
    /// And which piece of it.
    pub piece: u64,
}

/// A blob that is still damaged.
#[derive(Debug, Clone, Serialize)]
pub struct Failed {
    /// The blob.
    pub root: BlobId,
    /// Why.
    pub reason: String,
}

/// What a repair did: `repair` in the line of `verify --repair --json`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RepairReport {
    /// Blobs that are sound now.
    pub repaired: Vec<Repaired>,
    /// Blobs that are not.
    pub failed: Vec<Failed>,
    /// Sources that sent wrong bytes, none of which was used.
    pub refused: Vec<Refused>,
    /// Bytes that came from elsewhere and were right.
    pub bytes: u64,
}

/// Looks at what there is to repair: what `report` found, and whatever else failed its last check and still does. Without
/// sources, the feeds that are followed are asked.
pub async fn plan(
    archive: &Archive,
    report: &Report,
    sources: Vec<Source>,
    progress: &dyn Progress,
) -> Result<Plan, ArchiveError> {
    let snapshot = archive.snapshot().await?;
    let known: BTreeSet<BlobId> =
        wrong_pieces(report).map(|damage| damage.root).chain(report.missing.iter().copied()).collect();
    let others: Vec<BlobId> = snapshot.damaged_roots().await?.difference(&known).copied().collect();
    let others = if others.is_empty() {
        Report::default()
    } else {
        check_roots(archive, &others, CheckOptions::default(), progress).await?
    };
    let mut wrong: BTreeMap<BlobId, Option<Vec<u64>>> = BTreeMap::new();
    for found in [report, &others] {
        for damage in wrong_pieces(found) {
            wrong.entry(damage.root).or_insert_with(|| Some(Vec::new())).get_or_insert_default().push(damage.piece);
        }
        wrong.extend(found.missing.iter().map(|root| (*root, None)));
    }
    let roots: Vec<BlobId> = wrong.keys().copied().collect();
    let mut rows = snapshot.blobs(&roots).await?;
    let blobs = wrong.into_iter().filter_map(|(root, pieces)| {
        let (hashes, _) = rows.remove(&root)?;
        let within = |piece: &u64| hashes.piece_range(*piece).is_some();
        let pieces: Vec<u64> = pieces.unwrap_or_else(|| (0..hashes.pieces()).collect());
        let pieces: Vec<u64> = pieces.into_iter().filter(within).collect();
        let bytes = pieces.iter().filter_map(|piece| hashes.piece_range(*piece)).map(|range| range.end - range.start);
        Some(Wanted { root, bytes: bytes.sum(), pieces, hashes })
    });
    let blobs: Vec<Wanted> = blobs.collect();
    let sources = if sources.is_empty() { sources::followed(archive)? } else { sources };
    Ok(Plan { bytes: blobs.iter().map(|blob| blob.bytes).sum(), blobs, sources })
}

/// Repairs what the plan says. A blob that no source can make good is named, the others go on.
///
/// # Errors
/// A full disk, and [`ArchiveError::Cancelled`]; what was repaired until then is recorded.
pub async fn repair(archive: &Archive, plan: &Plan, progress: &dyn Progress) -> Result<RepairReport, ArchiveError> {
    progress.stage("repairing blobs", Some(plan.bytes), Unit::Bytes);
    let wanted = plan.blobs.iter().map(|blob| blob.root).collect();
    let mut work = Work {
        archive,
        progress,
        sources: Sources::open(archive, &plan.sources, wanted)?,
        report: RepairReport::default(),
        events: Vec::new(),
    };
    for blob in &plan.blobs {
        if progress.cancelled() {
            work.commit().await?;
            return Err(ArchiveError::Cancelled);
        }
        match work.blob(blob).await {
            Ok(()) => {}
            Err(error) if error.is_full() => {
                work.commit().await?;
                return Err(error);
            }
            Err(error) => work.failed(blob.root, said(&error)),
        }
        if work.events.len() >= BLOBS_PER_COMMIT {
            work.commit().await?;
        }
    }
    work.commit().await?;
    Ok(work.report)
}

fn wrong_pieces(report: &Report) -> impl Iterator<Item = &Damage> {
    report.damaged.iter().chain(&report.unreadable)
}

struct Work<'a> {
    archive: &'a Archive,
    progress: &'a dyn Progress,
    sources: Sources,
    report: RepairReport,
    /// Kind, blob, outcome, and what to say.
    events: Vec<(&'static str, BlobId, Outcome, String)>,
}

impl Work<'_> {
    async fn blob(&mut self, blob: &Wanted) -> Result<(), ArchiveError> {
        let root = blob.root;
        // What could not be read a moment ago may be as it always was: nothing is put in the place of a sound file.
        if matches!(self.archive.store().verify(&blob.hashes).await, Ok(Verdict::Sound)) {
            self.progress.note(&format!("{root} is sound: nothing is to be made good"));
            self.events.push((FIXITY_CHECK, root, Outcome::Success, "sound again".to_owned()));
            return Ok(());
        }
        let mut mending = self.archive.store().mend(blob.hashes.clone()).await?;
        let pieces = mending.lacking().to_vec();
        let mut from = BTreeSet::new();
        let mut reasons = BTreeSet::new();
        for piece in &pieces {
            if let Some(source) = self.piece(&mut mending, *piece, &mut reasons).await? {
                from.insert(source);
            }
        }
        match mending.finish().await {
            Ok(()) => {}
            Err(error @ StoreError::Lacking { .. }) => {
                let reasons: Vec<String> = reasons.into_iter().collect();
                let reasons = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join("; ")) };
                self.failed(root, format!("{error}{reasons}"));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        let listed: Vec<String> = pieces.iter().map(u64::to_string).collect();
        let names: Vec<String> = from.iter().cloned().collect();
        let how = format!("pieces {} from {}", listed.join(", "), names.join(", "));
        self.progress.note(&format!("{root} is sound again: {how}"));
        self.events.push((RECOVERY, root, Outcome::Success, how));
        self.events.push((FIXITY_CHECK, root, Outcome::Success, "sound again".to_owned()));
        self.report.repaired.push(Repaired { root, pieces, from });
        Ok(())
    }

    /// Asks one source after the other for a piece, and says which one had it.
    async fn piece(
        &mut self,
        mending: &mut Mending,
        piece: u64,
        reasons: &mut BTreeSet<String>,
    ) -> Result<Option<String>, ArchiveError> {
        let root = mending.expected().root;
        for index in 0..self.sources.len() {
            let answer = self.sources.ask(index, mending.expected(), piece, self.progress).await;
            let name = self.sources.name(index);
            match answer {
                Ok(None) => {}
                Ok(Some(bytes)) => {
                    let length = bytes.len() as u64;
                    if mending.take(piece, bytes).await? {
                        self.report.bytes += length;
                        self.progress.advance(length);
                        return Ok(Some(name));
                    }
                    let said = format!("{name} gave wrong bytes for piece {piece} of {root}: refused");
                    self.progress.note(&said);
                    reasons.insert(format!("{name} gave wrong bytes"));
                    self.sources.refuse(index);
                    self.events.push((RECOVERY, root, Outcome::Failure, said));
                    self.report.refused.push(Refused { source: name, root, piece });
                }
                Err(error) => {
                    reasons.insert(format!("{name}: {}", said(&error)));
                }
            }
        }
        Ok(None)
    }

    fn failed(&mut self, root: BlobId, reason: String) {
        self.progress.note(&format!("{root} stays damaged: {reason}"));
        self.events.push((RECOVERY, root, Outcome::Failure, reason.clone()));
        self.report.failed.push(Failed { root, reason });
    }

    async fn commit(&mut self) -> Result<(), ArchiveError> {
        if self.events.is_empty() {
            return Ok(());
        }
        let writer = self.archive.catalog().writer().await?;
        let at = later_than(self.archive, writer.snapshot(), "events", "at").await?;
        let events = std::mem::take(&mut self.events).into_iter();
        let events: Vec<Event> =
            events.map(|(kind, root, outcome, detail)| blob_event(kind, root, at, outcome, detail)).collect();
        let name = job("repair", at, writer.snapshot());
        writer.commit(&name, 0, Batch { events, ..Batch::default() }).await?;
        Ok(())
    }
}
