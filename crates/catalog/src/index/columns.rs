//! The columns that decide about a hit, one value a document, without reading what is stored of it.

use fonoteca_model::Id;
use tantivy::columnar::Column;
use tantivy::{DocId, SegmentReader, TantivyError};

use super::document::{Document, Kind, SortKey};

const HELD: u64 = 1 << 2;
const WITHDRAWN: u64 = 1 << 3;
const YEAR_SHIFT: u32 = 4;

/// What decides whether a hit counts, unpacked from its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts(u64);

impl Facts {
    pub(crate) fn of(document: &Document) -> Self {
        Self(
            u64::from(document.kind.code())
                | if document.held { HELD } else { 0 }
                | if document.withdrawn { WITHDRAWN } else { 0 }
                | u64::from(document.year.unwrap_or(0)) << YEAR_SHIFT,
        )
    }

    /// As it is kept.
    pub(crate) const fn column(self) -> u64 {
        self.0
    }

    pub(crate) const fn kind(self) -> Kind {
        Kind::from_code(self.0 & 3)
    }

    pub(crate) const fn held(self) -> bool {
        self.0 & HELD != 0
    }

    pub(crate) const fn withdrawn(self) -> bool {
        self.0 & WITHDRAWN != 0
    }

    pub(crate) const fn year(self) -> Option<u16> {
        match (self.0 >> YEAR_SHIFT) as u16 {
            0 => None,
            year => Some(year),
        }
    }
}

/// The columns of one segment.
pub(crate) struct Columns {
    key: Column<u64>,
    id: Column<i64>,
    group: Column<i64>,
    facts: Column<u64>,
}

impl Columns {
    pub(crate) fn of(segment: &SegmentReader) -> Result<Self, TantivyError> {
        let columns = segment.fast_fields();
        Ok(Self {
            key: columns.u64("key")?,
            id: columns.i64("id")?,
            group: columns.i64("group")?,
            facts: columns.u64("facts")?,
        })
    }

    pub(crate) fn key(&self, doc: DocId) -> SortKey {
        SortKey(self.key.first(doc).unwrap_or_default())
    }

    pub(crate) fn id(&self, doc: DocId) -> Id {
        Id(self.id.first(doc).unwrap_or_default())
    }

    pub(crate) fn group(&self, doc: DocId) -> Id {
        Id(self.group.first(doc).unwrap_or_default())
    }

    pub(crate) fn facts(&self, doc: DocId) -> Facts {
        Facts(self.facts.first(doc).unwrap_or_default())
    }
}
