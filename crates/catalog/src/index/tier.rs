//! The queries that a search runs, from the strictest to the laxest, and what their matches are worth.

use tantivy::TantivyError;
use tantivy::query::{AllQuery, BooleanQuery, Query as EngineQuery, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};

use super::document::Kind;
use super::expand::{Reach, exactly, expand, expand_completely};
use super::fields::Mark;
use super::search::Search;
use super::words::{MatchBy, Reading, readings, title_term};

/// What a match of this quality is worth, to be added to the popularity. See the module's documentation.
mod worth {
    pub const EXACT_TITLE: i32 = 60;
    pub const TITLE_WORDS: i32 = 40;
    pub const ALL_WORDS: i32 = 25;
    pub const TITLE_PREFIX: i32 = 15;
    pub const PREFIX: i32 = 0;
    pub const WITHOUT_ARTICLES: i32 = -10;
    /// More than the popularity can make up for, each step.
    pub const RARE_WORD: i32 = -200;
    pub const ONE_TYPO: i32 = -400;
    pub const RARE_TYPO: i32 = -600;
    pub const TWO_TYPOS: i32 = -800;
    pub const RARE_TYPOS: i32 = -1000;
}

/// One of the queries that a search runs.
pub(super) struct Tier {
    pub level: Level,
    pub worth: i32,
    pub query: Box<dyn EngineQuery>,
    /// Every word of the index within reach is looked at.
    pub is_complete: bool,
}

/// How strictly words are taken. A level is run when those before it did not find enough, and all that it adds ranks after
/// all that they found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// As spelt, the last one perhaps not to its end.
    Spelt,
    /// With so many typos.
    Typos(u8),
    /// As the level before it, but with every word of the index within reach, not only the most frequent.
    Rare(u8),
}

impl Level {
    pub(super) const ALL: [Self; 6] =
        [Self::Spelt, Self::Rare(0), Self::Typos(1), Self::Rare(1), Self::Typos(2), Self::Rare(2)];

    /// Hits from which on this level is not run. Guessing at words is most of what a search costs: where several words were
    /// found together, they were meant; a single one may be somebody else's spelling.
    pub(super) fn is_run_below(self, words: &str) -> usize {
        match self.typos() {
            0 => usize::MAX,
            1 if words.split_whitespace().nth(1).is_none() => 3,
            _ => 1,
        }
    }

    const fn typos(self) -> u8 {
        match self {
            Self::Spelt => 0,
            Self::Typos(typos) | Self::Rare(typos) => typos,
        }
    }
}

const fn typos_of(match_by: MatchBy) -> u8 {
    match match_by {
        MatchBy::Spelling { typos } => typos,
        MatchBy::Exact | MatchBy::Prefix => 0,
    }
}

const fn reach(match_by: MatchBy, prefix: bool, typos: u8) -> Reach {
    match match_by {
        MatchBy::Spelling { typos: most } => Reach { prefix, typos: if most < typos { most } else { typos } },
        MatchBy::Exact => Reach { prefix: false, typos: 0 },
        MatchBy::Prefix => Reach { prefix: true, typos: 0 },
    }
}

