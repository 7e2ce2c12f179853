//! The queries that a search runs, from the strictest to the laxest, and what their matches are worth.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use tantivy::TantivyError;
use tantivy::query::{AllQuery, BooleanQuery, Query as EngineQuery, TermQuery};
use tantivy::schema::IndexRecordOption;

use super::document::Kind;
use super::expand::{Reach, Reached, completely, exactly};
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

/// One of the queries that a search runs. It is made when it is needed: what is found before may be better than anything
/// that it could find.
pub(super) struct Tier<'a> {
    pub level: Level,
    pub worth: i32,
    what: What<'a>,
    made: OnceCell<Made>,
}

/// What a query asks for.
#[derive(Clone, Copy)]
enum What<'a> {
    Everything,
    /// A title with all words, and no more: one that has as many as this term says.
    Whole(&'a Reading, &'a str),
    /// One of several titles.
    Title(&'a Reading),
    /// All words, the last one as a prefix perhaps, each with as many typos as the level allows.
    Words(&'a Reading, Within, bool),
    /// The same with every word of the index within reach, not only the most frequent.
    Completely(&'a Reading),
}

/// Where words are looked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    Title,
    Anywhere,
}

/// A query that was made.
pub(super) struct Made {
    /// All of which must match.
    clauses: Vec<Box<dyn EngineQuery>>,
    /// What it would take to look at every word of the index within reach, as documents; none: every one is looked at.
    pub left_out: Option<u64>,
}

impl Made {
    /// The query for some documents only.
    pub(super) fn query_among(&self, documents: &dyn EngineQuery) -> BooleanQuery {
        let clauses = self.clauses.iter().map(|clause| clause.box_clone());
        BooleanQuery::intersection([documents.box_clone()].into_iter().chain(clauses).collect())
    }
}

/// What was typed, and what of the index each of its words reached so far.
pub(super) struct Asked {
    readings: Vec<Reading>,
    is_one_word: bool,
    reached: RefCell<HashMap<(String, Reach), Rc<Reached>>>,
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

impl Asked {
    pub(super) fn new(words: &str) -> Self {
        Self {
            readings: readings(words),
            is_one_word: words.split_whitespace().nth(1).is_none(),
            reached: RefCell::default(),
        }
    }

    /// Hits from which on a level is not run. Guessing at words is most of what a search costs: where several words were
    /// found together, they were meant; a single one may be somebody else's spelling.
    pub(super) const fn is_run_below(&self, level: Level) -> usize {
        match level.typos() {
            0 => usize::MAX,
            1 if self.is_one_word => 3,
            _ => 1,
        }
    }

    /// The queries of one level. `left_out`: the level before it did not look at every word of the index within reach.
    pub(super) fn tiers(&self, level: Level, left_out: bool) -> Vec<Tier<'_>> {
        let tier = |worth, what| Tier { level, worth, what, made: OnceCell::new() };
        if self.readings.is_empty() {
            return if level == Level::Spelt { vec![tier(0, What::Everything)] } else { Vec::new() };
        }
        let mut tiers = Vec::new();
        for (n, reading) in self.readings.iter().enumerate() {
            let penalty = if n == 0 { 0 } else { worth::WITHOUT_ARTICLES };
            let of_reading = match level {
                Level::Spelt => {
                    let whole = reading.exact_terms.iter().map(|term| What::Whole(reading, term));
                    let whole = whole.map(|what| (worth::EXACT_TITLE, what));
                    let others = [
                        (worth::EXACT_TITLE, What::Title(reading)),
                        (worth::TITLE_WORDS, What::Words(reading, Within::Title, false)),
                        (worth::ALL_WORDS, What::Words(reading, Within::Anywhere, false)),
                        (worth::TITLE_PREFIX, What::Words(reading, Within::Title, true)),
                        (worth::PREFIX, What::Words(reading, Within::Anywhere, true)),
                    ];
                    whole.chain(others).collect()
                }
                Level::Typos(typos) if reading.words.iter().any(|word| typos_of(word.match_by) >= typos) => {
                    let worth = if typos == 1 { worth::ONE_TYPO } else { worth::TWO_TYPOS };
                    vec![(worth, What::Words(reading, Within::Anywhere, true))]
                }
                Level::Rare(typos) if left_out => {
                    let worth = match typos {
                        0 => worth::RARE_WORD,
                        1 => worth::RARE_TYPO,
                        _ => worth::RARE_TYPOS,
                    };
                    vec![(worth, What::Completely(reading))]
                }
                Level::Typos(_) | Level::Rare(_) => Vec::new(),
            };
            tiers.extend(of_reading.into_iter().map(|(worth, what)| tier(worth + penalty, what)));
        }
        tiers
    }
}

impl Search<'_> {
    /// The query of a tier.
    pub(super) fn made<'t>(&self, asked: &Asked, tier: &'t Tier<'_>) -> Result<&'t Made, TantivyError> {
        if tier.made.get().is_none() {
            let made = self.make(asked, tier)?;
            drop(tier.made.set(made));
        }
        Ok(tier.made.get().expect("made above"))
    }

    fn make(&self, asked: &Asked, tier: &Tier<'_>) -> Result<Made, TantivyError> {
        let title = &[self.fields.title_words][..];
        let anywhere = &self.fields.words[..];
        let mut left_out: Option<u64> = None;
        let mut clauses: Vec<Box<dyn EngineQuery>> = match tier.what {
            What::Everything => vec![Box::new(AllQuery)],
            What::Whole(reading, term) => {
                // One term at a time: a union of such frequent ones is slow to skip in.
                let words = reading.whole.iter().map(String::as_str).chain([term]);
                words.map(|word| exactly(title, word)).collect()
            }
            What::Title(reading) => vec![exactly(title, &title_term(&reading.title))],
            What::Words(reading, within, prefix) => {
                let mut clauses = Vec::new();
                for (i, word) in reading.words.iter().enumerate() {
                    let reach = reach(word.match_by, prefix && i + 1 == reading.words.len(), tier.level.typos());
                    if reach == Reach::EXACT {
                        clauses.push(exactly(if within == Within::Title { title } else { anywhere }, &word.text));
                        continue;
                    }
                    let reached = self.reached(asked, &word.text, reach)?;
                    if let Some(documents) = reached.left_out(within == Within::Title) {
                        *left_out.get_or_insert(0) += documents;
                    }
                    clauses.push(reached.query(within == Within::Title));
                }
                clauses
            }
            What::Completely(reading) => {
                let clauses = reading.words.iter().enumerate().map(|(i, word)| {
                    let reach = reach(word.match_by, i + 1 == reading.words.len(), tier.level.typos());
                    completely(anywhere, &word.text, reach)
                });
                clauses.collect()
            }
        };
        clauses.extend(self.filtered());
        Ok(Made { clauses, left_out })
    }

    fn reached(&self, asked: &Asked, word: &str, reach: Reach) -> Result<Rc<Reached>, TantivyError> {
        let key = (word.to_owned(), reach);
        if let Some(known) = asked.reached.borrow().get(&key) {
            return Ok(Rc::clone(known));
        }
        let reached = Rc::new(Reached::look(self.searcher, self.words, self.fields.words, word, reach)?);
        asked.reached.borrow_mut().insert(key, Rc::clone(&reached));
        Ok(reached)
    }

    /// The filters that posting lists answer.
    fn filtered(&self) -> Vec<Box<dyn EngineQuery>> {
        let filters = self.filters;
        let marks = [
            filters.kind.filter(|kind| *kind != Kind::Track).map(Mark::Kind),
            filters.source.as_deref().map(Mark::Source),
            filters.licence.as_deref().map(Mark::Licence),
            filters.held.filter(|held| *held).map(|_| Mark::Held),
        ];
        marks.into_iter().flatten().map(|mark| self.marked(mark)).collect()
    }

    pub(super) fn marked(&self, mark: Mark<'_>) -> Box<dyn EngineQuery> {
        Box::new(TermQuery::new(self.fields.mark(mark), IndexRecordOption::Basic))
    }
}
