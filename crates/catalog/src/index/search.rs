//! Search as you type: a query is run as a row of ever laxer ones, each read in falling popularity until it has enough.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};

use fonoteca_model::Id;
use tantivy::query::{BooleanQuery, EnableScoring, Query as EngineQuery};
use tantivy::{DocAddress, Searcher, SegmentReader, TERMINATED, TantivyDocument, TantivyError};

use super::columns::{Columns, Facts};
use super::document::{Kind, SortKey};
use super::fields::{Fields, Tag};
use super::tier::{Level, Tier};
use super::{Filters, Hit, Query};

/// Matches read in one segment for one of the queries; what is beyond is less popular than all of them.
const MAX_MATCHES: usize = 10_000;
/// Hits that can be asked for, those skipped included.
const MAX_HITS: usize = 10_000;

/// The best match of a group so far.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Best {
    score: i32,
    key: SortKey,
    id: Reverse<u64>,
    tier: Reverse<usize>,
    address: Reverse<DocAddress>,
}

/// A copy that could be shown: held, popular, of a small id; and where it lies.
type Version = ((bool, SortKey, Reverse<u64>), DocAddress);

/// Groups are told apart within a kind: a local album and its first track may share an id.
type Group = (Kind, Id);

pub(super) struct Search<'a> {
    pub searcher: &'a Searcher,
    pub fields: &'a Fields,
    pub filters: &'a Filters,
}

