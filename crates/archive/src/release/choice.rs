//! Which of the held audio is meant: by licence, collection, words, condition and size. What is meant is given out only if
//! the rights allow it; no choice opens what they close.

use std::collections::{BTreeSet, HashSet};

use fonoteca_catalog::index::{Filters, Kind, Query};
use fonoteca_catalog::{HeldAudio, Snapshot};
use fonoteca_model::Id;
use fonoteca_model::licence::{self, LicenceMatch};
use fonoteca_model::rights::{Basis, Verdict};
use serde::{Deserialize, Serialize};

use super::index::licence_label;
use crate::archive::Archive;
use crate::error::{ArchiveError, said};

/// Hits of one page of a search.
const PAGE: usize = 1_000;
/// Recordings that words may choose.
const MOST_FOUND: usize = 100_000;

/// What to choose; the default chooses everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// Only under one of these: SPDX ids, URIs, or bases.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub licences: Vec<String>,
    /// Only tracks of one of these collections, by id or name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub collections: Vec<String>,
    /// Only what a search for these words finds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<String>,
    /// Only what this SQL condition holds for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Bytes of audio at most: the most popular first, and none after the first that does not fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
}

impl Choice {
    /// Whether everything is meant.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Gets ready to choose among what `snapshot` has. Refuses what names nothing.
    pub(super) async fn resolve(&self, archive: &Archive, snapshot: &Snapshot) -> Result<Chosen, ArchiveError> {
        let licences = self.licences.iter().map(|text| label_of(text)).collect::<Result<BTreeSet<_>, _>>()?;
        for collection in &self.collections {
            let name = quoted(collection);
            let entries = format!("SELECT 1 FROM collections WHERE id = {name} OR name = {name} LIMIT 1");
            if snapshot.sql(&entries).await?.iter().all(|batch| batch.num_rows() == 0) {
                return Err(ArchiveError::Usage(format!("there is no collection {collection:?}")));
            }
        }
        if let Some(condition) = &self.condition {
            snapshot.check_condition(condition).await.map_err(|error| {
                let reason = said(&error);
                if error.is_of_the_query() {
                    ArchiveError::Usage(format!("the condition {condition:?} cannot be asked: {reason}"))
                } else {
                    ArchiveError::Foreign { name: format!("condition {condition:?}"), reason }
                }
            })?;
        }
        Ok(Chosen {
            licences,
            condition: self.sql(),
            found: match &self.words {
                Some(words) => Some(find(archive, words).await?),
                None => None,
            },
            rule: self.rule(),
            left_bytes: self.max_bytes,
        })
    }

    /// Condition and collections in one.
    fn sql(&self) -> Option<String> {
        let mut all: Vec<String> = self.condition.iter().map(|condition| format!("(\n{condition}\n)")).collect();
        if !self.collections.is_empty() {
            let names: Vec<String> = self.collections.iter().map(|name| quoted(name)).collect();
            let names = names.join(", ");
            all.push(format!(
                "root IN (SELECT h.root FROM holdings h JOIN collections c ON c.track_id = h.track_id
                WHERE c.id IN ({names}) OR c.name IN ({names}))"
            ));
        }
        (!all.is_empty()).then(|| all.join(" AND "))
    }

    /// Why what was not chosen is left out.
    fn rule(&self) -> String {
        let mut said: Vec<String> = Vec::new();
        if !self.collections.is_empty() {
            said.push(format!("in collection {}", self.collections.join(" or ")));
        }
        if let Some(condition) = &self.condition {
            said.push(format!("where {condition}"));
        }
        format!("not chosen: {}", said.join(" and "))
    }
}

