//! Asking about some documents only: a span of each segment, or those of a list.
//!
//! Documents are in falling popularity, so what is wanted lies in front. A search that is cut off behind its last match still
//! reads on to find that there is no other; hence being one of those asked about is one of the things that a document is
//! matched by, and the one that is looked at first.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use tantivy::index::SegmentId;
use tantivy::query::{EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{DocId, DocSet, Score, SegmentReader, TERMINATED, TantivyError};

/// Matches the documents in a span of each segment, and none of a segment without one.
#[derive(Debug, Clone)]
pub(crate) struct InSpans(pub Arc<HashMap<SegmentId, Range<DocId>>>);

impl Query for InSpans {
    fn weight(&self, _scoring: EnableScoring<'_>) -> Result<Box<dyn Weight>, TantivyError> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for InSpans {
    fn scorer(&self, segment: &SegmentReader, _boost: Score) -> Result<Box<dyn Scorer>, TantivyError> {
        let Range { start, end } = self.0.get(&segment.segment_id()).cloned().unwrap_or_default();
        Ok(Box::new(Span { doc: if start < end { start } else { TERMINATED }, end }))
    }

    fn explain(&self, _segment: &SegmentReader, _doc: DocId) -> Result<Explanation, TantivyError> {
        Ok(Explanation::new("in this span", 1.0))
    }
}

/// Matches the documents of a list for each segment, in order.
#[derive(Debug, Clone)]
pub(crate) struct InLists(pub Arc<HashMap<SegmentId, Vec<DocId>>>);

impl Query for InLists {
    fn weight(&self, _scoring: EnableScoring<'_>) -> Result<Box<dyn Weight>, TantivyError> {
        Ok(Box::new(self.clone()))
    }
}

impl Weight for InLists {
    fn scorer(&self, segment: &SegmentReader, _boost: Score) -> Result<Box<dyn Scorer>, TantivyError> {
        Ok(Box::new(Docs::new(self.0.get(&segment.segment_id()).cloned().unwrap_or_default())))
    }

    fn explain(&self, _segment: &SegmentReader, _doc: DocId) -> Result<Explanation, TantivyError> {
        Ok(Explanation::new("in this list", 1.0))
    }
}

/// Documents in order.
pub(crate) struct Docs {
    docs: Vec<DocId>,
    next: usize,
}

impl Docs {
    pub(crate) const fn new(docs: Vec<DocId>) -> Self {
        Self { docs, next: 0 }
    }
}

impl DocSet for Docs {
    fn advance(&mut self) -> DocId {
        self.next += 1;
        self.doc()
    }

    fn doc(&self) -> DocId {
        self.docs.get(self.next).copied().unwrap_or(TERMINATED)
    }

    fn size_hint(&self) -> u32 {
        (self.docs.len() - self.next.min(self.docs.len())) as u32
    }

    /// See [`Span`].
    fn cost(&self) -> u64 {
        0
    }
}

impl Scorer for Docs {
    fn score(&mut self) -> Score {
        1.0
    }
}

struct Span {
    doc: DocId,
    end: DocId,
}

impl DocSet for Span {
    fn advance(&mut self) -> DocId {
        self.seek(self.doc.saturating_add(1))
    }

    fn seek(&mut self, target: DocId) -> DocId {
        let doc = self.doc.max(target);
        self.doc = if doc < self.end { doc } else { TERMINATED };
        self.doc
    }

    fn doc(&self) -> DocId {
        self.doc
    }

    fn size_hint(&self) -> u32 {
        self.end.saturating_sub(self.doc)
    }

    /// It is asked first, so that nothing is read behind its end.
    fn cost(&self) -> u64 {
        0
    }
}

impl Scorer for Span {
    fn score(&mut self) -> Score {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_begins_and_ends() {
        let mut span = Span { doc: 3, end: 6 };
        assert_eq!((span.doc(), span.advance(), span.seek(4), span.seek(5)), (3, 4, 4, 5));
        assert_eq!((span.advance(), span.advance(), span.seek(TERMINATED)), (TERMINATED, TERMINATED, TERMINATED));
        let mut span = Span { doc: 3, end: 6 };
        assert_eq!((span.seek(6), span.doc()), (TERMINATED, TERMINATED));
    }
}
