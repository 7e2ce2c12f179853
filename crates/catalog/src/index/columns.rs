//! The columns that decide about a hit, one value a document, and the way from a row to its document.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use fonoteca_model::{BlobId, Id};
use tantivy::columnar::{BytesColumn, Column, ColumnValues};
use tantivy::error::DataCorruption;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet as _, Searcher, SegmentReader, TERMINATED, TantivyError};

use super::document::{Document, Kind, RowAt, SortKey, Standing};
use super::fields::{Fields, Mark};

const HELD: u64 = 1;
const WITHDRAWN: u64 = 1 << 1;
const YEAR_SHIFT: u32 = 2;
/// Years from 1801 to 2055 take one byte.
const FIRST_YEAR: u16 = 1800;

/// What decides whether a hit counts, unpacked from its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts(u64);

impl Facts {
    pub(crate) fn new(held: bool, withdrawn: bool, year: Option<u16>) -> Self {
        let year = match year {
            None | Some(0) => 0,
            Some(year @ 1801..=2055) => year - FIRST_YEAR,
            Some(year) => year.saturating_add(256),
        };
        let flags = if held { HELD } else { 0 } | if withdrawn { WITHDRAWN } else { 0 };
        Self(flags | u64::from(year) << YEAR_SHIFT)
    }

    pub(crate) fn of(document: &Document) -> Self {
        Self::new(document.held, document.withdrawn, document.year)
    }

    /// As it is kept.
    pub(crate) const fn column(self) -> u64 {
        self.0
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
            code @ 1..=255 => Some(FIRST_YEAR + code),
            code => Some(code - 256),
        }
    }
}

/// The columns of one segment.
pub(crate) struct Columns {
    key: Arc<dyn ColumnValues<u64>>,
    part: Arc<dyn ColumnValues<u64>>,
    group: Column<i64>,
    facts: Arc<dyn ColumnValues<u64>>,
    cover: Option<BytesColumn>,
}

impl Columns {
    pub(crate) fn of(segment: &SegmentReader) -> Result<Self, TantivyError> {
        let columns = segment.fast_fields();
        Ok(Self {
            key: columns.u64("key")?.first_or_default_col(0),
            part: columns.u64("part")?.first_or_default_col(0),
            group: columns.i64("group")?,
            facts: columns.u64("facts")?.first_or_default_col(0),
            cover: columns.bytes("cover")?,
        })
    }

