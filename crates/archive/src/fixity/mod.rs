//! Fixity: is every byte still what it was when it came in?
//!
//! A check goes through the blobs in the order of their roots, so that one number says how far it is: what was interrupted
//! or killed goes on there (`round.rs`). All blobs, a sample, or those whose turn it is can be checked; what is
//! found becomes preservation events, and [`repair`] makes it good from other copies.

mod choose;
mod record;
pub mod repair;
mod round;
mod schedule;
mod status;

use fonoteca_catalog::{CatalogError, Snapshot, Table};
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_model::{BlobHashes, BlobId};
use fonoteca_store::{CheckOptions, StoreError, Verdict};
use futures::{StreamExt, TryStreamExt};
use serde::Serialize;

pub use choose::Amount;
pub use schedule::{Hours, Schedule, keep_checking};
pub use status::{Status, status};

use crate::archive::Archive;
use crate::error::{ArchiveError, said};
use choose::{Chosen, slices};
use record::Recorder;
use round::{Round, Walk};

/// Files of the store whose rows are looked up together.
const LISTED_AT_ONCE: usize = 4096;
/// Blobs that are asked for before the first of them is done.
const BLOBS_AHEAD: usize = 64;

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
    /// Pieces that cannot be read, in blobs of which nothing else is wrong: they may be as they were.
    pub unreadable: Vec<Damage>,
    /// Blobs that are gone.
    pub missing: Vec<BlobId>,
    /// Files in the store that no table names, by path or root.
    pub unknown: Vec<String>,
    /// Bytes read.
    pub bytes: u64,
    /// How long it took, without what an earlier run did.
    pub seconds: f64,
    /// How many of the blobs an earlier run of the same check had done before it was interrupted.
    pub resumed: u64,
}

impl Report {
    /// Nothing is wrong.
    pub fn sound(&self) -> bool {
        self.damaged.is_empty() && self.unreadable.is_empty() && self.missing.is_empty()
    }
}

/// Which blobs are checked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Extent {
    /// All, and every row of every table.
    All,
    /// Those whose turn it is, of a round that goes through all of them again and again; none: to the end of the round.
    Oldest(Option<Amount>),
    /// So many, chosen by chance; the same for the same seed.
    Sample {
        /// How many.
        amount: Amount,
        /// None: that of a sample that was interrupted, or `fresh_seed`.
        seed: Option<u64>,
        /// Any number that no run had before.
        fresh_seed: u64,
    },
    /// Those whose last check failed.
    Damaged,
}

/// What to check, and how hard.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Which blobs.
    pub extent: Extent,
    /// Begin anew even if the same check was interrupted.
    pub fresh: bool,
    /// How hard.
    pub effort: CheckOptions,
}

impl Options {
    /// As fast as it goes, going on where the same check was interrupted.
    pub fn new(extent: Extent) -> Self {
        Self { extent, fresh: false, effort: CheckOptions::default() }
    }
}

/// Checks blobs against their roots. What is found damaged or missing, and what is sound again, is recorded as events.
///
/// # Errors
/// [`ArchiveError::Cancelled`], after which the same call goes on there; [`ArchiveError::Busy`] while another process is at
/// the same check.
pub async fn verify(archive: &Archive, options: &Options, progress: &dyn Progress) -> Result<Report, ArchiveError> {
    let (mut report, left) = run(archive, options, progress).await?;
    if let (Extent::Oldest(Some(_)), 1..) = (options.extent, left) {
        // The round came to its end; the turn goes on at the beginning.
        let extent = Extent::Oldest(Some(Amount::Items(left)));
        let (next, _) = run(archive, &Options { extent, fresh: true, ..*options }, progress).await?;
        report.checked += next.checked;
        report.damaged.extend(next.damaged);
        report.unreadable.extend(next.unreadable);
        report.missing.extend(next.missing);
        report.bytes += next.bytes;
        report.seconds += next.seconds;
    }
    Ok(report)
}

