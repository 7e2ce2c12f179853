//! From a query's word to the words of the index that may stand for it.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;

use tantivy::query::{BooleanQuery, FuzzyTermQuery, Query, TermQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::termdict::TermStreamer;
use tantivy::{InvertedIndexReader, Searcher, SegmentReader, TantivyError, Term};
use tantivy_fst::Automaton;

use super::word_list::WordList;
use super::words::becomes;

/// Words of the index that stand for one word of a query; more than this cost more than they find.
pub(crate) const MAX_EXPANSIONS: usize = 64;
/// Terms that begin so are no words: see [`super::words::title_terms`].
pub(super) const FIRST_WORD: &str = "\u{20}";

/// How far a word of the index may be from the word that was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Reach {
    /// The word of the index may go on.
    pub prefix: bool,
    /// Letters wrong, missing, too many, or two neighbours swapped: 0 to 2.
    pub typos: u8,
}

impl Reach {
    pub(crate) const EXACT: Self = Self { prefix: false, typos: 0 };
}

/// The words of the index within reach of one that was typed: the most frequent ones of the first field alone, and of all
/// fields together.
///
/// Frequencies are those of the index's dictionaries, which count a replaced document until its segment is merged; this
/// decides only which of more than [`MAX_EXPANSIONS`] words are looked at first.
pub(crate) struct Reached {
    first: Most,
    all: Most,
}

/// The most frequent words so far.
#[derive(Default)]
struct Most {
    kept: BinaryHeap<Reverse<Counted>>,
    seen: usize,
    /// Documents of all words that were seen.
    documents: u64,
}

/// A word: how often it is there, then the first in the alphabet, and in which of the fields it is.
type Counted = (u64, Reverse<Vec<u8>>, Vec<Field>);

impl Most {
    fn see(&mut self, word: &[u8], counts: [u64; 2], fields: [Field; 2]) {
        let count = counts.iter().sum();
        if count == 0 {
            return;
        }
        self.seen += 1;
        self.documents += count;
        if self.kept.len() == MAX_EXPANSIONS {
            let least = self.kept.peek().map(|Reverse((count, Reverse(word), _))| (*count, Reverse(word.as_slice())));
            if least.is_some_and(|least| (count, Reverse(word)) < least) {
                return;
            }
            self.kept.pop();
        }
        let with_it = fields.into_iter().zip(counts).filter(|(_, count)| *count > 0).map(|(field, _)| field);
        self.kept.push(Reverse((count, Reverse(word.to_owned()), with_it.collect())));
    }
}

impl Reached {
    /// Reads the list of all words, and beside it the dictionaries of the segments that it does not cover, once.
    pub(crate) fn look(
        searcher: &Searcher,
        list: Option<&WordList>,
        fields: [Field; 2],
        word: &str,
        reach: Reach,
    ) -> Result<Self, TantivyError> {
        let is_left = |segment: &SegmentReader| list.is_none_or(|list| !list.covers(segment.segment_id()));
        let dictionaries = dictionaries(searcher, fields, is_left)?;
        let automaton;
        let mut streams: Vec<Box<dyn Words + '_>> = Vec::new();
        if reach.typos == 0 {
            let (start, end) = of_prefix(word);
            streams.extend(list.map(|list| list.beginning_with(&start, &end)));
            for (place, words) in &dictionaries {
                streams.push(Box::new((*place, words.terms().range().ge(&start).lt(&end).into_stream()?)));
            }
        } else {
            automaton = fuzzy(Term::from_field_text(fields[0], word), reach).automaton()?;
            streams.extend(list.map(|list| list.matching(&automaton)));
            for (place, words) in &dictionaries {
                streams.push(Box::new((*place, words.terms().search(&automaton).into_stream()?)));
            }
        }
        let mut reached = Self { first: Most::default(), all: Most::default() };
        let mut merged = Merged::new(streams);
        while let Some((word, counts)) = merged.next() {
            if word >= FIRST_WORD.as_bytes() {
                reached.first.see(word, [counts[0], 0], fields);
                reached.all.see(word, counts, fields);
            }
        }
        Ok(reached)
    }

    /// The query for any of the words in the first field, or in any field.
    pub(crate) fn query(&self, in_first: bool) -> Box<dyn Query> {
        let most = if in_first { &self.first } else { &self.all };
        let mut queries: Vec<Box<dyn Query>> = Vec::new();
        for Reverse((_, Reverse(word), fields)) in &most.kept {
            let Ok(word) = std::str::from_utf8(word) else { continue };
            queries.extend(fields.iter().map(|field| exactly(&[*field], word)));
        }
        Box::new(BooleanQuery::union(queries))
    }

    /// What it takes to look at every word within reach, as documents; none: no word is left out.
    pub(crate) fn left_out(&self, in_first: bool) -> Option<u64> {
        let most = if in_first { &self.first } else { &self.all };
        (most.seen > MAX_EXPANSIONS).then_some(most.documents)
    }
}

