//! Pages of all tracks, at any offset: in the order of popularity, or album by album as the tables have them.
//!
//! By popularity every segment is in order, and the page begins where as many tracks as are skipped lie before it in all
//! segments together: that place is found by halving the range of keys. How many tracks lie before a document is summed up
//! once a commit, every [`STEP`] documents.

use std::num::NonZero;
use std::ops::Range;
use std::thread;

use serde::{Deserialize, Serialize};
use tantivy::{DocAddress, DocId, Searcher, SegmentReader};

use super::columns::Columns;
use super::document::{Kind, SortKey};
use super::error::IndexError;
use super::files::row_at;
use super::search::Search;
use super::{Hit, View};

/// Documents between two sums.
const STEP: u32 = 512;
/// Tracks on one page.
const MAX_PAGE: usize = 10_000;
/// Processors that read one page.
const MAX_SHARES: usize = 4;
/// Hits that are worth a thread.
const LEAST_SHARE: usize = 50;

/// An order of all tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// The most popular first, as in a search without words.
    Popularity,
    /// As the tables have them: album by album, where their source does.
    Album,
}

/// Some of all tracks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    /// In order.
    pub tracks: Vec<Hit>,
    /// The offset of the next page; none: there are no more.
    pub next: Option<u64>,
}

/// How many tracks lie before a document, for each segment.
pub(super) struct Counts {
    segments: Vec<Vec<u64>>,
}

fn is_listed(segment: &SegmentReader, columns: &Columns, doc: DocId) -> bool {
    columns.key(doc).kind() == Kind::Track && !columns.facts(doc).withdrawn() && !segment.is_deleted(doc)
}

fn listed(segment: &SegmentReader, columns: &Columns, docs: Range<DocId>) -> u64 {
    docs.filter(|doc| is_listed(segment, columns, *doc)).count() as u64
}

impl Counts {
    /// Looks at every document once.
    pub(super) fn of(searcher: &Searcher, columns: &[Columns]) -> Self {
        let mut segments = Vec::new();
        for (segment, columns) in searcher.segment_readers().iter().zip(columns) {
            let mut sums = vec![0];
            let mut sum = 0;
            for from in (0..segment.max_doc()).step_by(STEP as usize) {
                sum += listed(segment, columns, from..segment.max_doc().min(from + STEP));
                sums.push(sum);
            }
            segments.push(sums);
        }
        Self { segments }
    }

    fn before(&self, number: usize, segment: &SegmentReader, columns: &Columns, doc: DocId) -> u64 {
        let step = doc / STEP;
        self.segments[number][step as usize] + listed(segment, columns, step * STEP..doc)
    }
}

impl View {
    /// See [`super::Index::page`].
    pub(super) fn page(&self, order: Order, offset: u64, limit: usize) -> Result<Listing, IndexError> {
        let mut search = self.search(&super::NO_FILTERS);
        let limit = limit.min(MAX_PAGE);
        match order {
            Order::Popularity => self.by_popularity(&mut search, offset, limit),
            Order::Album => self.by_album(&mut search, offset, limit),
        }
    }

    fn by_popularity(&self, search: &mut Search<'_>, offset: u64, limit: usize) -> Result<Listing, IndexError> {
        let counts = self.counts();
        let segments = self.searcher.segment_readers();
        let columns = &self.columns;
        // Of each segment, where what comes after the skipped ones begins, were it to begin behind this key.
        let starts = |key: SortKey| -> Vec<DocId> {
            let first =
                |(columns, segment): (&Columns, &SegmentReader)| columns.first_not_above(key, segment.max_doc());
            columns.iter().zip(segments).map(first).collect()
        };
        let before = |starts: &[DocId]| -> u64 {
            let of = |number: usize| counts.before(number, &segments[number], &columns[number], starts[number]);
            (0..segments.len()).map(of).sum()
        };
        // The least key in front of which no more than the skipped ones lie.
        let (mut low, mut high) = (0_u64, u64::MAX);
        while low < high {
            let middle = low + (high - low) / 2;
            if before(&starts(SortKey(middle))) <= offset { high = middle } else { low = middle + 1 }
        }
        let mut next = starts(SortKey(low));
        let mut skip = offset - before(&next).min(offset);
        let files = search.rows.files();
        let mut page: Vec<DocAddress> = Vec::new();
        let mut ended = true;
        // All with one key at a time, since their order is that of their parts' ranks.
        loop {
            let keys = next.iter().enumerate().filter(|(number, doc)| **doc < segments[*number].max_doc());
            let Some(key) = keys.map(|(number, doc)| columns[number].key(*doc)).max() else { break };
            let mut tied: Vec<(u32, DocAddress)> = Vec::new();
            for (number, segment) in segments.iter().enumerate() {
                while next[number] < segment.max_doc() && columns[number].key(next[number]) == key {
                    if is_listed(segment, &columns[number], next[number]) {
                        let at = columns[number].at(next[number]);
                        let address = DocAddress::new(number as u32, next[number]);
                        tied.push((files.rank(Kind::Track, at.part), address));
                    }
                    next[number] += 1;
                }
            }
            tied.sort_unstable();
            for (_, address) in tied {
                if skip > 0 {
                    skip -= 1;
                } else if page.len() < limit {
                    page.push(address);
                } else {
                    ended = false;
                }
            }
            if !ended {
                break;
            }
        }
        let next = (!ended).then_some(offset + page.len() as u64);
        Ok(Listing { tracks: self.shown(&page)?, next })
    }

    fn by_album(&self, search: &mut Search<'_>, offset: u64, limit: usize) -> Result<Listing, IndexError> {
        let mut files: Vec<_> = self.files.of(Kind::Track).iter().collect();
        files.sort_unstable_by(|(_, a), (_, b)| a.path.cmp(&b.path));
        let mut page: Vec<DocAddress> = Vec::new();
        let mut at = 0_u64;
        for (first, file) in files {
            let rows = u64::from(file.rows.rows());
            let start = offset.saturating_sub(at).min(rows);
            for row in start..rows {
                if page.len() == limit {
                    return Ok(Listing { tracks: self.shown(&page)?, next: Some(at + row) });
                }
                let Some(address) = search.document_of(Kind::Track, row_at(*first, row as u32))? else { continue };
                if !search.columns(address).facts(address.doc_id).withdrawn() {
                    page.push(address);
                }
            }
            at += rows;
        }
        Ok(Listing { tracks: self.shown(&page)?, next: None })
    }

    /// The rows of a page. Of tracks that nobody listens to each is in a block of its own, and its album in another, so
    /// that the processors share them.
    fn shown(&self, page: &[DocAddress]) -> Result<Vec<Hit>, IndexError> {
        let hits = |part: &[DocAddress]| -> Result<Vec<Hit>, IndexError> {
            let mut search = self.search(&super::NO_FILTERS);
            let hit = |address: &DocAddress| {
                let key = search.columns(*address).key(address.doc_id);
                search.hit(*address, i32::from(key.standing().popularity))
            };
            part.iter().map(hit).collect()
        };
        let shares = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_SHARES);
        let mut parts = page.chunks(page.len().div_ceil(shares).max(LEAST_SHARE));
        let first = parts.next().unwrap_or_default();
        thread::scope(|scope| {
            let others: Vec<_> = parts.map(|part| scope.spawn(|| hits(part))).collect();
            let mut all = hits(first)?;
            for other in others {
                all.extend(other.join().expect("as it would have ended here")?);
            }
            Ok(all)
        })
    }
}