impl Search<'_> {
    pub(super) fn run(&self, query: &Query) -> Result<Vec<Hit>, TantivyError> {
        let want = query.offset.saturating_add(query.limit).min(MAX_HITS);
        if want <= query.offset {
            return Ok(Vec::new());
        }
        let mut tiers: Vec<Tier> = Vec::new();
        let mut best: HashMap<Group, Best> = HashMap::new();
        let mut left_out = false;
        for level in Level::ALL {
            let of_level = self.tiers(&query.words, level, left_out)?;
            left_out = of_level.iter().any(|tier| !tier.is_complete);
            for tier in of_level {
                self.collect(&tier, tiers.len(), want, &mut best)?;
                tiers.push(tier);
            }
            if best.len() >= want {
                break;
            }
        }
        let mut ranked: Vec<(Group, Best)> = best.into_iter().collect();
        ranked.sort_unstable_by_key(|(group, best)| (Reverse(*best), *group));
        let page: Vec<(Group, Best)> = ranked.into_iter().take(want).skip(query.offset).collect();
        let copies = self.best_copies(&tiers, &page)?;
        page.iter()
            .map(|(group, best)| self.hit(copies.get(group).copied().unwrap_or(best.address.0), best.score))
            .collect()
    }

    /// Reads a tier's matches, best first, until each segment has given as many groups as are wanted.
    ///
    /// That is enough for the right answer: whatever a segment holds back comes after `want` other groups of the same
    /// tier, hence also in the whole.
    fn collect(
        &self,
        tier: &Tier,
        number: usize,
        want: usize,
        best: &mut HashMap<Group, Best>,
    ) -> Result<(), TantivyError> {
        self.matches(tier.query.as_ref(), |segment_ord, segment, matching| {
            let columns = Columns::of(segment)?;
            let floor = self.filters.min_popularity.map_or(SortKey(0), SortKey::floor);
            let mut groups: HashSet<Group> = HashSet::new();
            let mut seen = 0;
            let mut last = None;
            while matching.doc() != TERMINATED {
                let doc = matching.doc();
                let key = columns.key(doc);
                // Documents with equal keys lie in no order that a rebuild would repeat: all of them or none.
                let is_enough = groups.len() >= want || seen >= MAX_MATCHES;
                if key < floor || is_enough && last != Some(key) {
                    break;
                }
                let facts = columns.facts(doc);
                if !segment.is_deleted(doc) && self.counts(facts) {
                    seen += 1;
                    last = Some(key);
                    let group = (facts.kind(), columns.group(doc));
                    groups.insert(group);
                    let found = Best {
                        score: tier.worth + i32::from(key.standing().popularity),
                        key,
                        id: Reverse(columns.id(doc).0 as u64),
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

    /// For each recording of the page the copy to show, among those that match on the level of the best one: held before
    /// not held, then the more popular, then the smaller id.
    fn best_copies(&self, tiers: &[Tier], page: &[(Group, Best)]) -> Result<HashMap<Group, DocAddress>, TantivyError> {
        let mut by_level: BTreeMap<Level, Vec<Group>> = BTreeMap::new();
        for (group, best) in page {
            by_level.entry(tiers[best.tier.0].level).or_default().push(*group);
        }
        let mut copies: HashMap<Group, Version> = HashMap::new();
        for (level, groups) in by_level {
            let members = groups.iter().map(|(_, id)| self.tagged(Tag::Group(*id))).collect();
            let of_level = tiers.iter().filter(|tier| tier.level == level).map(|tier| tier.query.box_clone()).collect();
            let either =
                [members, of_level].map(|queries| -> Box<dyn EngineQuery> { Box::new(BooleanQuery::union(queries)) });
            let query = BooleanQuery::intersection(either.into());
            let wanted: HashSet<Group> = groups.into_iter().collect();
            self.matches(&query, |segment_ord, segment, matching| {
                let columns = Columns::of(segment)?;
                while matching.doc() != TERMINATED {
                    let doc = matching.doc();
                    let facts = columns.facts(doc);
                    let group = (facts.kind(), columns.group(doc));
                    if !segment.is_deleted(doc) && self.counts(facts) && wanted.contains(&group) {
                        let rank = (facts.held(), columns.key(doc), Reverse(columns.id(doc).0 as u64));
                        let copy = (rank, DocAddress::new(segment_ord, doc));
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

    fn matches(
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

    /// The filters that no posting list answers.
    fn counts(&self, facts: Facts) -> bool {
        let year_fits = |years: &std::ops::RangeInclusive<u16>| facts.year().is_some_and(|year| years.contains(&year));
        !facts.withdrawn()
            && self.filters.held.is_none_or(|held| held == facts.held())
            && self.filters.year.as_ref().is_none_or(year_fits)
    }

    /// Everything that has one of these tags, the most popular first: what a look-up answers.
    pub(super) fn tagged_hits(&self, tags: &[Tag<'_>], limit: usize) -> Result<Vec<Hit>, TantivyError> {
        let query = BooleanQuery::union(tags.iter().map(|tag| self.tagged(*tag)).collect());
        let mut found: Vec<(Reverse<SortKey>, u64, DocAddress)> = Vec::new();
        self.matches(&query, |segment_ord, segment, matching| {
            let columns = Columns::of(segment)?;
            let mut seen = 0;
            while matching.doc() != TERMINATED && seen < MAX_MATCHES {
                let doc = matching.doc();
                if !segment.is_deleted(doc) {
                    seen += 1;
                    found.push((
                        Reverse(columns.key(doc)),
                        columns.id(doc).0 as u64,
                        DocAddress::new(segment_ord, doc),
                    ));
                }
                matching.advance();
            }
            Ok(())
        })?;
        found.sort_unstable();
        found
            .into_iter()
            .take(limit)
            .map(|(key, _, address)| self.hit(address, i32::from(key.0.standing().popularity)))
            .collect()
    }

    fn hit(&self, address: DocAddress, score: i32) -> Result<Hit, TantivyError> {
        let columns = Columns::of(self.searcher.segment_reader(address.segment_ord))?;
        let stored: TantivyDocument = self.searcher.doc(address)?;
        let shown = self.fields.shown(&stored);
        let facts = columns.facts(address.doc_id);
        let kind = facts.kind();
        Ok(Hit {
            kind,
            id: columns.id(address.doc_id),
            recording_id: (kind == Kind::Track).then(|| columns.group(address.doc_id)),
            title: shown.title,
            artist: shown.artist,
            album: shown.album,
            isrc: shown.isrc,
            year: facts.year(),
            popularity: i32::from(columns.key(address.doc_id).standing().popularity),
            held: facts.held(),
            score: f64::from(score),
            cover_root: shown.cover_root,
            album_id: shown.album_id,
            artist_ids: shown.artist_ids,
        })
    }
}
