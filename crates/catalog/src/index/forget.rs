//! Deleting documents by their rows: no term of the index says which document a row has, columns do.

use std::sync::Arc;

use tantivy::query::{EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{DocId, Score, SegmentReader, TantivyError};

use super::columns::Columns;
use super::document::{Kind, RowAt};
use super::fields::Fields;
use super::span::Docs;

/// Matches the documents of some rows.
#[derive(Debug, Clone)]
pub(crate) struct OfRows {
    pub rows: Arc<Vec<(Kind, RowAt)>>,
    pub fields: Fields,
}

impl Query for OfRows {
    fn weight(&self, _scoring: EnableScoring<'_>) -> Result<Box<dyn Weight>, TantivyError> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for OfRows {
    fn scorer(&self, segment: &SegmentReader, _boost: Score) -> Result<Box<dyn Scorer>, TantivyError> {
        let columns = Columns::of(segment)?;
        let mut docs = Vec::new();
        for (kind, at) in self.rows.as_slice() {
            docs.extend(columns.documents_of(segment, &self.fields, *kind, *at)?);
        }
        docs.sort_unstable();
        docs.dedup();
        Ok(Box::new(Docs::new(docs)))
    }

    fn explain(&self, _segment: &SegmentReader, _doc: DocId) -> Result<Explanation, TantivyError> {
        Ok(Explanation::new("of these rows", 1.0))
    }
}
