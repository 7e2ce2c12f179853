//! How often each number and word comes in a file, and the codes that follow from it.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::bits::BitWriter;
use super::huffman::{self, Code, Huffman};
use super::models::{GROUP, LENGTH_BITS, Models, Vocabulary};
use super::numbers::{LETTERS, NUMBERS, Of, SPELLINGS, Spelt, TEXTS, TOKENS, Text, letters, pieces, spelt, token};
use crate::beside::{Cursor, Wrong, put_varint};

/// Words that are read at once, in bytes: about as many as a first look-up needs, and one read from the disk.
const WORDS_PAGE: u64 = 1 << 14;
/// Words that come less often are spelt where they are: they would cost more among the words of the file.
const LEAST_COUNT: u64 = 2;

/// How often what comes in the blocks so far.
#[derive(Default)]
pub(super) struct Tally {
    /// By [`Of`] and token.
    numbers: [Vec<u64>; NUMBERS],
    /// By the letter in front and symbol.
    letters: [Vec<u64>; SPELLINGS],
    words: [Words; TEXTS],
}

/// The words of one kind of text, numbered as they come.
#[derive(Default)]
struct Words {
    /// Short ones, which most are, as [`packed`]: a word that is not at hand is waited for once.
    short: HashMap<(u64, u64), Seen, RandomState>,
    long: HashMap<Box<str>, Seen, RandomState>,
    all: String,
    ends: Vec<usize>,
}

/// The number of a word, and how often it was seen.
struct Seen {
    place: u32,
    count: u32,
}

/// A word of up to 15 bytes, and how many they are.
fn packed(word: &str) -> Option<(u64, u64)> {
    let mut bytes = [0; 16];
    bytes[15] = word.len() as u8;
    (word.len() < 16).then(|| {
        bytes[..word.len()].copy_from_slice(word.as_bytes());
        let packed = u128::from_le_bytes(bytes);
        (packed as u64, (packed >> 64) as u64)
    })
}

impl Tally {
    fn count(&mut self, of: Of, value: u64) {
        let counts = &mut self.numbers[of as usize];
        if counts.is_empty() {
            counts.resize(TOKENS as usize, 0);
        }
        counts[token(value).0 as usize] += 1;
    }

    fn count_letter(&mut self, spelling: usize, symbol: u32, times: u64) {
        let counts = &mut self.letters[spelling];
        if counts.is_empty() {
            counts.resize(LETTERS as usize, 0);
        }
        counts[symbol as usize] += times;
    }
}

impl Words {
    /// The number of a word, which was seen once more.
    fn count(&mut self, word: &str) -> u32 {
        let new = Seen { place: self.ends.len() as u32, count: 0 };
        let seen = match packed(word) {
            Some(packed) => self.short.entry(packed).or_insert(new),
            None if self.long.contains_key(word) => self.long.get_mut(word).expect("it is there"),
            None => self.long.entry(word.into()).or_insert(new),
        };
        if seen.count == 0 {
            self.all.push_str(word);
            self.ends.push(self.all.len());
        }
        seen.count = seen.count.saturating_add(1);
        seen.place
    }

    /// How often each word was seen.
    fn counts(&self) -> Vec<u32> {
        let mut counts = vec![0; self.ends.len()];
        self.short.values().chain(self.long.values()).for_each(|seen| counts[seen.place as usize] = seen.count);
        counts
    }

    fn get(&self, place: usize) -> Option<&str> {
        let start = if place == 0 { 0 } else { *self.ends.get(place - 1)? };
        self.all.get(start..*self.ends.get(place)?)
    }

    fn truncate(&mut self, length: usize) {
        while self.ends.len() > length {
            self.ends.pop();
            let start = self.ends.last().copied().unwrap_or(0);
            let word = &self.all[start..];
            match packed(word) {
                Some(packed) => self.short.remove(&packed),
                None => self.long.remove(word),
            };
            self.all.truncate(start);
        }
    }
}

/// What stands in a tape where a piece begins.
const PIECE: u8 = (NUMBERS + TEXTS) as u8;

/// A block as numbers and the places of words, each behind the byte that says what it is.
pub(super) struct Tape<'a> {
    tally: &'a mut Tally,
    pub bytes: Vec<u8>,
    /// Of the words of a text, while they are counted.
    places: Vec<u32>,
}

impl<'a> Tape<'a> {
    pub(super) const fn new(tally: &'a mut Tally) -> Self {
        Self { tally, bytes: Vec::new(), places: Vec::new() }
    }

    pub(super) fn number(&mut self, of: Of, value: u64) {
        self.tally.count(of, value);
        self.bytes.push(of as u8);
        put_varint(&mut self.bytes, value);
    }

    /// Here a piece of the block begins that can be read without those before it.
    pub(super) fn piece(&mut self) {
        self.bytes.push(PIECE);
        self.bytes.push(0);
    }

