//! What was checked, what is being checked, and what comes next, without checking anything.

use fonoteca_model::Timestamp;
use fonoteca_model::units::{Rate, Span, millis, optional_millis};
use serde::Serialize;

use super::round::{State, Walk};
use super::schedule::{Hours, due};
use crate::archive::Archive;
use crate::error::ArchiveError;

/// How far a check is.
#[derive(Debug, Clone, Serialize)]
pub struct Standing {
    /// `all` by a person, `round` in turns, or `sample`.
    pub check: &'static str,
    /// When it began.
    #[serde(rename = "began_ms", with = "millis")]
    pub began: Timestamp,
    /// When it ended; none: it is at work, or was interrupted.
    #[serde(rename = "ended_ms", with = "optional_millis")]
    pub ended: Option<Timestamp>,
    /// Blobs checked.
    pub checked: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs that were found damaged or missing.
    pub wrong: u64,
}

/// The line of `verify --status --json`.
#[derive(Debug, Clone, Serialize)]
pub struct Status {
    /// Blobs that should be in the store.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Blobs whose last check failed.
    pub damaged: u64,
    /// The last check of each kind.
    pub checks: Vec<Standing>,
    /// How often `serve` checks everything; none: it does not.
    pub every: Option<Span>,
    /// How fast.
    pub rate: Option<Rate>,
    /// When in the day.
    pub hours: Option<Hours>,
    /// When the next round begins; none with a schedule: now.
    #[serde(rename = "due_ms", with = "optional_millis")]
    pub due: Option<Timestamp>,
}

/// Where the checks of an archive stand.
pub async fn status(archive: &Archive) -> Result<Status, ArchiveError> {
    let snapshot = archive.snapshot().await?;
    let (blobs, bytes) = snapshot.count_blobs().await?;
    let damaged = snapshot.damaged_roots().await?.len() as u64;
    let mut checks = Vec::new();
    let mut began = None;
    let walks = [(Walk::All, "all"), (Walk::Round, "round"), (Walk::Sample(super::Amount::Items(0)), "sample")];
    for (walk, check) in walks {
        let Some(state) = State::read(archive, walk)? else { continue };
        if walk == Walk::Round {
            began = Some(state.began);
        }
        let wrong = state.findings.iter().filter(|finding| finding.wrong.is_some()).count() as u64;
        let State { began, ended, checked, bytes, .. } = state;
        checks.push(Standing { check, began, ended, checked, bytes, wrong });
    }
    let schedule = archive.settings().fixity;
    let due = schedule.every.and_then(|every| due(every, archive.now(), began));
    Ok(Status { blobs, bytes, damaged, checks, every: schedule.every, rate: schedule.rate, hours: schedule.hours, due })
}