impl Search<'_> {
    /// The queries of one level. `left_out`: the level before it did not look at every word of the index within reach.
    pub(super) fn tiers(&self, words: &str, level: Level, left_out: bool) -> Result<Vec<Tier>, TantivyError> {
        let readings = readings(words);
        if readings.is_empty() {
            let everything = level == Level::Spelt;
            return Ok(everything.then(|| self.tier(level, 0, vec![Box::new(AllQuery)], true)).into_iter().collect());
        }
        let mut tiers = Vec::new();
        for (n, reading) in readings.iter().enumerate() {
            let penalty = if n == 0 { 0 } else { worth::WITHOUT_ARTICLES };
            match level {
                Level::Spelt => self.spelt(reading, penalty, &mut tiers)?,
                Level::Typos(typos) => {
                    if reading.words.iter().any(|word| typos_of(word.match_by) >= typos) {
                        let worth = if typos == 1 { worth::ONE_TYPO } else { worth::TWO_TYPOS };
                        tiers.push(self.words_tier(level, worth + penalty, &self.anywhere(), reading, true)?);
                    }
                }
                Level::Rare(typos) => {
                    let worth = match typos {
                        0 => worth::RARE_WORD,
                        1 => worth::RARE_TYPO,
                        _ => worth::RARE_TYPOS,
                    };
                    if left_out {
                        let fields = self.anywhere();
                        let clauses = reading.words.iter().enumerate().map(|(i, word)| {
                            let reach = reach(word.match_by, i + 1 == reading.words.len(), typos);
                            expand_completely(&fields, &word.text, reach)
                        });
                        tiers.push(self.tier(level, worth + penalty, clauses.collect(), true));
                    }
                }
            }
        }
        Ok(tiers)
    }

    /// The queries that take the words as they are spelt.
    fn spelt(&self, reading: &Reading, penalty: i32, tiers: &mut Vec<Tier>) -> Result<(), TantivyError> {
        let title = &[self.fields.title_words][..];
        let exact_worth = worth::EXACT_TITLE + penalty;
        // All words of the title, and no more than these; or one of several titles.
        let mut whole: Vec<Box<dyn EngineQuery>> = reading.whole.iter().map(|word| exactly(title, word)).collect();
        let counts = reading.exact_terms().into_iter().map(|term| exactly(title, &term)).collect();
        whole.push(Box::new(BooleanQuery::union(counts)));
        tiers.push(self.tier(Level::Spelt, exact_worth, whole, true));
        tiers.push(self.tier(Level::Spelt, exact_worth, vec![exactly(title, &title_term(&reading.title))], true));
        let anywhere = &self.anywhere()[..];
        for (worth, fields, prefix) in [
            (worth::TITLE_WORDS, title, false),
            (worth::ALL_WORDS, anywhere, false),
            (worth::TITLE_PREFIX, title, true),
            (worth::PREFIX, anywhere, true),
        ] {
            tiers.push(self.words_tier(Level::Spelt, worth + penalty, fields, reading, prefix)?);
        }
        Ok(())
    }

    /// All words of a reading, the last one as a prefix perhaps, each with as many typos as the level allows.
    fn words_tier(
        &self,
        level: Level,
        worth: i32,
        fields: &[Field],
        reading: &Reading,
        prefix: bool,
    ) -> Result<Tier, TantivyError> {
        let mut is_complete = true;
        let mut clauses = Vec::new();
        for (i, word) in reading.words.iter().enumerate() {
            let reach = reach(word.match_by, prefix && i + 1 == reading.words.len(), level.typos());
            let expanded = expand(self.searcher, fields, &word.text, reach)?;
            is_complete &= expanded.is_complete;
            clauses.push(expanded.query);
        }
        Ok(self.tier(level, worth, clauses, is_complete))
    }

    fn anywhere(&self) -> [Field; 2] {
        [self.fields.title_words, self.fields.other_words]
    }

    fn tier(&self, level: Level, worth: i32, mut clauses: Vec<Box<dyn EngineQuery>>, is_complete: bool) -> Tier {
        let filters = self.filters;
        clauses.extend(filters.kind.filter(|kind| *kind != Kind::Track).map(|kind| self.marked(Mark::Kind(kind))));
        clauses.extend(filters.source.as_deref().map(|source| self.marked(Mark::Source(source))));
        clauses.extend(filters.licence.as_deref().map(|licence| self.marked(Mark::Licence(licence))));
        clauses.extend(filters.held.filter(|held| *held).map(|_| self.marked(Mark::Held)));
        let query: Box<dyn EngineQuery> = Box::new(BooleanQuery::intersection(clauses));
        Tier { level, worth, query, is_complete }
    }

    pub(super) fn marked(&self, mark: Mark<'_>) -> Box<dyn EngineQuery> {
        Box::new(TermQuery::new(self.fields.mark(mark), IndexRecordOption::Basic))
    }
}