/// One check, and how many blobs that were asked for are left when a round that had begun earlier is at its end.
async fn run(archive: &Archive, options: &Options, progress: &dyn Progress) -> Result<(Report, u64), ArchiveError> {
    let walk = match options.extent {
        Extent::Damaged => {
            let roots: Vec<BlobId> = archive.snapshot().await?.damaged_roots().await?.into_iter().collect();
            return Ok((check_roots(archive, &roots, options.effort, progress).await?, 0));
        }
        Extent::All => Walk::All,
        Extent::Oldest(_) => Walk::Round,
        Extent::Sample { amount, .. } => Walk::Sample(amount),
    };
    let mut round = Round::open(archive, walk)?;
    let snapshot = archive.snapshot().await?;
    let (count, bytes) = snapshot.count_blobs().await?;
    let begin_anew = options.fresh || !round.goes_on(options.extent);
    if begin_anew {
        round.begin(archive, &snapshot, options.extent)?;
    }
    let chosen = match (options.extent, round.state.seed) {
        (Extent::Oldest(Some(amount)), _) => Chosen::Next(amount.of(count)),
        (Extent::Sample { amount, .. }, Some(seed)) => Chosen::below(&snapshot, amount, seed).await?,
        _ => Chosen::All,
    };
    let mut recorder = Recorder::resume(archive, &snapshot, round, progress).await?;
    let whole = chosen == Chosen::All;
    let left = (bytes as i64 - recorder.bytes() as i64).max(0) as u64;
    progress.stage("checking blobs", whole.then_some(left), Unit::Bytes);
    let checker = archive.store().checker(options.effort)?;
    let mut left = chosen.at_most();
    for slice in slices(count, recorder.after()) {
        let blobs = snapshot.blobs_within(slice).await?;
        let blobs = blobs.map_ok(|some| futures::stream::iter(some.into_iter().map(Ok))).try_flatten();
        let checks = blobs
            .try_filter(|hashes| std::future::ready(chosen.has(hashes.root)))
            .take(usize::try_from(left).unwrap_or(usize::MAX))
            .map_ok(|hashes: BlobHashes| {
                let verdict = checker.check(hashes.clone());
                async move { Ok::<_, CatalogError>((hashes, verdict.await)) }
            })
            .try_buffered(BLOBS_AHEAD);
        let mut checks = std::pin::pin!(checks);
        while let Some((hashes, verdict)) = checks.try_next().await? {
            recorder.checked(&hashes, verdict).await?;
            left -= 1;
            if progress.cancelled() {
                recorder.interrupted().await?;
                return Err(ArchiveError::Cancelled);
            }
        }
        if left == 0 {
            return Ok((recorder.paused().await?, 0));
        }
    }
    if walk == Walk::All {
        recorder.flush().await?;
        read_tables(&snapshot, progress).await?;
        look_for_unknown(archive, &snapshot, &mut recorder.report, progress).await?;
    }
    let report = recorder.ended().await?;
    if walk == Walk::All {
        Round::all_were_checked(archive)?;
    }
    Ok((report, if begin_anew { 0 } else { left }))
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

/// Looks for files among the blobs that no table names: what a killed command left, and what somebody put there.
async fn look_for_unknown(
    archive: &Archive,
    snapshot: &Snapshot,
    report: &mut Report,
    progress: &dyn Progress,
) -> Result<(), ArchiveError> {
    let mut held = archive.store().list().chunks(LISTED_AT_ONCE);
    while let Some(chunk) = held.next().await {
        let mut roots = Vec::with_capacity(chunk.len());
        for found in chunk {
            match found {
                Ok((root, _)) => roots.push(root),
                Err(StoreError::Foreign { path }) => report.unknown.push(path.display().to_string()),
                Err(error) => progress.note(&said(&error)),
            }
        }
        let known = snapshot.blobs(&roots).await?;
        let unknown = roots.iter().filter(|root| !known.contains_key(root));
        report.unknown.extend(unknown.map(ToString::to_string));
        if progress.cancelled() {
            break;
        }
    }
    Ok(())
}

/// Checks just these blobs.
pub(crate) async fn check_roots(
    archive: &Archive,
    roots: &[BlobId],
    effort: CheckOptions,
    progress: &dyn Progress,
) -> Result<Report, ArchiveError> {
    let snapshot = archive.snapshot().await?;
    let mut recorder = Recorder::resume(archive, &snapshot, Round::unsaved(archive, &snapshot), progress).await?;
    let mut known = Vec::new();
    for chunk in roots.chunks(1000) {
        let mut found = snapshot.blobs(chunk).await?;
        for root in chunk {
            match found.remove(root) {
                Some((hashes, _)) => known.push(hashes),
                None => recorder.report.missing.push(*root),
            }
        }
    }
    progress.stage("checking blobs", Some(known.iter().map(|hashes| hashes.size).sum()), Unit::Bytes);
    let checker = archive.store().checker(effort)?;
    let checks = known.into_iter().map(|hashes| {
        let verdict = checker.check(hashes.clone());
        async move { (hashes, verdict.await) }
    });
    let mut checks = futures::stream::iter(checks).buffered(BLOBS_AHEAD);
    while let Some((hashes, verdict)) = checks.next().await {
        recorder.checked(&hashes, verdict).await?;
        if progress.cancelled() {
            recorder.interrupted().await?;
            return Err(ArchiveError::Cancelled);
        }
    }
    recorder.ended().await
}

/// What a verdict on a blob of so many bytes means; `None`: it is sound.
fn finding(expected: &BlobHashes, verdict: Result<Verdict, StoreError>) -> Result<Option<round::Wrong>, ArchiveError> {
    let all = || (0..expected.pieces()).collect();
    Ok(Some(match verdict {
        Ok(Verdict::Sound) => return Ok(None),
        Ok(Verdict::Missing) => round::Wrong::Missing,
        Ok(Verdict::Damaged { pieces, found_root, found_size, unreadable }) => {
            let found = match (&unreadable, found_root) {
                (Some(unreadable), _) => format!("it cannot be read: {}", unreadable.said),
                (None, Some(found)) => format!("{found_size} bytes with root {found}"),
                (None, None) => "an empty file".to_owned(),
            };
            match unreadable {
                Some(unreadable) if unreadable.pieces == pieces => round::Wrong::Unreadable { pieces, found },
                _ => round::Wrong::Damaged { pieces, found },
            }
        }
        Err(error @ (StoreError::Interrupted { .. } | StoreError::Stopped { .. })) => return Err(error.into()),
        Err(error @ (StoreError::ChangedInPlace { .. } | StoreError::NotRegular { .. })) => {
            round::Wrong::Damaged { pieces: all(), found: format!("it cannot be read: {}", said(&error)) }
        }
        // A bad sector is what a check looks for, and no reason to leave the other blobs unchecked.
        Err(error) => round::Wrong::Unreadable { pieces: all(), found: format!("it cannot be read: {}", said(&error)) },
    }))
}