    pub(super) fn text(&mut self, kind: Text, text: &str) {
        let words = &mut self.tally.words[kind as usize];
        let mut places = std::mem::take(&mut self.places);
        places.extend(pieces(text).map(|piece| words.count(piece)));
        self.number(kind.words(), places.len() as u64);
        for place in places.drain(..) {
            self.bytes.push(NUMBERS as u8 + kind as u8);
            put_varint(&mut self.bytes, u64::from(place));
        }
        self.places = places;
    }
}

/// The codes of a file, and how to find them.
pub(super) struct Coder {
    models: Models,
    /// The words of the file, spelt.
    words: Vec<u8>,
    /// Where each page of them begins, in bytes.
    pages: Vec<usize>,
    codes_of_tokens: Vec<Vec<Code>>,
    codes_of_letters: Vec<Vec<Code>>,
    /// By the place in the tally.
    codes_of_words: [Vec<Option<Code>>; TEXTS],
    /// What says that a word has none, and is spelt.
    rare: [Option<Code>; TEXTS],
}

/// A word by the length of its code, and its place in the tally; none: what says that a word is spelt.
type Ranked = (u8, Box<str>, Option<u32>);

impl Coder {
    /// From all blocks of a file, or (`to_come`) from so many that the others are like them.
    pub(super) fn of(tally: &mut Tally, to_come: bool) -> Result<Self, Wrong> {
        let ranked = Text::ALL.map(|kind| ranked(tally, kind, to_come));
        let of_all = |all: &mut [Vec<u64>], symbols: u32| -> (Vec<Huffman>, Vec<Vec<Code>>) {
            all.iter_mut().map(|counts| coded(counts, to_come.then_some(symbols))).unzip()
        };
        let (numbers, codes_of_tokens) = of_all(&mut tally.numbers, TOKENS);
        let (letters, codes_of_letters) = of_all(&mut tally.letters, LETTERS);
        let mut coder = Self {
            models: Models { numbers, letters, words: Vec::with_capacity(TEXTS) },
            words: Vec::new(),
            pages: vec![0],
            codes_of_tokens,
            codes_of_letters,
            codes_of_words: Default::default(),
            rare: [None; TEXTS],
        };
        let mut bits = BitWriter::default();
        for (kind, ranked) in Text::ALL.into_iter().zip(&ranked) {
            let known = tally.words[kind as usize].ends.len();
            coder.add_words(kind, ranked, known, &mut bits)?;
        }
        coder.words = bits.finish();
        Ok(coder)
    }

    /// Gives the words of one kind of text their codes, of `known` ones in the tally, and spells them.
    fn add_words(&mut self, kind: Text, ranked: &[Ranked], known: usize, bits: &mut BitWriter) -> Result<(), Wrong> {
        let lengths: Vec<u8> = ranked.iter().map(|(length, ..)| *length).collect();
        let code = Huffman::of_lengths(&lengths);
        let (mut rare, mut groups) = (None, Vec::new());
        let codes = &mut self.codes_of_words[kind as usize];
        codes.resize(known, None);
        for (symbol, (code, (_, _, place))) in (0..).zip(code.codes().zip(ranked)) {
            match place {
                Some(place) => codes[*place as usize] = Some(code),
                None => (rare, self.rare[kind as usize]) = (Some(symbol), Some(code)),
            }
        }
        for group in ranked.chunks(GROUP) {
            let page = self.pages.last().map_or(0, |start| *start as u64 * 8);
            if bits.position() - page >= WORDS_PAGE * 8 {
                bits.align();
                self.pages.push((bits.position() / 8) as usize);
            }
            groups.push(u32::try_from(bits.position()).map_err(|_| Wrong("it has too many words"))?);
            for spelt in spelt(group.iter().map(|(_, word, _)| &**word)) {
                match spelt {
                    Spelt::Common(common) => self.number(Of::Common, common as u64, bits),
                    Spelt::Letter(spelling, symbol) => self.letter(spelling, symbol, bits),
                }
            }
        }
        self.models.words.push(Vocabulary { code, rare, groups });
        Ok(())
    }

    pub(super) const fn models(&self) -> &Models {
        &self.models
    }

    /// The words that the models speak of, page by page.
    pub(super) fn words(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let end = |page: usize| self.pages.get(page + 1).copied().unwrap_or(self.words.len());
        self.pages.iter().enumerate().map(move |(page, start)| &self.words[*start..end(page)])
    }

    fn number(&self, of: Of, value: u64, bits: &mut BitWriter) {
        let (token, rest) = token(value);
        self.codes_of_tokens[of as usize][token as usize].write(bits);
        bits.put(value, rest);
    }

    fn letter(&self, spelling: usize, symbol: u32, bits: &mut BitWriter) {
        self.codes_of_letters[spelling][symbol as usize].write(bits);
    }