/// A text as an SQL literal.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// What [`licence_label`] says of files under this licence, or of this basis.
fn label_of(text: &str) -> Result<String, ArchiveError> {
    match licence::read(text) {
        LicenceMatch::Known { row, .. } if !row.redistribute => {
            Err(ArchiveError::Refused(format!("{} does not allow passing copies on to anyone", row.name)))
        }
        LicenceMatch::Known { spdx: Some(spdx), .. } => Ok(spdx),
        LicenceMatch::Known { uri, .. } => Ok(uri),
        LicenceMatch::Unknown | LicenceMatch::Empty => match text.parse::<Basis>() {
            Ok(basis) => Ok(basis.to_string()),
            Err(_) => Err(ArchiveError::Usage(format!(
                "{text:?} is no licence that the rules know, and no basis: write an SPDX id such as CC-BY-4.0, a URI, or \
                 a basis such as own-work"
            ))),
        },
    }
}

/// The recordings that a search finds, and the tracks that stand for them.
async fn find(archive: &Archive, words: &str) -> Result<HashSet<Id>, ArchiveError> {
    archive.refresh_index().await?;
    let index = archive.index()?;
    let filters = Filters { kind: Some(Kind::Track), held: Some(true), ..Filters::default() };
    let mut query = Query { filters, limit: PAGE, ..Query::new(words) };
    let mut found = HashSet::new();
    loop {
        let page = index.search_page(&query)?;
        for hit in page.hits {
            found.insert(hit.id);
            found.extend(hit.recording_id);
        }
        if found.len() > MOST_FOUND {
            return Err(ArchiveError::Usage(format!(
                "{words:?} finds more than {MOST_FOUND} recordings: search for more words, or choose by a condition"
            )));
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(found),
        }
    }
}

/// A choice that is ready to be made.
#[derive(Debug)]
pub(super) struct Chosen {
    licences: BTreeSet<String>,
    pub condition: Option<String>,
    found: Option<HashSet<Id>>,
    rule: String,
    left_bytes: Option<u64>,
}

impl Chosen {
    /// The rule that leaves a file out before its rights are looked at.
    pub fn leaves(&self, held: &HeldAudio) -> Option<String> {
        if !held.chosen {
            return Some(self.rule.clone());
        }
        let found = |found: &HashSet<Id>| found.contains(&held.recording_id) || found.contains(&held.track_id);
        (!self.found.as_ref().is_none_or(found)).then(|| "not chosen: not found by the words".to_owned())
    }

    /// The rule that leaves a file out whose rights would let it go.
    pub fn leaves_of(&self, verdict: &Verdict) -> Option<String> {
        let label = licence_label(verdict);
        let by_basis = verdict.basis.to_string();
        let fits = self.licences.is_empty() || self.licences.contains(&label) || self.licences.contains(&by_basis);
        (!fits).then(|| format!("not chosen: under {label}"))
    }

    /// Takes a file's bytes off those that are left; false where it has no room.
    pub fn fits(&mut self, bytes: u64) -> bool {
        match &mut self.left_bytes {
            None => true,
            Some(left) if *left >= bytes => {
                *left -= bytes;
                true
            }
            Some(left) => {
                // Nothing less popular goes before it.
                *left = 0;
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_licence_that_closes_is_refused() {
        assert_eq!(
            label_of("http://creativecommons.org/licenses/by/4.0").expect("known"),
            label_of("CC-BY-4.0").expect("known")
        );
        assert_eq!(label_of("own-work").expect("a basis"), "own-work");
        assert!(matches!(label_of("nobody's licence"), Err(ArchiveError::Usage(_))));
    }

    #[test]
    fn names_are_literals() {
        let choice = Choice { collections: vec!["a' OR 1=1 --".to_owned()], ..Choice::default() };
        assert!(choice.sql().expect("a condition").contains("('a'' OR 1=1 --')"));
    }

    #[test]
    fn nothing_goes_before_what_has_no_room() {
        let mut chosen = Chosen {
            licences: BTreeSet::new(),
            condition: None,
            found: None,
            rule: String::new(),
            left_bytes: Some(10),
        };
        assert!(chosen.fits(6) && !chosen.fits(5) && !chosen.fits(1));
    }
}
