//! Search as you type: a query is run as a row of ever laxer ones, each read in falling popularity until it has enough.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use fonoteca_model::Id;
use tantivy::index::SegmentId;
use tantivy::query::{BooleanQuery, EnableScoring, Query as EngineQuery, TermQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, DocId, Searcher, SegmentReader, TERMINATED, TantivyError};

use super::columns::{Columns, Facts};
use super::cursor::Cursor;
use super::document::{Kind, RowAt, SortKey};
use super::error::IndexError;
use super::extent::{Part, Rank, least_key};
use super::fields::{Fields, Mark};
use super::files::Rows;
use super::span::{InLists, InSpans};
use super::tier::{Asked, Level, Tier};
use super::word_list::WordList;
use super::{Filters, Hit, Page, Query};

/// Matches read in one segment for one of the queries; what is beyond is less popular than all of them.
const MAX_MATCHES: usize = 10_000;
/// Documents of rarer words that are read to find more than was found by the most frequent ones: some 10 ms.
const MOST_READ: u64 = 4_000_000;
/// Hits that can be asked for, those skipped included.
const MAX_HITS: usize = 10_000;

/// The best match of a group so far.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Best {
    rank: Rank,
    tier: Reverse<usize>,
    address: Reverse<DocAddress>,
}

/// Groups, best first.
type Ranked = Vec<(Group, Best)>;

/// Groups up to which it is worth to find out which is the last one wanted.
const FEW: usize = 4096;

/// A copy that could be shown: held, popular, of an early row; and where it lies.
type Version = ((bool, SortKey, Reverse<u32>), DocAddress);

/// The rank of the last group wanted, where there are enough.
fn last_wanted(best: &HashMap<Group, Best>, want: usize) -> Option<Rank> {
    if !(want..=FEW).contains(&best.len()) || want == 0 {
        return None;
    }
    let mut ranks: Vec<Rank> = best.values().map(|best| best.rank).collect();
    let (_, last, _) = ranks.select_nth_unstable_by_key(want - 1, |rank| Reverse(*rank));
    Some(*last)
}

/// What a document is one of. Groups are told apart within a kind: a local album and its first track may share an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Group {
    /// What links lead to or from.
    Linked(Kind, Id),
    /// Itself, by kind and row.
    Alone(u64),
}

pub(super) struct Search<'a> {
    pub searcher: &'a Searcher,
    pub fields: &'a Fields,
    pub filters: &'a Filters,
    pub rows: Rows<'a>,
    /// The words of most segments.
    pub words: Option<&'a WordList>,
    /// Of each segment.
    pub columns: &'a [Columns],
    /// `index/<generation>`, for errors.
    pub path: &'a std::path::Path,
}

impl<'a> Search<'a> {
    pub(super) fn run(&mut self, query: &Query) -> Result<Page, IndexError> {
        let most = query.offset.saturating_add(query.limit).min(MAX_HITS);
        let mut want = most;
        if query.limit == 0 || most <= query.offset {
            return Ok(Page { hits: Vec::new(), next: None });
        }
        let engine = IndexError::engine(self.path);
        let asked = Asked::new(&query.words);
        let mut inner = || -> Result<_, TantivyError> {
            loop {
                let (tiers, mut ranked) = self.ranked(&asked, want)?;
                let found = ranked.len();
                if let Some(after) = &query.after {
                    ranked.retain(|(_, best)| self.is_after(best, after));
                }
                // What is on the pages before is found again: as long as it fills the answer, more is asked for.
                if ranked.len() >= most || found < want || want == MAX_HITS {
                    return Ok((tiers, ranked));
                }
                want = (want * 2).clamp(100, MAX_HITS);
            }
        };
        let (tiers, ranked) = inner().map_err(engine)?;
        let page: Vec<(Group, Best)> = ranked.into_iter().skip(query.offset).take(query.limit).collect();
        let copies = self.best_copies(&asked, &tiers, &page)?;
        let is_full = page.len() == query.limit;
        let mut hits = Vec::with_capacity(page.len());
        for (group, best) in page {
            let copy = copies.get(&group).copied().unwrap_or(best.address.0);
            let part = self.columns(best.address.0).at(best.address.0.doc_id).part;
            let cursor = Cursor::at(self.rows.files(), best.rank.score, best.rank.key, part);
            hits.push(Hit { cursor: Some(cursor), ..self.hit(copy, best.rank.score)? });
        }
        let next = hits.last().filter(|_| is_full).and_then(|hit| hit.cursor);
        Ok(Page { hits, next })
    }

