//! Obeying a feed's withdrawals: what came from it goes dark here too, and its bytes are dropped.

use std::collections::BTreeSet;

use fonoteca_catalog::{Batch, Event, Outcome, Rights};
use fonoteca_model::BlobId;
use fonoteca_model::progress::Progress;
use fonoteca_model::rights::{Basis, ClaimStatus, Decision, Layer, Subject, SubjectKind};
use fonoteca_torrent::feed::{Feed, Withdrawal};

use super::Mirror;
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::ingest::AGENT;
use crate::rights::stable_id;

/// Applies the withdrawals to blobs that came from this mirror's feed, and to no others: a feed has no say over what
/// this archive took in itself. What the operator holds for legal reasons goes dark and stays. Returns how many blobs were
/// dropped.
pub(super) async fn obey(
    archive: &Archive,
    mirror: &Mirror,
    feed: &Feed,
    progress: &dyn Progress,
) -> Result<u64, ArchiveError> {
    let named: Vec<BlobId> = feed.withdrawals.iter().flat_map(|withdrawal| withdrawal.roots.iter().copied()).collect();
    if named.is_empty() {
        return Ok(0);
    }
    let writer = archive.catalog().writer().await?;
    let snapshot = writer.snapshot().clone();
    let asserted_by = mirror.asserted_by();
    let ours: BTreeSet<BlobId> = snapshot
        .decisions_for(&named)
        .await?
        .into_iter()
        .filter(|(_, decisions)| decisions.iter().any(|decision| decision.asserted_by == asserted_by))
        .map(|(root, _)| root)
        .collect();
    let taken_in = snapshot.taken_in(&ours.iter().copied().collect::<Vec<_>>()).await?;
    let ours: BTreeSet<BlobId> = ours.difference(&taken_in).copied().collect();
    let now = super::later(archive, &snapshot).await?;
    let mut batch = Batch::default();
    let mut dropped = Vec::new();
    for withdrawal in &feed.withdrawals {
        let subject = format!("{}:{}", withdrawal.subject_kind, withdrawal.subject);
        for root in withdrawal.roots.iter().filter(|root| ours.contains(root)) {
            let held = mirror.rules.holds(&subject, *root);
            let decision = decision(mirror, withdrawal, *root, now);
            let known = snapshot.decisions_on(&decision.subject).await?.iter().any(|known| known.id == decision.id);
            if !known {
                let mut row = Rights::from(&decision);
                row.note = Some(withdrawal.reason.clone());
                batch.rights.push(row);
                let kind = if held { "legal hold" } else { "deletion" };
                batch.events.push(Event {
                    id: stable_id(&[kind, &root.to_string(), &decision.id]),
                    at: now,
                    kind: kind.to_owned(),
                    subject_kind: "blob".to_owned(),
                    subject: root.to_string(),
                    outcome: Outcome::Success,
                    detail: Some(format!("withdrawn by the feed {}: {}", mirror.url, withdrawal.reason)),
                    agent: AGENT.to_owned(),
                });
            }
            if !held {
                dropped.push(*root);
            }
        }
    }
    if !batch.rights.is_empty() {
        writer.commit(&format!("{}withdrawals-{}", mirror.job_prefix(), feed.serial), 0, batch).await?;
    }
    let mut count = 0;
    for root in dropped {
        if archive.store().remove(root).await? {
            progress.note(&format!("{root} was withdrawn by {} and is dropped", mirror.name));
            count += 1;
        }
    }
    Ok(count)
}

fn decision(mirror: &Mirror, withdrawal: &Withdrawal, root: BlobId, now: fonoteca_model::Timestamp) -> Decision {
    let asserted_by = mirror.asserted_by();
    let at = withdrawal.at.0.to_string();
    Decision {
        id: stable_id(&["withdrawn", &asserted_by, &root.to_string(), &withdrawal.subject, &at]),
        layer: withdrawal.layer.parse().unwrap_or(Layer::Recording),
        status: ClaimStatus::Withdrawn,
        at: now,
        ..Decision::draft(Subject::new(SubjectKind::Blob, root.to_string()), Basis::Unknown, asserted_by)
    }
}
