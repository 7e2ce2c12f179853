//! Decisions about rights that come with an import.
//!
//! They are not rows of the import: an import replaces what the one before it said, and decisions are only ever added.
//! So they are taken out of what the records say ([`TakingDecisions`]) and recorded on their own ([`record`]), before
//! the import's rows count. Recorded again, they add nothing.

use std::collections::{HashMap, HashSet};

use fonoteca_model::Timestamp;
use sha2::{Digest, Sha256};

use super::{ImportError, Record, Records};
use crate::catalog::Catalog;
use crate::error::CatalogError;
use crate::schema::{Batch, Rights};

/// Decisions that are recorded in one commit.
const DECISIONS: usize = 4096;

/// What records the decisions that it is given.
type Sink = Box<dyn FnMut(Vec<Rights>) -> Result<(), ImportError> + Send>;

/// Records without their decisions, which go to `sink`, some thousands at a time. The last ones go before the end is
/// told: once the records have ended, all decisions are recorded.
pub struct TakingDecisions<R> {
    records: R,
    taken: Vec<Rights>,
    sink: Sink,
}

impl<R: Records> TakingDecisions<R> {
    /// Takes them out of `records`. `sink` may block.
    pub fn new(records: R, sink: impl FnMut(Vec<Rights>) -> Result<(), ImportError> + Send + 'static) -> Self {
        Self { records, taken: Vec::new(), sink: Box::new(sink) }
    }
}

impl<R: Records> Records for TakingDecisions<R> {
    fn next(&mut self, rows: &mut Batch) -> Result<Option<Record>, ImportError> {
        let record = self.records.next(rows)?;
        self.taken.append(&mut rows.rights);
        if self.taken.len() >= DECISIONS || record.is_none() && !self.taken.is_empty() {
            (self.sink)(std::mem::take(&mut self.taken))?;
        }
        Ok(record)
    }
}

/// Records decisions that are not in the tables yet; returns how many those were. `at` tells commits apart.
///
/// A decision replaces the one in force that the same source made about the same subject and layer. One that was made
/// before, and that somebody else has superseded since, stays superseded.
pub async fn record(catalog: &Catalog, decisions: Vec<Rights>, at: Timestamp) -> Result<usize, CatalogError> {
    let writer = catalog.writer().await?;
    let snapshot = writer.snapshot();
    let subjects: HashSet<&String> = decisions.iter().map(|decision| &decision.subject).collect();
    let mut known: HashMap<Matter, Vec<Rights>> = HashMap::new();
    for said in snapshot.rows_by::<Rights, String>("subject", subjects).await? {
        known.entry(Matter::of(&said)).or_default().push(said);
    }
    let job = format!("decisions-{}-{}", at.0, snapshot.versions().values().sum::<i64>());
    let mut batch = Batch::default();
    for decision in decisions {
        let said = known.entry(Matter::of(&decision)).or_default();
        if let Some(decision) = to_add(decision, said) {
            said.push(decision.clone());
            batch.rights.push(decision);
        }
    }
    let added = batch.rights.len();
    if added > 0 {
        writer.commit(&job, 0, batch).await?;
    }
    Ok(added)
}

/// What a decision is about.
#[derive(PartialEq, Eq, Hash)]
struct Matter {
    kind: String,
    subject: String,
    layer: String,
}

impl Matter {
    fn of(decision: &Rights) -> Self {
        Self { kind: decision.subject_kind.clone(), subject: decision.subject.clone(), layer: decision.layer.clone() }
    }
}

/// The decision as it is added to all that was said of the matter; `None`: nothing is to be added.
fn to_add(mut decision: Rights, said: &[Rights]) -> Option<Rights> {
    let gone = |id: &str| said.iter().find(|later| later.supersedes.as_deref() == Some(id));
    let in_force = said
        .iter()
        .filter(|earlier| earlier.asserted_by == decision.asserted_by && gone(&earlier.id).is_none())
        .filter(|earlier| matches!(earlier.status.as_str(), "asserted" | "verified"))
        .max_by_key(|earlier| (earlier.at, earlier.id.clone()));
    if let Some(head) = in_force {
        if says_the_same(head, &decision) {
            return None;
        }
        decision.supersedes = Some(head.id.clone());
        if said.iter().any(|earlier| earlier.id == decision.id) {
            // The source says again what it had said before it changed its mind.
            decision.id = again(&decision.id, &head.id);
        }
        return Some(decision);
    }
    // What the source said before, and somebody else has replaced.
    let replaced = said.iter().any(|earlier| earlier.id == decision.id);
    (!replaced).then_some(decision)
}

/// Whether two decisions of one source about one matter differ in nothing but when they were recorded.
fn says_the_same(one: &Rights, other: &Rights) -> bool {
    let plain = |decision: &Rights| Rights {
        id: String::new(),
        supersedes: None,
        at: Timestamp(0),
        licence_uri: None,
        spdx: None,
        ..decision.clone()
    };
    plain(one) == plain(other)
}

fn again(id: &str, replaced: &str) -> String {
    let mut hasher = Sha256::new();
    for part in ["import again", id, replaced] {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hex::encode(&hasher.finalize()[..16])
}
