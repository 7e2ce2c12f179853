//! Rows of `rights` are the model's decisions, spread over columns.

use fonoteca_model::LicenceMatch;
use fonoteca_model::rights::{Decision, Subject, Use};

use super::tables::Rights;
use crate::error::CatalogError;

impl From<&Decision> for Rights {
    fn from(decision: &Decision) -> Self {
        let (licence_uri, spdx) = match decision.licence_match() {
            LicenceMatch::Known { uri, spdx, .. } => (Some(uri), spdx),
            LicenceMatch::Unknown | LicenceMatch::Empty => (None, None),
        };
        Self {
            id: decision.id.clone(),
            supersedes: decision.supersedes.clone(),
            subject_kind: decision.subject.kind.to_string(),
            subject: decision.subject.key.clone(),
            layer: decision.layer.to_string(),
            basis: decision.basis.to_string(),
            licence: decision.licence.clone(),
            licence_uri,
            spdx,
            permits: decision.permits.iter().map(ToString::to_string).collect(),
            territory: decision.territory.clone(),
            holder: decision.holder.clone(),
            attribution: decision.attribution.clone(),
            evidence_root: decision.evidence,
            asserted_by: decision.asserted_by.clone(),
            status: decision.status.to_string(),
            from: decision.from,
            until: decision.until,
            note: None,
            at: decision.at,
        }
    }
}

impl TryFrom<Rights> for Decision {
    type Error = CatalogError;

    fn try_from(row: Rights) -> Result<Self, CatalogError> {
        let bad = |field: &'static str| {
            let id = row.id.clone();
            move |source| CatalogError::Decision { id, field, source }
        };
        Ok(Self {
            subject: Subject::new(row.subject_kind.parse().map_err(bad("subject_kind"))?, row.subject.clone()),
            layer: row.layer.parse().map_err(bad("layer"))?,
            basis: row.basis.parse().map_err(bad("basis"))?,
            permits: row
                .permits
                .iter()
                .map(|word| word.parse::<Use>())
                .collect::<Result<_, _>>()
                .map_err(bad("permits"))?,
            status: row.status.parse().map_err(bad("status"))?,
            id: row.id,
            supersedes: row.supersedes,
            licence: row.licence,
            territory: row.territory,
            holder: row.holder,
            attribution: row.attribution,
            evidence: row.evidence_root,
            asserted_by: row.asserted_by,
            from: row.from,
            until: row.until,
            at: row.at,
        })
    }
}
