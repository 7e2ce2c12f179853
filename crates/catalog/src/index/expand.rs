//! From a query's word to the words of the index that may stand for it.

use std::cmp::Reverse;
use std::collections::HashMap;

use tantivy::query::{BooleanQuery, FuzzyTermQuery, Query, TermQuery, TermSetQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Searcher, TantivyError, Term};

/// Words of the index that stand for one word of a query; more than this cost more than they find.
pub(crate) const MAX_EXPANSIONS: usize = 64;

/// How far a word of the index may be from the word that was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The word of the index may go on.
    pub prefix: bool,
    /// Letters wrong, missing, too many, or two neighbours swapped: 0 to 2.
    pub typos: u8,
}

/// The query for one word, and whether it leaves any word of the index out.
pub(crate) struct Expanded {
    pub query: Box<dyn Query>,
    pub is_complete: bool,
}

/// The query for `word` in `field`: the most frequent words within reach.
///
/// Frequencies are those of the index's dictionaries, which count a replaced document until its segment is merged; this
/// decides only which of more than [`MAX_EXPANSIONS`] words are looked at first.
pub(crate) fn expand(searcher: &Searcher, field: Field, word: &str, reach: Reach) -> Result<Expanded, TantivyError> {
    let term = Term::from_field_text(field, word);
    if reach == (Reach { prefix: false, typos: 0 }) {
        let query = Box::new(TermQuery::new(term, IndexRecordOption::Basic));
        return Ok(Expanded { query, is_complete: true });
    }
    let mut frequencies: HashMap<Vec<u8>, u64> = HashMap::new();
    let mut count = |key: &[u8], frequency: u32| {
        if let Some(known) = frequencies.get_mut(key) {
            *known += u64::from(frequency);
        } else {
            frequencies.insert(key.to_owned(), u64::from(frequency));
        }
    };
    for segment in searcher.segment_readers() {
        let inverted = segment.inverted_index(field)?;
        if reach.typos == 0 {
            // No byte of UTF-8 is 0xff.
            let end = [word.as_bytes(), &[0xff]].concat();
            let mut stream = inverted.terms().range().ge(word).lt(end).into_stream()?;
            while stream.advance() {
                count(stream.key(), stream.value().doc_freq);
            }
        } else {
            let automaton = fuzzy(term.clone(), reach).automaton()?;
            let mut stream = inverted.terms().search(automaton).into_stream()?;
            while stream.advance() {
                count(stream.key(), stream.value().doc_freq);
            }
        }
    }
    let is_complete = frequencies.len() <= MAX_EXPANSIONS;
    let mut ranked: Vec<(Vec<u8>, u64)> = frequencies.into_iter().collect();
    if !is_complete {
        ranked.sort_unstable_by(|(a, a_count), (b, b_count)| (Reverse(a_count), a).cmp(&(Reverse(b_count), b)));
        ranked.truncate(MAX_EXPANSIONS);
    }
    let terms = ranked.iter().filter_map(|(word, _)| std::str::from_utf8(word).ok());
    let queries = terms
        .map(|word| -> Box<dyn Query> {
            Box::new(TermQuery::new(Term::from_field_text(field, word), IndexRecordOption::Basic))
        })
        .collect();
    Ok(Expanded { query: Box::new(BooleanQuery::union(queries)), is_complete })
}

/// The query for everything within reach, however much that is: it reads every posting list there is.
pub(crate) fn expand_completely(field: Field, word: &str, reach: Reach) -> Box<dyn Query> {
    let term = Term::from_field_text(field, word);
    if reach == (Reach { prefix: false, typos: 0 }) {
        return Box::new(TermSetQuery::new([term]));
    }
    Box::new(fuzzy(term, reach))
}

fn fuzzy(term: Term, reach: Reach) -> FuzzyTermQuery {
    let swap_is_one_typo = true;
    if reach.prefix {
        FuzzyTermQuery::new_prefix(term, reach.typos, swap_is_one_typo)
    } else {
        FuzzyTermQuery::new(term, reach.typos, swap_is_one_typo)
    }
}
