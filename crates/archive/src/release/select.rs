//! Which blobs may be given to anyone, in descending popularity, and why the others may not.

use std::collections::{BTreeMap, HashSet};

use fonoteca_catalog::{HeldAudio, HeldQuery, Snapshot};
use fonoteca_model::BlobId;
use fonoteca_model::rights::{Decision, Use, Verdict, decide};
use futures::TryStreamExt;

use super::Options;
use super::plan::LeftOut;
use super::tail::Given;
use crate::archive::Archive;
use crate::error::ArchiveError;

/// Files whose rights are looked up at once: each look-up goes through whole tables.
const CHUNK: usize = 50_000;

/// One file of a release.
#[derive(Debug, Clone)]
pub(super) struct Selected {
    pub held: HeldAudio,
    pub verdict: Verdict,
    /// All that was ever said about it.
    pub decisions: Vec<Decision>,
    /// What goes out for it.
    pub given: Given,
}

impl Selected {
    /// The blob that goes out.
    pub fn root(&self) -> BlobId {
        match self.given {
            Given::Copy { root, .. } => root,
            Given::Original | Given::Lacking { .. } => self.held.root,
        }
    }

    /// Its bytes; of a copy that is not made yet, about how many it will have.
    pub fn bytes(&self) -> u64 {
        let bytes = match self.given {
            Given::Original => self.held.size,
            Given::Copy { size, .. } => size,
            Given::Lacking { tail } => tail.expected_bytes(self.held.duration_ms),
        };
        bytes.max(0) as u64
    }

    pub fn extension(&self) -> &str {
        if matches!(self.given, Given::Original) { &self.held.extension } else { "opus" }
    }

    pub fn codec(&self) -> &str {
        if matches!(self.given, Given::Original) { &self.held.codec } else { "opus" }
    }

    /// What it was made from, where it is a copy.
    pub fn copy_of(&self) -> Option<BlobId> {
        (!matches!(self.given, Given::Original)).then_some(self.held.root)
    }
}

/// Walks everything held in descending popularity and hands on what is chosen, may be distributed and is in no release yet.
/// Memory does not grow with the archive, but for the roots already given out.
pub(super) async fn select<F>(
    archive: &Archive,
    snapshot: &Snapshot,
    options: &Options,
    given_out: &HashSet<BlobId>,
    mut take: F,
) -> Result<BTreeMap<String, LeftOut>, ArchiveError>
where
    F: AsyncFnMut(Selected) -> Result<(), ArchiveError>,
{
    let mut chosen = options.choice.resolve(archive, snapshot).await?;
    let condition = chosen.condition.clone();
    let how = options.tail.map(super::Tail::how);
    let asked = HeldQuery { condition: condition.as_deref(), copies: how.as_deref() };
    let mut left_out: BTreeMap<String, LeftOut> = BTreeMap::new();
    let mut leave = |rule: &str, held: &HeldAudio| {
        let entry = left_out.entry(rule.to_owned()).or_insert_with(|| LeftOut::new(rule));
        entry.files += 1;
        entry.bytes += held.size as u64;
    };
    let now = archive.now();
    let mut batches = snapshot.held_asked(asked).await?;
    let mut ended = false;
    while !ended {
        let mut chunk: Vec<HeldAudio> = Vec::new();
        while chunk.len() < CHUNK {
            match batches.try_next().await? {
                Some(mut some) => chunk.append(&mut some),
                None => {
                    ended = true;
                    break;
                }
            }
        }
        chunk.retain(|held| match chosen.leaves(held) {
            Some(rule) => {
                leave(&rule, held);
                false
            }
            None => true,
        });
        let roots: Vec<BlobId> = chunk.iter().map(|held| held.root).collect();
        let mut said = archive.decisions_for(snapshot, &roots).await?;
        for held in chunk {
            let decisions = said.remove(&held.root).unwrap_or_default();
            let verdict = decide(&decisions, now);
            if given_out.contains(&held.root) {
                leave("in an earlier release", &held);
            } else if !verdict.allows(Use::Distribute) {
                leave(&dark_rule(&verdict), &held);
            } else if held.state == fonoteca_catalog::FileState::Malformed {
                leave("malformed: it arrived incomplete", &held);
            } else if let Some(rule) = chosen.leaves_of(&verdict) {
                leave(&rule, &held);
            } else {
                let given = Given::of(&held, options.tail);
                let selected = Selected { held, verdict, decisions, given };
                if chosen.fits(selected.bytes()) {
                    take(selected).await?;
                } else {
                    leave("beyond the bytes that it may have", &selected.held);
                }
            }
        }
    }
    Ok(left_out)
}

/// One rule in words, the same for all files that it keeps back.
fn dark_rule(verdict: &Verdict) -> String {
    if verdict.withdrawn {
        return "withdrawn by its rights holder".to_owned();
    }
    match (&verdict.licence, verdict.basis) {
        (Some(licence), fonoteca_model::rights::Basis::Licensed) => format!("licence does not allow it: {licence}"),
        (_, basis) => format!("basis {basis} does not allow it"),
    }
}
