//! From a query's word to the words of the index that may stand for it.

use std::cmp::Reverse;
use std::collections::HashMap;

use tantivy::query::{BooleanQuery, FuzzyTermQuery, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, TantivyError, Term};

/// Words of the index that stand for one word of a query; more than this cost more than they find.
pub(crate) const MAX_EXPANSIONS: usize = 64;
/// Terms that begin so are no words: see [`super::words::title_terms`].
const FIRST_WORD: &str = "\u{20}";

/// How far a word of the index may be from the word that was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The word of the index may go on.
    pub prefix: bool,
    /// Letters wrong, missing, too many, or two neighbours swapped: 0 to 2.
    pub typos: u8,
}

impl Reach {
    const EXACT: Self = Self { prefix: false, typos: 0 };
}

/// The query for one word, and whether it leaves any word of the index out.
pub(crate) struct Expanded {
    pub query: Box<dyn Query>,
    pub is_complete: bool,
}

pub(crate) fn exactly(fields: &[Field], word: &str) -> Box<dyn Query> {
    let query = |field: &Field| -> Box<dyn Query> {
        Box::new(TermQuery::new(Term::from_field_text(*field, word), IndexRecordOption::Basic))
    };
    match fields {
        [field] => query(field),
        fields => Box::new(BooleanQuery::union(fields.iter().map(query).collect())),
    }
}

/// The query for `word` in any of the fields: the most frequent words within reach.
///
/// Frequencies are those of the index's dictionaries, which count a replaced document until its segment is merged; this
/// decides only which of more than [`MAX_EXPANSIONS`] words are looked at first.
pub(crate) fn expand(
    searcher: &Searcher,
    fields: &[Field],
    word: &str,
    reach: Reach,
) -> Result<Expanded, TantivyError> {
    if reach == Reach::EXACT {
        return Ok(Expanded { query: exactly(fields, word), is_complete: true });
    }
    let automaton = match reach.typos {
        0 => None,
        _ => Some(fuzzy(Term::from_field_text(fields[0], word), reach).automaton()?),
    };
    // Of each word: how often it is in all fields together, and in which of them it is at all.
    let mut frequencies: HashMap<Vec<u8>, (u64, u8)> = HashMap::new();
    for (number, field) in fields.iter().enumerate() {
        let mut count = |key: &[u8], frequency: u32| {
            if key < FIRST_WORD.as_bytes() {
                return;
            }
            let known = match frequencies.get_mut(key) {
                Some(known) => known,
                None => frequencies.entry(key.to_owned()).or_default(),
            };
            known.0 += u64::from(frequency);
            known.1 |= 1 << number;
        };
        for segment in searcher.segment_readers() {
            let inverted = segment.inverted_index(*field)?;
            if let Some(automaton) = &automaton {
                let mut stream = inverted.terms().search(automaton).into_stream()?;
                while stream.advance() {
                    count(stream.key(), stream.value().doc_freq);
                }
            } else {
                // No byte of UTF-8 is 0xff.
                let end = [word.as_bytes(), &[0xff]].concat();
                let mut stream = inverted.terms().range().ge(word).lt(end).into_stream()?;
                while stream.advance() {
                    count(stream.key(), stream.value().doc_freq);
                }
            }
        }
    }
    let is_complete = frequencies.len() <= MAX_EXPANSIONS;
    let mut ranked: Vec<(Vec<u8>, (u64, u8))> = frequencies.into_iter().collect();
    if !is_complete {
        let order = |(word, (count, _)): &(Vec<u8>, (u64, u8))| (Reverse(*count), word.clone());
        ranked.select_nth_unstable_by_key(MAX_EXPANSIONS, order);
        ranked.truncate(MAX_EXPANSIONS);
    }
    let mut queries: Vec<Box<dyn Query>> = Vec::new();
    for (word, (_, in_fields)) in &ranked {
        let Ok(word) = std::str::from_utf8(word) else { continue };
        let with_it = fields.iter().enumerate().filter(|(number, _)| in_fields & (1 << number) != 0);
        queries.extend(with_it.map(|(_, field)| exactly(&[*field], word)));
    }
    Ok(Expanded { query: Box::new(BooleanQuery::union(queries)), is_complete })
}

/// The query for everything within reach, however much that is: it reads every posting list there is.
pub(crate) fn expand_completely(fields: &[Field], word: &str, reach: Reach) -> Box<dyn Query> {
    if reach == Reach::EXACT {
        return exactly(fields, word);
    }
    let query = |field: &Field| -> Box<dyn Query> { Box::new(fuzzy(Term::from_field_text(*field, word), reach)) };
    Box::new(BooleanQuery::union(fields.iter().map(query).collect()))
}

fn fuzzy(term: Term, reach: Reach) -> FuzzyTermQuery {
    let swap_is_one_typo = true;
    if reach.prefix {
        FuzzyTermQuery::new_prefix(term, reach.typos, swap_is_one_typo)
    } else {
        FuzzyTermQuery::new(term, reach.typos, swap_is_one_typo)
    }
}