    /// Those of each segment. Tantivy panics where their names are damaged.
    pub(crate) fn of_all(searcher: &Searcher) -> Result<Arc<[Self]>, TantivyError> {
        let open = || searcher.segment_readers().iter().map(Self::of).collect();
        let damaged = || Err(DataCorruption::comment_only("the columns cannot be read").into());
        catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|_| damaged())
    }

    pub(crate) fn key(&self, doc: DocId) -> SortKey {
        SortKey(self.key.get_val(doc))
    }

    /// The document's row.
    pub(crate) fn at(&self, doc: DocId) -> RowAt {
        RowAt { part: self.part.get_val(doc) as u32, row: self.key(doc).row() }
    }

    /// What the document is one of, where links lead to or from it.
    pub(crate) fn group(&self, doc: DocId) -> Option<Id> {
        self.group.first(doc).map(Id)
    }

    pub(crate) fn facts(&self, doc: DocId) -> Facts {
        Facts(self.facts.get_val(doc))
    }

    /// The cover of a track that is held and whose album has none.
    pub(crate) fn cover(&self, doc: DocId) -> io::Result<Option<BlobId>> {
        let Some(covers) = &self.cover else { return Ok(None) };
        let mut bytes = Vec::new();
        match covers.ords().first(doc) {
            Some(ord) if covers.ord_to_bytes(ord, &mut bytes)? => Ok(bytes.try_into().ok().map(BlobId)),
            _ => Ok(None),
        }
    }

    /// The first document whose key is not larger than this one.
    ///
    /// Halving reads a page of the column a step as long as the steps are wide. Among documents that differ in their rows alone,
    /// which lie evenly, every other step goes to where the key should be.
    pub(crate) fn first_not_above(&self, key: SortKey, docs: u32) -> DocId {
        // Documents before `low` are above the key, those from `high` on are not; what is known of both sides' keys.
        let (mut low, mut high) = (0, docs);
        let (mut above, mut not_above) = (SortKey(self.key.max_value()), SortKey(self.key.min_value()));
        let mut guess = true;
        while low < high {
            let middle = low + (high - low) / 2;
            let at = if guess && above.differs_in_row_alone(not_above) {
                let share = above.0.saturating_sub(key.0) as f64 / above.0.saturating_sub(not_above.0).max(1) as f64;
                low.saturating_add((f64::from(high - low) * share) as u32).clamp(low, high - 1)
            } else {
                middle
            };
            guess = !guess;
            let found = self.key(at);
            if found > key { (low, above) = (at + 1, found) } else { (high, not_above) = (at, found) }
        }
        low
    }

    /// The documents of a row, those deleted included: at most one of them is not.
    pub(crate) fn documents_of(
        &self,
        segment: &SegmentReader,
        fields: &Fields,
        kind: Kind,
        at: RowAt,
    ) -> Result<Vec<DocId>, TantivyError> {
        let mut found = self.not_listened_to(segment, kind, at);
        found.extend(self.listened_to(segment, fields, kind, at)?);
        Ok(found)
    }

    /// The document of a row that is not deleted.
    pub(crate) fn document_of(
        &self,
        segment: &SegmentReader,
        fields: &Fields,
        kind: Kind,
        at: RowAt,
    ) -> Result<Option<DocId>, TantivyError> {
        let of = |found: Vec<DocId>| found.into_iter().find(|doc| !segment.is_deleted(*doc));
        match of(self.not_listened_to(segment, kind, at)) {
            Some(doc) => Ok(Some(doc)),
            None => Ok(of(self.listened_to(segment, fields, kind, at)?)),
        }
    }

    /// The smallest part that a document's row is in.
    pub(crate) fn first_part(&self) -> u64 {
        self.part.min_value()
    }

    /// Whether there may be documents of rows in a part: a segment has those of the few parts that were read when it was
    /// filled.
    fn may_have(&self, part: u32) -> bool {
        (self.part.min_value()..=self.part.max_value()).contains(&u64::from(part))
    }

    /// What is not listened to is found by its key.
    fn not_listened_to(&self, segment: &SegmentReader, kind: Kind, at: RowAt) -> Vec<DocId> {
        if !self.may_have(at.part) {
            return Vec::new();
        }
        let key = SortKey::new(Standing::default(), kind, at.row);
        let max_doc = segment.max_doc();
        let same_key = (self.first_not_above(key, max_doc)..max_doc).take_while(|doc| self.key(*doc) == key);
        same_key.filter(|doc| self.at(*doc) == at).collect()
    }

    /// Of what is listened to, the standing would have to be known: it has a mark, together with its neighbours.
    fn listened_to(
        &self,
        segment: &SegmentReader,
        fields: &Fields,
        kind: Kind,
        at: RowAt,
    ) -> Result<Vec<DocId>, TantivyError> {
        let mut found = Vec::new();
        if !self.may_have(at.part) {
            return Ok(found);
        }
        let term = fields.mark(Mark::Near(at.neighbourhood(kind)));
        if let Some(mut postings) =
            segment.inverted_index(fields.marks)?.read_postings(&term, IndexRecordOption::Basic)?
        {
            while postings.doc() != TERMINATED {
                let doc = postings.doc();
                if self.at(doc) == at && self.key(doc).kind() == kind {
                    found.push(doc);
                }
                postings.advance();
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_come_back() {
        for year in [None, Some(1), Some(1800), Some(1801), Some(1999), Some(2055), Some(2056), Some(9999)] {
            let facts = Facts::new(true, false, year);
            assert_eq!((facts.year(), facts.held(), facts.withdrawn()), (year, true, false));
        }
        assert!(Facts::new(true, true, Some(2055)).column() < 1 << 10);
    }
}
