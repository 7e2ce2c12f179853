//! Which blobs may be given to anyone, in descending popularity, and why the others may not.

use std::collections::{BTreeMap, HashSet};

use fonoteca_catalog::{HeldAudio, Snapshot};
use fonoteca_model::BlobId;
use fonoteca_model::rights::{Decision, Use, Verdict, decide};
use futures::TryStreamExt;

use super::plan::LeftOut;
use crate::archive::Archive;
use crate::error::ArchiveError;

/// One blob of a release.
#[derive(Debug, Clone)]
pub(super) struct Selected {
    pub held: HeldAudio,
    pub verdict: Verdict,
    /// All that was ever said about it.
    pub decisions: Vec<Decision>,
}

/// Walks everything held in descending popularity and hands on what may be distributed and is in no release yet.
/// Memory does not grow with the archive, but for the roots already given out.
pub(super) async fn select<F>(
    archive: &Archive,
    snapshot: &Snapshot,
    given_out: &HashSet<BlobId>,
    mut take: F,
) -> Result<BTreeMap<String, LeftOut>, ArchiveError>
where
    F: AsyncFnMut(Selected) -> Result<(), ArchiveError>,
{
    let mut left_out: BTreeMap<String, LeftOut> = BTreeMap::new();
    let mut leave = |rule: &str, held: &HeldAudio| {
        let entry = left_out.entry(rule.to_owned()).or_insert_with(|| LeftOut::new(rule));
        entry.files += 1;
        entry.bytes += held.size as u64;
    };
    let now = archive.now();
    let mut chunks = snapshot.held_by_popularity().await?;
    while let Some(chunk) = chunks.try_next().await? {
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
            } else {
                take(Selected { held, verdict, decisions }).await?;
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
