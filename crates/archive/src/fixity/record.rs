//! What a check finds: counted, told, and recorded as preservation events.

use std::collections::BTreeSet;

use fonoteca_catalog::{Batch, Event, Outcome, Snapshot};
use fonoteca_model::progress::Progress;
use fonoteca_model::{BlobHashes, BlobId, Timestamp};
use fonoteca_store::{StoreError, Verdict};

use super::round::{Finding, Round, Walk, Wrong};
use super::{Damage, Report, finding};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::ingest::AGENT;
use crate::moment::later_than;
use crate::rights::stable_id;

/// The PREMIS event type of a check.
pub(super) const FIXITY_CHECK: &str = "fixity check";
/// Work that a kill may cost, in microseconds.
const SAVED_EVERY: u64 = 2_000_000;
/// Findings that wait for a commit at most.
const FINDINGS_AT_ONCE: usize = 1000;

/// One run of a check.
pub(super) struct Recorder<'a> {
    archive: &'a Archive,
    progress: &'a dyn Progress,
    round: Round,
    /// Blobs whose last check failed: what is sound again among them is worth an event.
    failed_before: BTreeSet<BlobId>,
    started: Timestamp,
    saved: Timestamp,
    /// What was checked before this run, and how much of the findings is from then.
    before: (u64, u64, usize),
    pub report: Report,
}

impl<'a> Recorder<'a> {
    /// Goes on with a check; commits what a killed run could not.
    pub async fn resume(
        archive: &'a Archive,
        snapshot: &Snapshot,
        mut round: Round,
        progress: &'a dyn Progress,
    ) -> Result<Self, ArchiveError> {
        let state = &mut round.state;
        let mut failed_before = snapshot.damaged_roots().await?;
        if state.committed < state.findings.len() {
            commit(archive, &state.job, state.batch, &state.findings[state.committed..], None).await?;
            failed_before = archive.snapshot().await?.damaged_roots().await?;
        }
        // What was made good meanwhile is wrong no more.
        state.findings.retain(|finding| finding.wrong.is_some() && failed_before.contains(&finding.root));
        state.committed = state.findings.len();
        let before = (state.checked, state.bytes, state.findings.len());
        if state.checked > 0 {
            progress.note(&format!("going on with the check begun {}: {} blobs are done", state.began, state.checked));
        }
        let now = archive.now();
        Ok(Self {
            archive,
            progress,
            round,
            failed_before,
            started: now,
            saved: now,
            before,
            report: Report::default(),
        })
    }

    /// The last blob that was checked.
    pub fn after(&self) -> Option<BlobId> {
        self.round.state.after
    }

    /// Bytes that were checked.
    pub fn bytes(&self) -> u64 {
        self.round.state.bytes
    }

    /// The next blob was checked.
    pub async fn checked(
        &mut self,
        expected: &BlobHashes,
        verdict: Result<Verdict, StoreError>,
    ) -> Result<(), ArchiveError> {
        let root = expected.root;
        let wrong = match finding(expected, verdict) {
            Ok(wrong) => wrong,
            Err(error) => {
                self.save(None).await?;
                return Err(error);
            }
        };
        match &wrong {
            Some(Wrong::Missing) => self.progress.note(&format!("{root} is missing")),
            Some(wrong @ Wrong::Unreadable { .. }) => self.progress.note(&format!("{root}: {}", told(wrong))),
            Some(wrong) => self.progress.note(&format!("{root} is damaged: {}", told(wrong))),
            None => {}
        }
        let state = &mut self.round.state;
        state.checked += 1;
        state.after = Some(root);
        if wrong != Some(Wrong::Missing) {
            state.bytes += expected.size;
        }
        if wrong.is_some() || self.failed_before.contains(&root) {
            state.findings.push(Finding { root, wrong });
        }
        self.progress.advance(expected.size);
        let waiting = state.findings.len() - state.committed;
        let now = self.archive.now();
        if now.0.abs_diff(self.saved.0) >= SAVED_EVERY || waiting >= FINDINGS_AT_ONCE {
            self.saved = now;
            self.save(None).await?;
        }
        Ok(())
    }

    /// Records what was found so far, before anything else can fail.
    pub async fn flush(&mut self) -> Result<(), ArchiveError> {
        self.save(None).await
    }

    /// The user wants to stop: the next run goes on here.
    pub async fn interrupted(mut self) -> Result<(), ArchiveError> {
        self.save(Some("interrupted after ")).await
    }

    /// As much as was asked for is checked, and more is left.
    pub async fn paused(mut self) -> Result<Report, ArchiveError> {
        self.tell(true);
        self.save(Some("")).await?;
        Ok(self.report)
    }

    /// Everything is checked.
    pub async fn ended(mut self) -> Result<Report, ArchiveError> {
        self.tell(self.round.walk == Some(Walk::Round));
        self.round.state.ended = Some(self.archive.now());
        self.save(Some("")).await?;
        Ok(self.report)
    }

