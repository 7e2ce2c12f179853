//! Fixity: is every byte still what it was when it came in?

use std::collections::BTreeSet;

use fonoteca_catalog::{Batch, Event, Outcome, Snapshot, Table};
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_model::{BlobHashes, BlobId, PIECE_BYTES, Timestamp};
use fonoteca_store::{StoreError, Verdict};
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;

use crate::archive::Archive;
use crate::error::{ArchiveError, said};
use crate::ingest::AGENT;
use crate::moment::{job, later_than};
use crate::rights::stable_id;

/// The PREMIS event type of a check.
const FIXITY_CHECK: &str = "fixity check";
/// Files of the store whose rows are looked up together.
const LISTED_AT_ONCE: usize = 4096;

/// One damaged piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// The blob.
    pub root: BlobId,
    /// Which 1 MiB piece, counted from 0.
    pub piece: u64,
    /// What was found instead.
    pub found: String,
}

/// What a check found: the line of `verify --json`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Blobs checked.
    pub checked: u64,
    /// Pieces that are not what they were.
    pub damaged: Vec<Damage>,
    /// Blobs that are gone.
    pub missing: Vec<BlobId>,
    /// Files in the store that no table names, by path or root.
    pub unknown: Vec<String>,
    /// Bytes read.
    pub bytes: u64,
    /// How long it took.
    pub seconds: f64,
}

impl Report {
    /// Nothing is wrong.
    pub fn sound(&self) -> bool {
        self.damaged.is_empty() && self.missing.is_empty()
    }
}

/// Checks blobs against their roots: all, or a sample of so many percent that is the same for the same `seed`.
/// What is found damaged or missing, and what is sound again, is recorded as events.
pub async fn verify(
    archive: &Archive,
    sample_percent: Option<f64>,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Report, ArchiveError> {
    let snapshot = archive.snapshot().await?;
    let mut checker = Checker::new(archive, &snapshot, progress).await?;
    let stats = snapshot.stats().await?;
    let whole = sample_percent.is_none();
    progress.stage("checking blobs", whole.then_some(stats.bytes as u64), Unit::Bytes);
    let mut blobs = snapshot.all_blobs().await?;
    while let Some(chunk) = blobs.try_next().await? {
        for hashes in chunk {
            if sample_percent.is_none_or(|percent| in_sample(hashes.root, seed, percent)) {
                checker.check(&hashes).await?;
            }
            if progress.cancelled() {
                checker.finish().await?;
                return Err(ArchiveError::Cancelled);
            }
        }
    }
    if whole {
        read_tables(&snapshot, progress).await?;
        checker.look_for_unknown(&snapshot).await?;
    }
    checker.finish().await
}

/// Reads every row that counts: a table that is torn anywhere is an error that names it.
async fn read_tables(snapshot: &Snapshot, progress: &dyn Progress) -> Result<(), ArchiveError> {
    progress.stage("reading the tables", Some(Table::ALL.len() as u64), Unit::Items);
    for table in Table::ALL {
        let mut rows = snapshot.sql_stream(&format!("SELECT * FROM {}", table.name())).await?;
        while rows.try_next().await?.is_some() {
            if progress.cancelled() {
                return Err(ArchiveError::Cancelled);
            }
        }
        progress.advance(1);
    }
    Ok(())
}

/// Checks just these blobs.
pub(crate) async fn check_roots(
    archive: &Archive,
    roots: &[BlobId],
    progress: &dyn Progress,
) -> Result<Report, ArchiveError> {
    let snapshot = archive.snapshot().await?;
    let mut checker = Checker::new(archive, &snapshot, progress).await?;
    let mut known = Vec::new();
    for chunk in roots.chunks(1000) {
        let mut found = snapshot.blobs(chunk).await?;
        for root in chunk {
            match found.remove(root) {
                Some((hashes, _)) => known.push(hashes),
                None => checker.report.missing.push(*root),
            }
        }
    }
    progress.stage("checking blobs", Some(known.iter().map(|hashes| hashes.size).sum()), Unit::Bytes);
    for hashes in known {
        checker.check(&hashes).await?;
        if progress.cancelled() {
            checker.finish().await?;
            return Err(ArchiveError::Cancelled);
        }
    }
    checker.finish().await
}

/// Whether a blob belongs to the sample: spread evenly, and the same for the same seed.
fn in_sample(root: BlobId, seed: u64, percent: f64) -> bool {
    let mut head = [0; 8];
    head.copy_from_slice(&root.as_bytes()[8..16]);
    let mixed = (u64::from_le_bytes(head) ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 11) as f64 / (1u64 << 53) as f64 * 100.0 < percent
}

struct Checker<'a> {
    archive: &'a Archive,
    progress: &'a dyn Progress,
    started: i64,
    /// The moment of all events: later than any check before, so that the latest one counts.
    at: Timestamp,
    /// Blobs whose last check failed: what is sound again among them is worth an event.
    failed_before: BTreeSet<BlobId>,
    report: Report,
    events: Vec<Event>,
}

impl<'a> Checker<'a> {
    async fn new(archive: &'a Archive, snapshot: &Snapshot, progress: &'a dyn Progress) -> Result<Self, ArchiveError> {
        Ok(Self {
            archive,
            progress,
            started: archive.now().0,
            at: later_than(archive, snapshot, "events", "at").await?,
            failed_before: snapshot.damaged_roots().await?,
            report: Report::default(),
            events: Vec::new(),
        })
    }

