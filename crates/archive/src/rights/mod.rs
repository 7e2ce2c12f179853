//! Rights decisions: recording them, showing what follows from them, withdrawing.
//!
//! Decisions are only ever added. `set` supersedes what the operator said before about the same subject and layer; a
//! withdrawal or an opt-out stands until a decision names it and supersedes it.

mod import;
mod works;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use fonoteca_catalog::{Batch, BlobKind, Event, Outcome, Rights, Snapshot};
use fonoteca_model::licence::LicenceMatch;
use fonoteca_model::rights::{Basis, ClaimStatus, Decision, Subject, SubjectKind, Verdict, decide};
use fonoteca_model::{BlobId, Id};
use serde::Serialize;
use sha2::{Digest, Sha256};

pub use import::{ImportReport, RowResult, import};
pub(crate) use works::roots_of_subject;

use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::ingest::{AGENT, blob_row, only_new};
use crate::moment::job;

/// An id that follows from what it stands for: 32 hex digits.
pub(crate) fn stable_id(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hex::encode(&hasher.finalize()[..16])
}

/// The id of what `asserted_by` says of `subject` on one occasion.
pub(crate) fn decision_id(subject: &Subject, asserted_by: &str, occasion: &str) -> String {
    stable_id(&["decision", &subject.to_string(), asserted_by, occasion])
}

/// What to record about a subject.
#[derive(Debug, Clone)]
pub struct Statement {
    /// What is said. Its id, moment and evidence, and what it supersedes, follow when it is recorded.
    pub decision: Decision,
    /// The document that proves it, kept as a blob.
    pub evidence: Option<PathBuf>,
    /// A decision to supersede besides the operator's own earlier ones.
    pub supersede: Option<String>,
    /// For people.
    pub note: Option<String>,
}

impl From<Decision> for Statement {
    fn from(decision: Decision) -> Self {
        Self { decision, evidence: None, supersede: None, note: None }
    }
}

impl Statement {
    /// A statement with nothing but subject and basis.
    pub fn new(subject: Subject, basis: Basis, asserted_by: &str) -> Self {
        Decision::draft(subject, basis, asserted_by).into()
    }

