//! Search as you type: a query is run as a row of ever laxer ones, each read in falling popularity until it has enough.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use fonoteca_model::Id;
use tantivy::query::{BooleanQuery, EnableScoring, Query as EngineQuery, TermQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, Searcher, SegmentReader, TERMINATED, TantivyDocument, TantivyError};

use super::columns::{Columns, Facts};
use super::cursor::Cursor;
use super::document::{Kind, MAX_POPULARITY, RowAt, SortKey};
use super::error::IndexError;
use super::fields::{Fields, Mark};
use super::files::Rows;
use super::tier::{Asked, Level, Tier};
use super::word_list::WordList;
use super::{Filters, Hit, Page, Query};

/// Matches read in one segment for one of the queries; what is beyond is less popular than all of them.
const MAX_MATCHES: usize = 10_000;
/// Hits that can be asked for, those skipped included.
const MAX_HITS: usize = 10_000;

/// How a hit is ranked, the best one greatest: by score, then by the order of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    score: i32,
    key: SortKey,
    /// The rank of the row's part.
    part: Reverse<u32>,
}

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
        let copies = self.best_copies(&asked, &tiers, &page).map_err(IndexError::engine(self.path))?;
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
        let mut left_out = false;
        for level in Level::ALL {
            if best.len() >= want.min(asked.is_run_below(level)) {
                break;
            }
            let mut is_complete = true;
            for tier in asked.tiers(level, left_out) {
                let last = last_wanted(&best, want);
                if last.is_none_or(|last| last.score <= tier.worth + i32::from(MAX_POPULARITY)) {
                    let made = self.made(asked, &tier)?;
                    is_complete &= made.is_complete;
                    self.collect(made.query.as_ref(), (tier.worth, tiers.len()), want, last, &mut best)?;
                }
                tiers.push(tier);
            }
            left_out = !is_complete;
        }
        let mut ranked: Vec<(Group, Best)> = best.into_iter().collect();
        ranked.sort_unstable_by_key(|(group, best)| (Reverse(*best), *group));
        ranked.truncate(want);
        Ok((tiers, ranked))
    }

    /// Reads a tier's matches, best first, until each segment has given as many groups as are wanted, or comes to what ranks
    /// behind the `last` one wanted of those that were found before.
    ///
    /// That is enough for the right answer: whatever a segment holds back comes after `want` other groups, of the same tier or
    /// of all, hence also in the whole.
    fn collect(
        &self,
        query: &dyn EngineQuery,
        (worth, number): (i32, usize),
        want: usize,
        last_wanted: Option<Rank>,
        best: &mut HashMap<Group, Best>,
    ) -> Result<(), TantivyError> {
        let files = self.rows.files();
        self.matches(query, |segment_ord, segment, matching| {
            let columns = &self.columns[segment_ord as usize];
            let floor = self.filters.min_popularity.map_or(SortKey(0), SortKey::floor);
            let mut groups: HashSet<Group> = HashSet::new();
            let mut seen = 0;
            let mut last = None;
            while matching.doc() != TERMINATED {
                let doc = matching.doc();
                let key = columns.key(doc);
                // Documents with equal keys lie in no order that a rebuild would repeat: all of them or none.
                let is_enough = groups.len() >= want || seen >= MAX_MATCHES;
                let score = worth + i32::from(key.standing().popularity);
                let is_behind = last_wanted.is_some_and(|last| (score, key) < (last.score, last.key));
                if key < floor || is_behind || is_enough && last != Some(key) {
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
    ) -> Result<HashMap<Group, DocAddress>, TantivyError> {
        let files = self.rows.files();
        let mut by_level: BTreeMap<Level, Vec<(Group, Id)>> = BTreeMap::new();
        for (group, best) in page {
            if let Group::Linked(_, id) = group {
                by_level.entry(tiers[best.tier.0].level).or_default().push((*group, *id));
            }
        }
        let mut copies: HashMap<Group, Version> = HashMap::new();
        for (level, groups) in by_level {
            let members = groups.iter().map(|(_, id)| self.one_of(*id)).collect();
            let of_level = tiers.iter().filter(|tier| tier.level == level);
            let of_level = of_level.map(|tier| Ok(self.made(asked, tier)?.query.box_clone()));
            let of_level = of_level.collect::<Result<Vec<_>, TantivyError>>()?;
            let either =
                [members, of_level].map(|queries| -> Box<dyn EngineQuery> { Box::new(BooleanQuery::union(queries)) });
            let query = BooleanQuery::intersection(either.into());
            let wanted: HashSet<Group> = groups.into_iter().map(|(group, _)| group).collect();
            self.matches(&query, |segment_ord, segment, matching| {
                let columns = &self.columns[segment_ord as usize];
                while matching.doc() != TERMINATED {
                    let doc = matching.doc();
                    let (key, facts) = (columns.key(doc), columns.facts(doc));
                    let group = group(columns, doc, key);
                    if !segment.is_deleted(doc) && self.counts(key, facts) && wanted.contains(&group) {
                        let part = Reverse(files.rank(key.kind(), columns.at(doc).part));
                        let copy = ((facts.held(), key, part), DocAddress::new(segment_ord, doc));
                        copies
                            .entry(group)
                            .and_modify(|known| {
                                if copy.0 > known.0 {
                                    *known = copy;
                                }
                            })
                            .or_insert(copy);
                    }
                    matching.advance();
                }
                Ok(())
            })?;
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
        Box::new(TermQuery::new(self.fields.mark(Mark::Group(group)), IndexRecordOption::Basic))
    }

    /// The filters that no posting list answers.
    pub(super) fn counts(&self, key: SortKey, facts: Facts) -> bool {
        let year_fits = |years: &std::ops::RangeInclusive<u16>| facts.year().is_some_and(|year| years.contains(&year));
        !facts.withdrawn()
            && self.filters.kind.is_none_or(|kind| kind == key.kind())
            && self.filters.held.is_none_or(|held| held == facts.held())
            && self.filters.year.as_ref().is_none_or(year_fits)
    }

    /// The documents that are one of this.
    pub(super) fn in_group(&self, group: Id) -> Result<Vec<DocAddress>, IndexError> {
        let mut found = self.found_by(self.one_of(group).as_ref())?;
        found.retain(|address| self.columns(*address).group(address.doc_id) == Some(group));
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
        let mut cover_root = album.as_ref().and_then(|album| album.cover_root).or(row.cover_root);
        if cover_root.is_none() && facts.held() {
            let stored: TantivyDocument = self.searcher.doc(address).map_err(IndexError::engine(self.path))?;
            cover_root = self.fields.cover(&stored);
        }
        Ok(Hit {
            kind,
            id: row.id,
            recording_id: (kind == Kind::Track).then(|| columns.group(address.doc_id).unwrap_or(row.id)),
            artist: if kind == Kind::Artist { row.title.clone() } else { row.artist },
            title: row.title,
            album: album.map(|album| album.title),
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