    /// Fills the report: with what this run found, or with all of a check that earlier runs began.
    fn tell(&mut self, only_this_run: bool) {
        let (checked, bytes, findings) = if only_this_run { self.before } else { (0, 0, 0) };
        let state = &self.round.state;
        self.report.checked = state.checked - checked;
        self.report.bytes = state.bytes - bytes;
        self.report.resumed = if only_this_run { 0 } else { self.before.0 };
        self.report.seconds = (self.archive.now().0 - self.started.0).max(0) as f64 / 1e6;
        for finding in &state.findings[findings..] {
            let root = finding.root;
            match &finding.wrong {
                None => {}
                Some(Wrong::Missing) => self.report.missing.push(root),
                Some(Wrong::Damaged { pieces, found }) => self.report.damaged.extend(each(root, pieces, found)),
                Some(Wrong::Unreadable { pieces, found }) => self.report.unreadable.extend(each(root, pieces, found)),
            }
        }
    }

    /// Writes down how far it is, and commits what was found since the last time; at the end of a run with one event for
    /// all of it: an event for each of 86 million sound blobs would say no more.
    async fn save(&mut self, summary: Option<&str>) -> Result<(), ArchiveError> {
        let state = &mut self.round.state;
        let new = state.committed < state.findings.len();
        if new || summary.is_some() {
            state.batch += 1;
        }
        self.round.save()?;
        let state = &mut self.round.state;
        if new || summary.is_some() {
            let (checked, bytes, findings) = self.before;
            let found = &state.findings[findings..];
            let (mut damaged, mut unreadable, mut missing) = (0, 0, 0);
            for finding in found {
                match &finding.wrong {
                    None => {}
                    Some(Wrong::Damaged { pieces, .. }) => damaged += pieces.len(),
                    Some(Wrong::Unreadable { pieces, .. }) => unreadable += pieces.len(),
                    Some(Wrong::Missing) => missing += 1,
                }
            }
            let unread = if unreadable > 0 { format!(", {unreadable} unreadable") } else { String::new() };
            let summary = summary.map(|how| Summary {
                sound: damaged + unreadable + missing == 0,
                detail: format!(
                    "{how}{} blobs, {} bytes checked; {damaged} pieces damaged{unread}, {missing} blobs missing",
                    state.checked - checked,
                    state.bytes - bytes,
                ),
            });
            commit(self.archive, &state.job, state.batch, &state.findings[state.committed..], summary).await?;
            state.committed = state.findings.len();
        }
        Ok(())
    }
}

struct Summary {
    sound: bool,
    detail: String,
}

fn each(root: BlobId, pieces: &[u64], found: &str) -> impl Iterator<Item = Damage> {
    pieces.iter().map(move |piece| Damage { root, piece: *piece, found: found.to_owned() })
}

/// What is wrong, for an event and for people.
fn told(wrong: &Wrong) -> String {
    let listed = |pieces: &[u64]| pieces.iter().map(u64::to_string).collect::<Vec<String>>().join(", ");
    match wrong {
        Wrong::Missing => "missing".to_owned(),
        Wrong::Damaged { pieces, found } => format!("pieces {} differ: {found}", listed(pieces)),
        Wrong::Unreadable { pieces, found } => format!("pieces {} are unreadable: {found}", listed(pieces)),
    }
}

async fn commit(
    archive: &Archive,
    job: &str,
    batch: i64,
    findings: &[Finding],
    summary: Option<Summary>,
) -> Result<(), ArchiveError> {
    let writer = archive.catalog().writer().await?;
    // Later than any check before, so that the latest one counts whatever the clock says.
    let at = later_than(archive, writer.snapshot(), "events", "at").await?;
    let mut events: Vec<Event> = findings
        .iter()
        .map(|Finding { root, wrong }| {
            let outcome = if wrong.is_some() { Outcome::Failure } else { Outcome::Success };
            let detail = wrong.as_ref().map_or_else(|| "sound again".to_owned(), told);
            blob_event(FIXITY_CHECK, *root, at, outcome, detail)
        })
        .collect();
    events.extend(summary.map(|summary| Event {
        id: stable_id(&["fixity run", &at.0.to_string(), job]),
        at,
        kind: FIXITY_CHECK.to_owned(),
        subject_kind: "archive".to_owned(),
        subject: archive.name().to_owned(),
        outcome: if summary.sound { Outcome::Success } else { Outcome::Failure },
        detail: Some(summary.detail),
        agent: AGENT.to_owned(),
    }));
    writer.commit(job, batch, Batch { events, ..Batch::default() }).await?;
    Ok(())
}

/// Something that happened to a blob.
pub(super) fn blob_event(kind: &str, root: BlobId, at: Timestamp, outcome: Outcome, detail: String) -> Event {
    Event {
        id: stable_id(&[kind, &root.to_string(), &at.0.to_string()]),
        at,
        kind: kind.to_owned(),
        subject_kind: "blob".to_owned(),
        subject: root.to_string(),
        outcome,
        detail: Some(detail),
        agent: AGENT.to_owned(),
    }
}