    async fn check(&mut self, hashes: &BlobHashes) -> Result<(), ArchiveError> {
        let root = hashes.root;
        self.report.checked += 1;
        match self.archive.store().verify(hashes).await {
            Ok(Verdict::Sound) => {
                self.report.bytes += hashes.size;
                if self.failed_before.contains(&root) {
                    self.event(root, Outcome::Success, "sound again".to_owned());
                }
            }
            Ok(Verdict::Missing) => {
                self.report.missing.push(root);
                self.progress.note(&format!("{root} is missing"));
                self.event(root, Outcome::Failure, "missing".to_owned());
            }
            Ok(Verdict::Damaged { pieces, found_root, found_size }) => {
                self.report.bytes += found_size;
                let found = match found_root {
                    Some(found) => format!("{found_size} bytes with root {found}"),
                    None => "an empty file".to_owned(),
                };
                self.damaged(root, &pieces, &found);
            }
            Err(error @ StoreError::Interrupted { .. }) => return Err(error.into()),
            // A bad sector is what a check looks for, and no reason to leave the other blobs unchecked.
            Err(error) => {
                let pieces: Vec<u64> = (0..hashes.size.div_ceil(PIECE_BYTES as u64)).collect();
                self.damaged(root, &pieces, &format!("it cannot be read: {}", said(&error)));
            }
        }
        self.progress.advance(hashes.size);
        Ok(())
    }

    fn damaged(&mut self, root: BlobId, pieces: &[u64], found: &str) {
        let listed: Vec<String> = pieces.iter().map(u64::to_string).collect();
        let detail = format!("pieces {} differ: {found}", listed.join(", "));
        self.progress.note(&format!("{root} is damaged: {detail}"));
        self.report.damaged.extend(pieces.iter().map(|piece| Damage { root, piece: *piece, found: found.to_owned() }));
        self.event(root, Outcome::Failure, detail);
    }

    /// Looks for files among the blobs that no table names: what a killed command left, and what somebody put there.
    async fn look_for_unknown(&mut self, snapshot: &Snapshot) -> Result<(), ArchiveError> {
        let mut held = self.archive.store().list().chunks(LISTED_AT_ONCE);
        while let Some(chunk) = held.next().await {
            let mut roots = Vec::with_capacity(chunk.len());
            for found in chunk {
                match found {
                    Ok((root, _)) => roots.push(root),
                    Err(StoreError::Foreign { path }) => self.report.unknown.push(path.display().to_string()),
                    Err(error) => self.progress.note(&said(&error)),
                }
            }
            let known = snapshot.blobs(&roots).await?;
            let unknown = roots.iter().filter(|root| !known.contains_key(root));
            self.report.unknown.extend(unknown.map(ToString::to_string));
            if self.progress.cancelled() {
                break;
            }
        }
        Ok(())
    }

    fn event(&mut self, root: BlobId, outcome: Outcome, detail: String) {
        let at = self.at;
        self.events.push(Event {
            id: stable_id(&[FIXITY_CHECK, &root.to_string(), &at.0.to_string()]),
            at,
            kind: FIXITY_CHECK.to_owned(),
            subject_kind: "blob".to_owned(),
            subject: root.to_string(),
            outcome,
            detail: Some(detail),
            agent: AGENT.to_owned(),
        });
    }

    /// Records what was found. One event stands for all that was sound: 86 million a run would say no more.
    async fn finish(mut self) -> Result<Report, ArchiveError> {
        let now = self.at;
        self.report.seconds = (self.archive.now().0 - self.started).max(0) as f64 / 1e6;
        let outcome = if self.report.sound() { Outcome::Success } else { Outcome::Failure };
        let detail = format!(
            "{} blobs, {} bytes checked; {} pieces damaged, {} blobs missing",
            self.report.checked,
            self.report.bytes,
            self.report.damaged.len(),
            self.report.missing.len()
        );
        self.events.push(Event {
            id: stable_id(&["fixity run", &now.0.to_string(), &self.report.checked.to_string()]),
            at: now,
            kind: FIXITY_CHECK.to_owned(),
            subject_kind: "archive".to_owned(),
            subject: self.archive.name().to_owned(),
            outcome,
            detail: Some(detail),
            agent: AGENT.to_owned(),
        });
        let writer = self.archive.catalog().writer().await?;
        let batch = Batch { events: std::mem::take(&mut self.events), ..Batch::default() };
        let name = job("fixity", now, writer.snapshot());
        writer.commit(&name, 0, batch).await?;
        Ok(self.report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_about_as_large_as_asked_and_stays_the_same() {
        let root = |i: u32| {
            let mut hasher = fonoteca_model::BlobHasher::new();
            hasher.update(&i.to_le_bytes());
            hasher.finish().expect("not empty").root
        };
        let sample = |seed| (0..2000).filter(|i| in_sample(root(*i), seed, 10.0)).collect::<Vec<_>>();
        assert!((120..280).contains(&sample(1).len()), "{}", sample(1).len());
        assert_eq!(sample(1), sample(1));
        assert_ne!(sample(1), sample(2));
        assert!((0..100).all(|i| in_sample(root(i), 7, 100.0)));
    }
}