    /// A block's bits. Words that only it has are forgotten.
    pub(super) fn block(&self, tape: &[u8], tally: &mut Tally) -> Result<Vec<u8>, Wrong> {
        let (mut bits, mut whole) = (BitWriter::default(), Vec::new());
        let mut tape = Cursor(tape);
        while !tape.0.is_empty() {
            let kind = usize::from(tape.byte()?);
            let value = tape.varint()?;
            if let Some(of) = Of::ALL.get(kind) {
                self.number(*of, value, &mut bits);
                continue;
            }
            if kind == usize::from(PIECE) {
                whole.push(std::mem::take(&mut bits));
                continue;
            }
            let (text, place) = (kind - NUMBERS, value as usize);
            if let Some(code) = self.codes_of_words[text].get(place).copied().flatten() {
                code.write(&mut bits);
            } else {
                self.rare[text].ok_or(Wrong("a word has no code"))?.write(&mut bits);
                let word = tally.words[text].get(place).ok_or(Wrong("a word is unknown"))?;
                letters(word, 0).for_each(|(spelling, symbol)| self.letter(spelling, symbol, &mut bits));
            }
        }
        for (words, codes) in tally.words.iter_mut().zip(&self.codes_of_words) {
            words.truncate(codes.len());
        }
        whole.push(bits);
        Ok(together(whole))
    }
}

/// What the pieces of a block have in common, how long each of them but the last is, and the pieces.
fn together(mut parts: Vec<BitWriter>) -> Vec<u8> {
    let pieces = parts.split_off(1);
    let mut bits = parts.pop().unwrap_or_default();
    if let [lengths @ .., _] = pieces.iter().map(BitWriter::position).collect::<Vec<u64>>().as_slice() {
        let width = lengths.iter().max().map_or(0, |longest| u64::BITS - longest.leading_zeros());
        if !lengths.is_empty() {
            bits.put(u64::from(width), LENGTH_BITS);
        }
        lengths.iter().for_each(|length| bits.put(*length, width));
    }
    pieces.iter().for_each(|piece| bits.append(piece));
    bits.finish()
}

/// The code of what was counted, with as many symbols as were, or all of so many; and the code of each symbol.
fn coded(counts: &mut Vec<u64>, all: Option<u32>) -> (Huffman, Vec<Code>) {
    if let Some(all) = all {
        counts.resize(all as usize, 0);
        counts.iter_mut().for_each(|count| *count += 1);
    }
    let used = (0..).zip(&*counts).filter(|(_, count)| **count > 0);
    let (symbols, used): (Vec<u32>, Vec<u64>) = used.map(|(symbol, count)| (symbol, *count)).unzip();
    let mut order: Vec<(u8, u32)> = huffman::lengths(&used).into_iter().zip(symbols).collect();
    order.sort_unstable();
    let (lengths, symbols): (Vec<u8>, Vec<u32>) = order.into_iter().unzip();
    let code = Huffman::of_lengths(&lengths);
    let mut codes = vec![Code::default(); counts.len()];
    code.codes().zip(&symbols).for_each(|(code, symbol)| codes[*symbol as usize] = code);
    (code.named(symbols), codes)
}

/// The words of one kind of text that get a code, in the order of their codes. Counts the letters of all.
fn ranked(tally: &mut Tally, kind: Text, to_come: bool) -> Vec<Ranked> {
    let words = std::mem::take(&mut tally.words[kind as usize]);
    let mut frequent: Vec<(&str, u64, Option<u32>)> = Vec::new();
    let mut rare = u64::from(to_come);
    for (place, count) in words.counts().into_iter().enumerate() {
        let (word, count) = (words.get(place).unwrap_or_default(), u64::from(count));
        if count >= LEAST_COUNT {
            frequent.push((word, count, Some(place as u32)));
        } else {
            rare += count;
            letters(word, 0).for_each(|(spelling, symbol)| tally.count_letter(spelling, symbol, count));
        }
    }
    if rare > 0 {
        frequent.push(("", rare, None));
    }
    let lengths = huffman::lengths(&frequent.iter().map(|(_, count, _)| *count).collect::<Vec<_>>());
    let ranked = lengths.into_iter().zip(frequent).map(|(length, (word, _, place))| (length, word.into(), place));
    let mut ranked: Vec<Ranked> = ranked.collect();
    ranked.sort_unstable();
    tally.words[kind as usize] = words;
    for group in ranked.chunks(GROUP) {
        for spelt in spelt(group.iter().map(|(_, word, _)| &**word)) {
            match spelt {
                Spelt::Common(common) => tally.count(Of::Common, common as u64),
                Spelt::Letter(spelling, symbol) => tally.count_letter(spelling, symbol, 1),
            }
        }
    }
    ranked
}