    fn check(&self) -> Result<(), ArchiveError> {
        let said = &self.decision;
        if !affirms(said) {
            return Ok(());
        }
        match said.basis {
            Basis::Permission if self.evidence.is_none() => {
                Err(ArchiveError::Usage("a permission needs its document: give it with --evidence FILE".to_owned()))
            }
            Basis::Licensed if said.licence.as_deref().is_none_or(|licence| licence.trim().is_empty()) => {
                Err(ArchiveError::Usage("basis `licensed` needs --license with an SPDX id or a licence URI".to_owned()))
            }
            Basis::PrivateCopy | Basis::Unknown | Basis::OwnWork | Basis::PublicDomain | Basis::Licensed
                if !said.permits.is_empty() =>
            {
                Err(ArchiveError::Usage("--permit goes with basis `permission`; other bases grant by rule".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

/// It says why the item may be held, and neither disputes nor reserves nor withdraws anything.
fn affirms(decision: &Decision) -> bool {
    matches!(decision.status, ClaimStatus::Asserted | ClaimStatus::Verified)
}

/// Records statements in one commit; returns the new decisions.
pub async fn set(archive: &Archive, statements: &[Statement]) -> Result<Vec<Decision>, ArchiveError> {
    for statement in statements {
        statement.check()?;
        check_key(&statement.decision.subject)?;
    }
    let now = archive.now();
    let mut batch = Batch::default();
    let mut evidence = Vec::with_capacity(statements.len());
    for statement in statements {
        evidence.push(match &statement.evidence {
            None => None,
            Some(path) => {
                let put = archive.store().put_file(path, fonoteca_model::limits::Limits::default().file_bytes).await?;
                batch.blobs.push(blob_row(&put.hashes, "application/octet-stream", BlobKind::Evidence));
                Some(put.hashes.root)
            }
        });
    }
    let writer = archive.catalog().writer().await?;
    let snapshot = writer.snapshot().clone();
    let mut said_before = decisions_on(&snapshot, statements).await?;
    let mut decisions = Vec::new();
    for (statement, evidence) in statements.iter().zip(evidence) {
        let draft = &statement.decision;
        let said = said_before.entry(draft.subject.clone()).or_default();
        let earlier = superseded_by(said, statement)?;
        // One decision supersedes one other, so replacing several takes several that say the same.
        let replaced: Vec<Option<String>> =
            if earlier.is_empty() { vec![None] } else { earlier.into_iter().map(Some).collect() };
        for supersedes in replaced {
            let replaced = supersedes.as_deref().unwrap_or_default();
            let occasion = format!("{} {} {} {replaced}", draft.layer, draft.status, now.0);
            let id = decision_id(&draft.subject, &draft.asserted_by, &occasion);
            let decision = Decision { id, supersedes, evidence, at: now, ..draft.clone() };
            let mut row = Rights::from(&decision);
            row.note.clone_from(&statement.note);
            batch.rights.push(row);
            // What this very call said of the same subject before is replaced like anything older.
            said.push(decision.clone());
            decisions.push(decision);
        }
        batch.events.push(Event {
            id: stable_id(&["rights", &draft.subject.to_string(), &now.0.to_string(), draft.status.as_str()]),
            at: now,
            kind: "policy assignment".to_owned(),
            subject_kind: draft.subject.kind.to_string(),
            subject: draft.subject.key.clone(),
            outcome: Outcome::Success,
            detail: Some(format!("{} {}", draft.status, draft.basis)),
            agent: AGENT.to_owned(),
        });
    }
    batch.blobs = only_new(&snapshot, batch.blobs).await?;
    writer.commit(&job("rights", now, &snapshot), 0, batch).await?;
    archive.refresh_index().await?;
    Ok(decisions)
}

/// All that was ever said of the statements' subjects, in one query but for labels, which are compared by name.
async fn decisions_on(
    snapshot: &Snapshot,
    statements: &[Statement],
) -> Result<HashMap<Subject, Vec<Decision>>, ArchiveError> {
    let subjects: BTreeSet<&Subject> = statements.iter().map(|statement| &statement.decision.subject).collect();
    let (labels, keyed): (Vec<&Subject>, Vec<&Subject>) =
        subjects.into_iter().partition(|subject| subject.kind == SubjectKind::Label);
    let mut found: HashMap<Subject, Vec<Decision>> = HashMap::new();
    for row in snapshot.rows_by::<Rights, String>("subject", keyed.iter().map(|subject| &subject.key)).await? {
        let decision = Decision::try_from(row)?;
        found.entry(decision.subject.clone()).or_default().push(decision);
    }
    for label in labels {
        found.insert(label.clone(), snapshot.decisions_on(label).await?);
    }
    Ok(found)
}

/// What a new statement replaces: everything in force on the same subject and layer, but never a withdrawal, a dispute or
/// an opt-out, which only a decision that names them lifts.
fn superseded_by(all: &[Decision], statement: &Statement) -> Result<Vec<String>, ArchiveError> {
    let draft = &statement.decision;
    let replaces = |decision: &Decision| {
        let named = statement.supersede.as_deref() == Some(decision.id.as_str());
        named || affirms(decision) && affirms(draft) && decision.layer == draft.layer
    };
    let gone: Vec<&str> = all.iter().filter_map(|decision| decision.supersedes.as_deref()).collect();
    let found: Vec<String> = all
        .iter()
        .filter(|decision| !gone.contains(&decision.id.as_str()) && replaces(decision))
        .map(|decision| decision.id.clone())
        .collect();
    match &statement.supersede {
        Some(named) if !found.contains(named) => Err(ArchiveError::Usage(format!(
            "there is no decision {named} in force on {}: see `fonoteca rights show {}`",
            draft.subject, draft.subject
        ))),
        _ => Ok(found),
    }
}

fn check_key(subject: &Subject) -> Result<(), ArchiveError> {
    let problem = match subject.kind {
        SubjectKind::Blob => subject.key.parse::<BlobId>().err().map(|error| error.to_string()),
        SubjectKind::Track | SubjectKind::Recording | SubjectKind::Release | SubjectKind::Artist => {
            subject.key.parse::<Id>().err().map(|error| error.to_string())
        }
        SubjectKind::Isrc => subject.key.parse::<fonoteca_model::Isrc>().err().map(|error| error.to_string()),
        SubjectKind::Upc => subject.key.parse::<fonoteca_model::Upc>().err().map(|error| error.to_string()),
        SubjectKind::Iswc => subject.key.parse::<fonoteca_model::Iswc>().err().map(|error| error.to_string()),
        _ if subject.key.trim().is_empty() => Some("it is empty".to_owned()),
        _ => None,
    };
    problem.map_or(Ok(()), |problem| Err(ArchiveError::Usage(format!("{subject} names nothing: {problem}"))))
}

/// Brings a subject as a person writes it into the form of the tables: `kind:key`, or a bare key whose kind shows.
pub fn read_subject(text: &str) -> Result<Subject, ArchiveError> {
    if let Some((kind, key)) = text.split_once(':')
        && let Ok(kind) = kind.parse::<SubjectKind>()
    {
        let key = match kind {
            SubjectKind::Isrc => canonical::<fonoteca_model::Isrc>(key),
            SubjectKind::Upc => canonical::<fonoteca_model::Upc>(key),
            SubjectKind::Iswc => canonical::<fonoteca_model::Iswc>(key),
            // Works of other catalogues keep their identifiers as they are; no tag names them yet.
            SubjectKind::Work => canonical::<fonoteca_model::Mbid>(key),
            SubjectKind::Blob | SubjectKind::Track | SubjectKind::Recording => key.to_ascii_lowercase(),
            _ => key.to_owned(),
        };
        let subject = Subject::new(kind, key);
        check_key(&subject)?;
        return Ok(subject);
    }
    if text.parse::<BlobId>().is_ok() {
        return Ok(Subject::new(SubjectKind::Blob, text));
    }
    if text.parse::<Id>().is_ok() {
        return Ok(Subject::new(SubjectKind::Track, text));
    }
    if let Ok(isrc) = text.parse::<fonoteca_model::Isrc>() {
        return Ok(Subject::new(SubjectKind::Isrc, isrc.as_str()));
    }
    let kinds: Vec<&str> = SubjectKind::ALL.iter().map(|kind| kind.as_str()).collect();
    Err(ArchiveError::Usage(format!(
        "{text:?} names nothing: give a blob root, a track id, an ISRC, or KIND:KEY with KIND one of {}",
        kinds.join(", ")
    )))
}

fn canonical<T: std::str::FromStr + ToString>(key: &str) -> String {
    key.parse::<T>().map_or_else(|_| key.to_owned(), |code| code.to_string())
}

/// What follows from the decisions about one thing: a line of `rights show --json`.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// `kind:key`.
    pub subject: String,
    /// Of the strictest decision.
    pub basis: Basis,
    /// That decision's licence, as found.
    pub licence: Option<String>,
    /// The licence's SPDX identifier.
    pub spdx: Option<String>,
    /// stream, distribute, dataset, derive, commercial.
    pub uses: std::collections::BTreeMap<&'static str, bool>,
    /// nobody, owner, accounts, anyone.
    pub stream_to: &'static str,
    /// A sentence a decision that counts.
    pub why: Vec<String>,
    /// Everything that was ever said, oldest first.
    pub decisions: Vec<Decision>,
}

impl Shown {
    fn new(subject: &Subject, verdict: Verdict, mut decisions: Vec<Decision>) -> Self {
        decisions.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        let spdx = match fonoteca_model::licence::read(verdict.licence.as_deref().unwrap_or_default()) {
            LicenceMatch::Known { spdx, .. } => spdx,
            LicenceMatch::Unknown | LicenceMatch::Empty => None,
        };
        Self {
            subject: subject.to_string(),
            basis: verdict.basis,
            spdx,
            uses: verdict.uses_by_word(),
            stream_to: verdict.stream_to(),
            licence: verdict.licence,
            why: verdict.why,
            decisions,
        }
    }
}

/// Shows what may be done: for each blob that the subject stands for, or for the subject itself when nothing of it is held.
pub async fn show(archive: &Archive, subject: &Subject) -> Result<Vec<Shown>, ArchiveError> {
    let snapshot = archive.snapshot().await?;
    let now = archive.now();
    let roots = roots_of_subject(&snapshot, subject).await?;
    let mut shown = if roots.is_empty() {
        let decisions = snapshot.decisions_on(subject).await?;
        vec![Shown::new(subject, decide(&decisions, now), decisions)]
    } else {
        let mut found = archive.decisions_for(&snapshot, &roots).await?;
        let of_root = |root: BlobId| {
            let decisions = found.remove(&root).unwrap_or_default();
            Shown::new(&Subject::new(SubjectKind::Blob, root.to_string()), decide(&decisions, now), decisions)
        };
        roots.into_iter().map(of_root).collect()
    };
    let is_withdrawn = |decision: &Decision| decision.status == ClaimStatus::Withdrawn;
    if shown.iter().flat_map(|shown| &shown.decisions).any(is_withdrawn) {
        let reasons: HashMap<String, String> = snapshot
            .withdrawals()
            .await?
            .into_iter()
            .filter_map(|(decision, note)| Some((decision.id, format!("withdrawn, as is said: {}", note?))))
            .collect();
        for shown in &mut shown {
            let said = shown.decisions.iter().filter_map(|decision| reasons.get(&decision.id)).cloned();
            shown.why.extend(said);
        }
    }
    Ok(shown)
}

/// What a withdrawal would reach.
#[derive(Debug, Clone, Serialize)]
pub struct WithdrawalPlan {
    /// What is withdrawn.
    pub subject: Subject,
    /// The blobs held that go dark.
    pub roots: Vec<BlobId>,
    /// Those of them that are in a published torrent now.
    pub published: usize,
}

/// Looks at what a withdrawal would reach.
pub async fn plan_withdrawal(archive: &Archive, subject: &Subject) -> Result<WithdrawalPlan, ArchiveError> {
    check_key(subject)?;
    let roots = roots_of_subject(&archive.snapshot().await?, subject).await?;
    let published = archive.published().await?;
    let given_out: std::collections::HashSet<BlobId> =
        published.torrents.values().flat_map(|torrent| torrent.roots().iter().copied()).collect();
    let published = roots.iter().filter(|root| given_out.contains(root)).count();
    Ok(WithdrawalPlan { subject: subject.clone(), roots, published })
}

/// Withdraws: kept dark from now on, streamed and given to nobody, and named in the next feed for every mirror.
pub async fn withdraw(
    archive: &Archive,
    plan: &WithdrawalPlan,
    asserted_by: &str,
    reason: Option<&str>,
) -> Result<Decision, ArchiveError> {
    let mut statement = Statement::new(plan.subject.clone(), Basis::Unknown, asserted_by);
    statement.decision.status = ClaimStatus::Withdrawn;
    statement.note = reason.map(str::to_owned);
    let mut decisions = set(archive, &[statement]).await?;
    decisions.pop().ok_or_else(|| ArchiveError::Bug("a withdrawal made no decision".to_owned()))
}