/// Where the words with this beginning begin and end, in the order of their bytes.
fn of_prefix(word: &str) -> (Vec<u8>, Vec<u8>) {
    let plain = || (word.as_bytes().to_vec(), [word.as_bytes(), &[0xff]].concat());
    // A syllable of Hangul that is being typed begins those that it can become: they follow each other in Unicode.
    let Some((last, syllables)) = word.chars().next_back().and_then(|last| Some((last, becomes(last)?))) else {
        // No byte of UTF-8 is 0xff.
        return plain();
    };
    let (Some(first), Some(end)) = (char::from_u32(syllables.start), char::from_u32(syllables.end)) else {
        return plain();
    };
    let before = &word[..word.len() - last.len_utf8()];
    (format!("{before}{first}").into_bytes(), format!("{before}{end}").into_bytes())
}

/// The dictionaries of both fields in some segments, each with the place of its field.
pub(super) fn dictionaries(
    searcher: &Searcher,
    fields: [Field; 2],
    is_wanted: impl Fn(&SegmentReader) -> bool,
) -> Result<Vec<(usize, Arc<InvertedIndexReader>)>, TantivyError> {
    let mut dictionaries = Vec::new();
    for segment in searcher.segment_readers().iter().filter(|segment| is_wanted(segment)) {
        for (place, field) in fields.into_iter().enumerate() {
            dictionaries.push((place, segment.inverted_index(field)?));
        }
    }
    Ok(dictionaries)
}

/// Words in the order of their bytes.
pub(super) trait Words {
    /// Gives the next word, and how often it is in each of the fields.
    fn next(&mut self, word: &mut Vec<u8>) -> Option<[u64; 2]>;
}

/// The words of a segment in one of the fields.
impl<A: Automaton> Words for (usize, TermStreamer<'_, A>) {
    fn next(&mut self, word: &mut Vec<u8>) -> Option<[u64; 2]> {
        if !self.1.advance() {
            return None;
        }
        word.clear();
        word.extend_from_slice(self.1.key());
        let mut counts = [0; 2];
        counts[self.0] = u64::from(self.1.value().doc_freq);
        Some(counts)
    }
}

/// Several streams of words as one.
pub(super) struct Merged<'a> {
    next: BinaryHeap<Next<'a>>,
    word: Vec<u8>,
}

/// A stream and its word, the first one in the alphabet greatest.
struct Next<'a> {
    word: Vec<u8>,
    counts: [u64; 2],
    stream: Box<dyn Words + 'a>,
}

impl<'a> Merged<'a> {
    pub(super) fn new(streams: Vec<Box<dyn Words + 'a>>) -> Self {
        let begin = |mut stream: Box<dyn Words + 'a>| {
            let mut word = Vec::new();
            let counts = stream.next(&mut word)?;
            Some(Next { word, counts, stream })
        };
        Self { next: streams.into_iter().filter_map(begin).collect(), word: Vec::new() }
    }

    /// The next word, with all counts together.
    pub(super) fn next(&mut self) -> Option<(&[u8], [u64; 2])> {
        self.word.clone_from(&self.next.peek()?.word);
        let mut sums = [0; 2];
        while let Some(mut least) = self.next.peek_mut()
            && least.word == self.word
        {
            sums = [sums[0] + least.counts[0], sums[1] + least.counts[1]];
            let Next { word, counts, stream } = &mut *least;
            match stream.next(word) {
                Some(of_next) => *counts = of_next,
                None => drop(PeekMut::pop(least)),
            }
        }
        Some((&self.word, sums))
    }
}

impl Ord for Next<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.word.cmp(&self.word)
    }
}

impl PartialOrd for Next<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Next<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Next<'_> {}

pub(crate) fn exactly(fields: &[Field], word: &str) -> Box<dyn Query> {
    let query = |field: &Field| -> Box<dyn Query> {
        Box::new(TermQuery::new(Term::from_field_text(*field, word), IndexRecordOption::Basic))
    };
    match fields {
        [field] => query(field),
        fields => Box::new(BooleanQuery::union(fields.iter().map(query).collect())),
    }
}

/// The query for everything within reach, however much that is: it reads every posting list there is.
pub(crate) fn completely(fields: &[Field], word: &str, reach: Reach) -> Box<dyn Query> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_behind_its_words() {
        let begins = |prefix: &str, word: &str| {
            let (start, end) = of_prefix(prefix);
            word.as_bytes() >= &*start && word.as_bytes() < &*end
        };
        for (prefix, words) in [
            ("a", vec!["a", "ab", "a\u{10ffff}"]),
            ("é", vec!["é", "éz"]),
            ("겨우", vec!["겨우", "겨우내", "겨울", "겨울밤", "겨웋"]),
            ("히", vec!["히", "힣", "힣가"]),
            ("겨울", vec!["겨울", "겨울밤"]),
            // As typed with one key of the next syllable.
            ("소\u{1102}", vec!["소나", "소녀시대", "소닣"]),
            ("\u{1112}", vec!["하", "힣", "힣가"]),
        ] {
            assert!(words.iter().all(|word| begins(prefix, word)), "{prefix}");
        }
        for (prefix, word) in [
            ("a", "b"),
            ("é", "ê"),
            ("겨우", "겨유"),
            ("겨우", "겨"),
            ("겨울", "겨우"),
            ("겨울", "겨욹"),
            ("히", "A"),
            ("소\u{1102}", "소다"),
            ("소\u{1102}", "소"),
        ] {
            assert!(!begins(prefix, word), "{prefix} {word}");
        }
    }
}