    fn is_after(&self, best: &Best, after: &Cursor) -> bool {
        let part = Reverse(after.rank(self.rows.files(), best.rank.key.kind()));
        best.rank < Rank { score: after.score, key: after.key, part }
    }

    /// All groups that match, best first: the first `want` of them are the right ones.
    fn ranked<'q>(&self, asked: &'q Asked, want: usize) -> Result<(Vec<Tier<'q>>, Ranked), TantivyError> {
        let mut tiers: Vec<Tier<'q>> = Vec::new();
        let mut best: HashMap<Group, Best> = HashMap::new();
        let mut left_out: Option<u64> = None;
        for level in Level::ALL {
            if best.len() >= want.min(asked.is_run_below(level)) {
                break;
            }
            // Where something was found, more of it is worth some time, and not any.
            let is_worth_it = |documents: &u64| best.is_empty() || *documents <= MOST_READ;
            let first = tiers.len();
            tiers.extend(asked.tiers(level, left_out.take().is_some_and(|documents| is_worth_it(&documents))));
            for part in Part::of_level(level) {
                for (number, tier) in tiers.iter().enumerate().skip(first) {
                    let last = last_wanted(&best, want);
                    let Some(spans) = least_key(tier.worth, last).and_then(|least| self.spans(*part, least)) else {
                        continue;
                    };
                    let made = self.made(asked, tier)?;
                    left_out = left_out.max(made.left_out);
                    self.collect(&made.query_among(&spans), (tier.worth, number), want, &mut best)?;
                }
            }
        }
        let mut ranked: Vec<(Group, Best)> = best.into_iter().collect();
        ranked.sort_unstable_by_key(|(group, best)| (Reverse(*best), *group));
        ranked.truncate(want);
        Ok((tiers, ranked))
    }

    /// Of each segment, where a part of it lies that has documents with keys from `least` on; none: no segment has any.
    fn spans(&self, part: Part, least: SortKey) -> Option<InSpans> {
        let least = least.max(self.filters.min_popularity.map_or(SortKey(0), SortKey::floor));
        let mut spans = HashMap::new();
        for (segment, columns) in self.searcher.segment_readers().iter().zip(self.columns) {
            let span = part.of(segment.max_doc());
            let end = match least.0.checked_sub(1) {
                Some(below) => span.end.min(columns.first_not_above(SortKey(below), segment.max_doc())),
                None => span.end,
            };
            if span.start < end {
                spans.insert(segment.segment_id(), span.start..end);
            }
        }
        (!spans.is_empty()).then(|| InSpans(Arc::new(spans)))
    }

    /// Reads a tier's matches, best first, until each segment has given as many groups as are wanted.
    ///
    /// That is enough for the right answer: whatever a segment holds back comes after `want` other groups of the same tier,
    /// hence also in the whole.
    fn collect(
        &self,
        query: &BooleanQuery,
        (worth, number): (i32, usize),
        want: usize,
        best: &mut HashMap<Group, Best>,
    ) -> Result<(), TantivyError> {
        let files = self.rows.files();
        self.matches(query, |segment_ord, segment, matching| {
            let columns = &self.columns[segment_ord as usize];
            let mut groups: HashSet<Group> = HashSet::new();
            let mut seen = 0;
            let mut last = None;
            while matching.doc() != TERMINATED {
                let doc = matching.doc();
                let key = columns.key(doc);
                // Documents with equal keys lie in no order that a rebuild would repeat: all of them or none.
                let is_enough = groups.len() >= want || seen >= MAX_MATCHES;
                let score = worth + i32::from(key.standing().popularity);
                if is_enough && last != Some(key) {
                    break;
                }
                if !segment.is_deleted(doc) && self.counts(key, columns.facts(doc)) {
                    seen += 1;
                    last = Some(key);
                    let group = group(columns, doc, key);
                    groups.insert(group);
                    let part = Reverse(files.rank(key.kind(), columns.at(doc).part));
                    let found = Best {
                        rank: Rank { score, key, part },
                        tier: Reverse(number),
                        address: Reverse(DocAddress::new(segment_ord, doc)),
                    };
                    best.entry(group).and_modify(|known| *known = (*known).max(found)).or_insert(found);
                }
                matching.advance();
            }
            Ok(())
        })
    }

    /// For each recording of the page that has several versions the copy to show, among those that match on the level of
    /// the best one: held before not held, then the more popular, then the earlier row.
    fn best_copies(
        &self,
        asked: &Asked,
        tiers: &[Tier<'_>],
        page: &[(Group, Best)],
    ) -> Result<HashMap<Group, DocAddress>, IndexError> {
        let engine = || IndexError::engine(self.path);
        let files = self.rows.files();
        let mut by_level: BTreeMap<Level, HashMap<DocAddress, Group>> = BTreeMap::new();
        for (of_page, best) in page {
            let Group::Linked(kind, id) = of_page else { continue };
            let mut members = self.in_group(*id)?;
            members.retain(|address| self.columns(*address).key(address.doc_id).kind() == *kind);
            let of_level = by_level.entry(tiers[best.tier.0].level).or_default();
            of_level.extend(members.into_iter().map(|address| (address, *of_page)));
        }
        let mut copies: HashMap<Group, Version> = HashMap::new();
        for (level, members) in by_level {
            let mut lists: HashMap<SegmentId, Vec<DocId>> = HashMap::new();
            for address in members.keys() {
                let segment = self.searcher.segment_reader(address.segment_ord);
                lists.entry(segment.segment_id()).or_default().push(address.doc_id);
            }
            lists.values_mut().for_each(|docs| docs.sort_unstable());
            let lists = InLists(Arc::new(lists));
            for tier in tiers.iter().filter(|tier| tier.level == level) {
                let query = self.made(asked, tier).map_err(engine())?.query_among(&lists);
                let read = self.matches(&query, |segment_ord, segment, matching| {
                    let columns = &self.columns[segment_ord as usize];
                    while matching.doc() != TERMINATED {
                        let address = DocAddress::new(segment_ord, matching.doc());
                        let (key, facts) = (columns.key(address.doc_id), columns.facts(address.doc_id));
                        if !segment.is_deleted(address.doc_id) && self.counts(key, facts) {
                            let part = Reverse(files.rank(key.kind(), columns.at(address.doc_id).part));
                            let copy: Version = ((facts.held(), key, part), address);
                            let known = copies.entry(members[&address]).or_insert(copy);
                            if copy.0 > known.0 {
                                *known = copy;
                            }
                        }
                        matching.advance();
                    }
                    Ok(())
                });
                read.map_err(engine())?;
            }
        }
        Ok(copies.into_iter().map(|(group, (_, address))| (group, address)).collect())
    }

    pub(super) fn matches(
        &self,
        query: &dyn EngineQuery,
        mut read: impl FnMut(u32, &SegmentReader, &mut dyn tantivy::query::Scorer) -> Result<(), TantivyError>,
    ) -> Result<(), TantivyError> {
        let weight = query.weight(EnableScoring::disabled_from_searcher(self.searcher))?;
        for (segment_ord, segment) in (0..).zip(self.searcher.segment_readers()) {
            read(segment_ord, segment, weight.scorer(segment, 1.0)?.as_mut())?;
        }
        Ok(())
    }

    /// What is perhaps one of this.
    fn one_of(&self, group: Id) -> Box<dyn EngineQuery> {
        Box::new(TermQuery::new(self.fields.mark(self.fields.group_mark(group)), IndexRecordOption::Basic))
    }

    /// The filters that no posting list answers.
    pub(super) fn counts(&self, key: SortKey, facts: Facts) -> bool {
        let year_fits = |years: &std::ops::RangeInclusive<u16>| facts.year().is_some_and(|year| years.contains(&year));
        !facts.withdrawn()
            && self.filters.kind.is_none_or(|kind| kind == key.kind())
            && self.filters.held.is_none_or(|held| held == facts.held())
            && self.filters.year.as_ref().is_none_or(year_fits)
    }

    /// What a document is one of, if links lead to or from it.
    pub(super) fn group_of(&self, address: DocAddress) -> Option<Id> {
        self.columns(address).group(address.doc_id)
    }

    /// The documents that are one of this.
    pub(super) fn in_group(&self, group: Id) -> Result<Vec<DocAddress>, IndexError> {
        let mut found = self.found_by(self.one_of(group).as_ref())?;
        found.retain(|address| self.group_of(*address) == Some(group));
        Ok(found)
    }

    /// The documents with a mark.
    pub(super) fn with_mark(&self, mark: Mark<'_>) -> Result<Vec<DocAddress>, IndexError> {
        self.found_by(self.marked(mark).as_ref())
    }

    fn found_by(&self, query: &dyn EngineQuery) -> Result<Vec<DocAddress>, IndexError> {
        let mut found = Vec::new();
        let read = self.matches(query, |segment_ord, segment, matching| {
            while matching.doc() != TERMINATED {
                if !segment.is_deleted(matching.doc()) {
                    found.push(DocAddress::new(segment_ord, matching.doc()));
                }
                matching.advance();
            }
            Ok(())
        });
        read.map_err(IndexError::engine(self.path))?;
        Ok(found)
    }

    /// The document of a row, where the row counts.
    pub(super) fn document_of(&self, kind: Kind, at: RowAt) -> Result<Option<DocAddress>, IndexError> {
        let engine = || IndexError::engine(self.path);
        for ((segment_ord, segment), columns) in (0..).zip(self.searcher.segment_readers()).zip(self.columns) {
            let found = columns.document_of(segment, self.fields, kind, at).map_err(engine())?;
            if let Some(doc) = found {
                return Ok(Some(DocAddress::new(segment_ord, doc)));
            }
        }
        Ok(None)
    }

    /// Some documents as hits in the order of documents, each once.
    pub(super) fn hits(&mut self, addresses: &[DocAddress], limit: usize) -> Result<Vec<Hit>, IndexError> {
        let mut found: Vec<(Reverse<SortKey>, u32, DocAddress)> = Vec::with_capacity(addresses.len());
        for address in addresses {
            let columns = self.columns(*address);
            let (key, at) = (columns.key(address.doc_id), columns.at(address.doc_id));
            found.push((Reverse(key), self.rows.files().rank(key.kind(), at.part), *address));
        }
        found.sort_unstable();
        found.dedup();
        found.truncate(limit);
        found
            .into_iter()
            .map(|(_, _, address)| {
                let popularity = self.columns(address).key(address.doc_id).standing().popularity;
                self.hit(address, i32::from(popularity))
            })
            .collect()
    }

    pub(super) fn columns(&self, address: DocAddress) -> &'a Columns {
        &self.columns[address.segment_ord as usize]
    }

    pub(super) fn hit(&mut self, address: DocAddress, score: i32) -> Result<Hit, IndexError> {
        let columns = self.columns(address);
        let (key, facts) = (columns.key(address.doc_id), columns.facts(address.doc_id));
        let kind = key.kind();
        let row = self.rows.row(kind, columns.at(address.doc_id))?;
        let row = row.ok_or_else(|| IndexError::damaged(self.path, "a document's row is missing"))?;
        let album = match row.album_id.filter(|_| kind == Kind::Track) {
            Some(id) => self.rows.album(id)?,
            None => None,
        };
        let mut cover_root = album.as_ref().and_then(|(_, cover)| *cover).or(row.cover_root);
        if cover_root.is_none() && facts.held() {
            let cover = columns.cover(address.doc_id);
            cover_root = cover.map_err(|error| IndexError::engine(self.path)(error.into()))?;
        }
        Ok(Hit {
            kind,
            id: row.id,
            recording_id: (kind == Kind::Track).then(|| columns.group(address.doc_id).unwrap_or(row.id)),
            artist: if kind == Kind::Artist { row.title.clone() } else { row.artist },
            title: row.title,
            album: album.map(|(title, _)| title),
            isrc: row.isrc,
            year: facts.year(),
            popularity: i32::from(key.standing().popularity),
            held: facts.held(),
            score: f64::from(score),
            cover_root,
            album_id: row.album_id,
            artist_ids: row.artist_ids,
            cursor: None,
        })
    }
}

fn group(columns: &Columns, doc: u32, key: SortKey) -> Group {
    match columns.group(doc) {
        Some(id) => Group::Linked(key.kind(), id),
        None => Group::Alone(columns.at(doc).identity(key.kind())),
    }
}
