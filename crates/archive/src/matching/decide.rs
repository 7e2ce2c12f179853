//! Accepting and refusing: rows of `links`, which are only ever added.
//!
//! A pair that is refused is written as a link that the next row takes back at once, as `links undo` does: no later run
//! joins the two, nor asks again.

use std::collections::{BTreeSet, HashMap};

use fonoteca_catalog::{Batch, Event, Link, LinkEntity, Outcome};
use fonoteca_model::Id;
use fonoteca_model::progress::Progress;

use super::{Candidate, Doubt, PairId, doubts, review};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::moment::{job, later_than};
use crate::rights::stable_id;

/// What is decided about a held track and one of the catalogue.
#[derive(Debug, Clone)]
pub struct Decision {
    /// Which two.
    pub id: PairId,
    /// They are one; otherwise they are two.
    pub one: bool,
    reason: &'static str,
    score: f64,
}

impl Decision {
    /// They are one.
    pub fn accept(doubt: &Doubt, candidate: &Candidate) -> Self {
        debug_assert_eq!(doubt.held.track_id, candidate.id.held, "a candidate of this track");
        Self { id: candidate.id, one: true, reason: candidate.reason, score: candidate.score }
    }

    /// They are two.
    pub fn refuse(doubt: &Doubt, candidate: &Candidate) -> Self {
        Self { one: false, ..Self::accept(doubt, candidate) }
    }
}

/// Which pairs a rule is about.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    /// Only for this reason.
    pub reason: Option<String>,
    /// Only if at least as sure.
    pub min_score: f64,
}

impl Rule {
    /// Whether it is about a candidate.
    pub fn holds(&self, candidate: &Candidate) -> bool {
        self.reason.as_deref().is_none_or(|reason| reason == candidate.reason) && candidate.score >= self.min_score
    }
}

/// The pairs that are named, or those of which the rule holds, as they are now. To accept by rule, only the likeliest
/// candidate of a track counts, and only if no other is as likely; to refuse, each does.
pub async fn pairs_by_rule(
    archive: &Archive,
    named: &[PairId],
    rule: Option<&Rule>,
    one: bool,
    progress: &dyn Progress,
) -> Result<Vec<(Doubt, Decision)>, ArchiveError> {
    let mut found = Vec::new();
    let mut add = |doubt: Doubt, wanted: &dyn Fn(usize, &Candidate) -> bool| {
        let decide = if one { Decision::accept } else { Decision::refuse };
        let wanted = doubt.candidates.iter().enumerate().filter(|(at, candidate)| wanted(*at, candidate));
        let chosen: Vec<Decision> = wanted.map(|(_, candidate)| decide(&doubt, candidate)).collect();
        found.extend(chosen.into_iter().map(|decision| (doubt.clone(), decision)));
    };
    if let Some(rule) = rule {
        review(archive, progress, &mut |doubt| {
            let rival = doubt.candidates.get(1).map(|second| second.score);
            let clear = rival.is_none_or(|rival| rival < doubt.candidates[0].score);
            add(doubt, &|at, candidate| rule.holds(candidate) && (!one || at == 0 && clear));
        })
        .await?;
    }
    if !named.is_empty() {
        let held: Vec<Id> = named.iter().map(|pair| pair.held).collect::<BTreeSet<_>>().into_iter().collect();
        let snapshot = archive.snapshot().await?;
        for doubt in doubts(archive, &snapshot, &held).await? {
            add(doubt, &|_, candidate| named.contains(&candidate.id));
        }
        if let Some(unknown) = named.iter().find(|pair| !found.iter().any(|(_, decision)| decision.id == **pair)) {
            return Err(ArchiveError::Usage(format!(
                "{unknown} is not in doubt: it was decided, or the tables have changed; `fonoteca review` names what is"
            )));
        }
    }
    Ok(found)
}

/// Records decisions; says how many. What was joined by others meanwhile is left alone.
pub async fn decide(archive: &Archive, decisions: Vec<Decision>, decided_by: &str) -> Result<u64, ArchiveError> {
    let writer = archive.catalog().writer().await?;
    let snapshot = writer.snapshot().clone();
    let at = later_than(archive, &snapshot, "links", "at").await?;
    let asked: Vec<Id> = decisions.iter().flat_map(|decision| [decision.id.held, decision.id.other]).collect();
    let mut ends: HashMap<Id, Id> = snapshot.recording_of(&asked).await?;
    let mut batch = Batch::default();
    let mut decided = 0;
    for decision in decisions {
        let (from, to) = (ends[&decision.id.held], ends[&decision.id.other]);
        if from == to {
            continue;
        }
        decided += 1;
        let id = stable_id(&["review", &from.to_string(), &to.to_string(), &at.0.to_string()]);
        batch.links.push(Link {
            id: id.clone(),
            entity: LinkEntity::Recording,
            from_id: from,
            to_id: to,
            reason: decision.reason.to_owned(),
            score: decision.score,
            supersedes: None,
            at,
        });
        if decision.one {
            // The next decision in this batch must begin where this one leads.
            ends.values_mut().filter(|end| **end == from).for_each(|end| *end = to);
        } else {
            batch.links.push(Link {
                id: stable_id(&["refused", &id]),
                entity: LinkEntity::Recording,
                from_id: from,
                to_id: from,
                reason: "refused".to_owned(),
                score: 1.0,
                supersedes: Some(id.clone()),
                at: at.plus_seconds(1),
            });
        }
        let verb = if decision.one { "is" } else { "is not" };
        batch.events.push(Event {
            id: stable_id(&["review event", &id]),
            at,
            kind: "metadata modification".to_owned(),
            subject_kind: "link".to_owned(),
            subject: id,
            outcome: Outcome::Success,
            detail: Some(format!("{from} {verb} {to} ({}, {:.2})", decision.reason, decision.score)),
            agent: decided_by.to_owned(),
        });
    }
    if decided > 0 {
        writer.commit(&job("review", at, &snapshot), 0, batch).await?;
        archive.refresh_index().await?;
    }
    Ok(decided)
}
