//! What is likely in a file: the codes of its numbers and of the words of its texts.
//!
//! A block is a row of numbers and texts, each of a kind ([`Of`], [`Text`]), whose codes were made from how often each comes in
//! the whole file. Of a larger number the first bits have a code and the others follow as they are (the hybrid numbers of
//! JPEG XL, ISO/IEC 18181-1, C.3.3). A text is a row of words and of what stands between them, where one space between two
//! words is left out; a word that is too rare to have a code is spelt.

use std::collections::HashMap;

use super::bits::{BitReader, BitWriter};
use super::huffman::{self, Huffman};
use crate::beside::{Cursor, Wrong, put_varint};

macro_rules! numbers {
    ($($(#[$about:meta])* $name:ident,)*) => {
        /// The numbers of a block.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Of { $($(#[$about])* $name,)* }

        impl Of {
            const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

numbers! {
    /// How many words and what stands between them a title has, a name, a code.
    TitleWords, NameWords, CodeWords,
    /// A byte of a word that is spelt and one; zero ends it. By what the byte before is: see [`Spelling`].
    LetterFirst, LetterBehindSmall, LetterBehindAscii, LetterBehindLead, LetterBehindTail,
    /// Rows that follow one and have album, year, disc, cover and source in common with it.
    Run, Album, Year, Disc, Source, Cover, CoverBytes,
    Isrc, IsrcYear, IsrcNumber,
    /// The text of a credit and whose it is; how many ids that are.
    Credit, CreditIds, Artist,
    /// An id that the Parquet file does not have as it is.
    OtherId,
    Number, Duration,
}

const NUMBERS: usize = Of::ALL.len();

/// The texts of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Text {
    Title,
    Name,
    Code,
}

const TEXTS: usize = Text::Code as usize + 1;

impl Text {
    const ALL: [Self; TEXTS] = [Self::Title, Self::Name, Self::Code];

    /// How many words it has.
    const fn words(self) -> Of {
        match self {
            Self::Title => Of::TitleWords,
            Self::Name => Of::NameWords,
            Self::Code => Of::CodeWords,
        }
    }
}

/// Words that come less often are spelt: they would cost more in the list of words.
const LEAST_COUNT: u64 = 3;
/// Leading bits of a number, behind the first one, that are part of its token.
const LEADING: u32 = 4;
/// All texts of a block, in bytes; more is not believed.
const MAX_TEXT: usize = 256 << 20;

impl Of {
    /// Numbers of so many bits have a token each.
    const fn exact_bits(self) -> u32 {
        match self {
            // Bytes, and the end.
            Self::LetterFirst
            | Self::LetterBehindSmall
            | Self::LetterBehindAscii
            | Self::LetterBehindLead
            | Self::LetterBehindTail => 9,
            _ => 5,
        }
    }

    const fn tokens(self) -> u32 {
        let exact = self.exact_bits();
        (1 << exact) + ((u64::BITS - exact) << LEADING)
    }

    /// What of a number has a code; how many bits follow, and those.
    const fn token(self, value: u64) -> (u32, u32) {
        let exact = self.exact_bits();
        let Some(top) = value.checked_ilog2() else { return (0, 0) };
        if top < exact {
            return (value as u32, 0);
        }
        let rest = top - LEADING;
        ((1 << exact) + ((top - exact) << LEADING) + ((value >> rest) as u32 & ((1 << LEADING) - 1)), rest)
    }

    /// The number of which the other bits are zero, and how many they are.
    const fn start(self, token: u32) -> (u64, u32) {
        let exact = self.exact_bits();
        if token < 1 << exact {
            return (token as u64, 0);
        }
        let token = token - (1 << exact);
        let rest = (token >> LEADING) + exact - LEADING;
        (((1 << LEADING) | (token as u64 & ((1 << LEADING) - 1))) << rest, rest)
    }
}

fn is_word(piece: &str) -> bool {
    piece.chars().next().is_some_and(char::is_alphanumeric)
}

/// The words of a text and what stands between them, but for the spaces that stand alone between two words.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let of_words = rest.chars().next()?.is_alphanumeric();
            let end = rest.find(|letter: char| letter.is_alphanumeric() != of_words).unwrap_or(rest.len());
            let is_first = rest.len() == text.len();
            let (piece, others) = rest.split_at(end);
            rest = others;
            if piece != " " || is_first || others.is_empty() {
                return Some(piece);
            }
        }
    })
}

/// What a block is, before it is known how it is coded; and what all of them have so far.
#[derive(Default)]
pub(super) struct Tally {
    /// By [`Of`] and token.
    numbers: [Vec<u64>; NUMBERS],
    words: [Words; TEXTS],
}

#[derive(Default)]
struct Words {
    places: HashMap<Box<str>, u32>,
    list: Vec<(Box<str>, u64)>,
}

impl Tally {
    fn count(&mut self, of: Of, value: u64, times: u64) {
        let counts = &mut self.numbers[of as usize];
        counts.resize(of.tokens() as usize, 0);
        counts[of.token(value).0 as usize] += times;
    }
}

impl Words {
    fn count(&mut self, word: &str) -> u32 {
        let place = self.places.get(word).copied().unwrap_or_else(|| {
            let place = self.list.len() as u32;
            self.places.insert(word.into(), place);
            self.list.push((word.into(), 0));
            place
        });
        self.list[place as usize].1 += 1;
        place
    }

    fn truncate(&mut self, length: usize) {
        for (word, _) in self.list.drain(length.min(self.list.len())..) {
            self.places.remove(&word);
        }
    }
}

/// A block as numbers and the places of words, each behind the byte that says what it is.
pub(super) struct Tape<'a> {
    tally: &'a mut Tally,
    pub bytes: Vec<u8>,
}

impl<'a> Tape<'a> {
    pub(super) const fn new(tally: &'a mut Tally) -> Self {
        Self { tally, bytes: Vec::new() }
    }

    pub(super) fn number(&mut self, of: Of, value: u64) {
        self.tally.count(of, value, 1);
        self.bytes.push(of as u8);
        put_varint(&mut self.bytes, value);
    }

    pub(super) fn text(&mut self, kind: Text, text: &str) {
        self.number(kind.words(), pieces(text).count() as u64);
        for piece in pieces(text) {
            let place = self.tally.words[kind as usize].count(piece);
            self.bytes.push(NUMBERS as u8 + kind as u8);
            put_varint(&mut self.bytes, u64::from(place));
        }
    }
}

/// The codes of a file, and how to find them.
pub(super) struct Coder {
    models: Models,
    symbols_of_tokens: [Vec<u32>; NUMBERS],
    /// By the place in the tally; what has none is spelt.
    symbols_of_words: [Vec<Option<u32>>; TEXTS],
    spelling: [Option<u32>; TEXTS],
}

impl Coder {
    /// From all blocks of a file, or (`to_come`) from so many that the others are like them.
    pub(super) fn of(tally: &mut Tally, to_come: bool) -> Self {
        let mut words = Vec::with_capacity(TEXTS);
        let mut symbols_of_words: [Vec<Option<u32>>; TEXTS] = Default::default();
        let mut spelling = [None; TEXTS];
        for kind in Text::ALL {
            let list = std::mem::take(&mut tally.words[kind as usize].list);
            let mut frequent: Vec<(&str, u64, Option<u32>)> = Vec::new();
            let mut spelt = u64::from(to_come);
            for (place, (word, count)) in (0..).zip(&list) {
                if *count >= LEAST_COUNT {
                    frequent.push((word, *count, Some(place)));
                    continue;
                }
                spelt += count;
                Spelling::letters(word).for_each(|(of, letter)| tally.count(of, letter, *count));
            }
            if spelt > 0 {
                frequent.push(("", spelt, None));
            }
            let lengths = huffman::lengths(&frequent.iter().map(|(_, count, _)| *count).collect::<Vec<_>>());
            let mut order: Vec<(u8, &str, Option<u32>)> =
                lengths.iter().zip(&frequent).map(|(length, (word, _, place))| (*length, *word, *place)).collect();
            order.sort_unstable();
            let symbols = &mut symbols_of_words[kind as usize];
            symbols.resize(list.len(), None);
            for (symbol, (_, _, place)) in (0..).zip(&order) {
                match place {
                    Some(place) => symbols[*place as usize] = Some(symbol),
                    None => spelling[kind as usize] = Some(symbol),
                }
            }
            words.push(Vocabulary::new(&order));
            tally.words[kind as usize].list = list;
        }
        let mut numbers = Vec::with_capacity(NUMBERS);
        let mut symbols_of_tokens: [Vec<u32>; NUMBERS] = Default::default();
        for (of, counts) in Of::ALL.iter().zip(&mut tally.numbers) {
            if to_come {
                counts.resize(of.tokens() as usize, 0);
                counts.iter_mut().for_each(|count| *count += 1);
            }
            let used = (0..).zip(counts).filter(|(_, count)| **count > 0);
            let (tokens, counts): (Vec<u32>, Vec<u64>) = used.map(|(token, count)| (token, *count)).unzip();
            let mut order: Vec<(u8, u32)> = huffman::lengths(&counts).into_iter().zip(tokens).collect();
            order.sort_unstable();
            let symbols = &mut symbols_of_tokens[*of as usize];
            symbols.resize(of.tokens() as usize, 0);
            (0..).zip(&order).for_each(|(symbol, (_, token))| symbols[*token as usize] = symbol);
            numbers.push(Numbers::new(&order));
        }
        let models = Models { numbers, words };
        Self { models, symbols_of_tokens, symbols_of_words, spelling }
    }

    pub(super) const fn models(&self) -> &Models {
        &self.models
    }

    fn number(&self, of: Of, value: u64, bits: &mut BitWriter) {
        let (token, rest) = of.token(value);
        let symbol = self.symbols_of_tokens[of as usize][token as usize];
        self.models.numbers[of as usize].code.write(symbol, bits);
        bits.put(value, rest);
    }

    /// A block's bits. Words that only it has are forgotten.
    pub(super) fn block(&self, tape: &[u8], tally: &mut Tally) -> Result<Vec<u8>, Wrong> {
        let mut bits = BitWriter::default();
        let mut tape = Cursor(tape);
        while !tape.0.is_empty() {
            let kind = usize::from(tape.byte()?);
            let value = tape.varint()?;
            if let Some(of) = Of::ALL.get(kind) {
                self.number(*of, value, &mut bits);
                continue;
            }
            let (text, place) = (kind - NUMBERS, value as usize);
            let code = &self.models.words[text].code;
            if let Some(symbol) = self.symbols_of_words[text].get(place).copied().flatten() {
                code.write(symbol, &mut bits);
            } else {
                code.write(self.spelling[text].ok_or(Wrong("a word has no code"))?, &mut bits);
                let (word, _) = tally.words[text].list.get(place).ok_or(Wrong("a word is unknown"))?;
                Spelling::letters(word).for_each(|(of, letter)| self.number(of, letter, &mut bits));
            }
        }
        for (words, symbols) in tally.words.iter_mut().zip(&self.symbols_of_words) {
            words.truncate(symbols.len());
        }
        Ok(bits.finish())
    }
}

/// How a word is spelt: what may follow a byte depends on what that is, above all on whether it is of a code, of a word, or
/// of another script.
struct Spelling(Of);

impl Spelling {
    const START: Self = Self(Of::LetterFirst);

    /// The kind of the next letter, in front of which there is this byte.
    const fn behind(byte: u8) -> Self {
        Self(match byte {
            b'a'..=b'z' => Of::LetterBehindSmall,
            0..0x80 => Of::LetterBehindAscii,
            0xc0.. => Of::LetterBehindLead,
            _ => Of::LetterBehindTail,
        })
    }

    /// Each byte of a word, and the end.
    fn letters(word: &str) -> impl Iterator<Item = (Of, u64)> {
        let before = [Self::START].into_iter().chain(word.bytes().map(Self::behind));
        before.map(|spelling| spelling.0).zip(word.bytes().map(|byte| u64::from(byte) + 1).chain([0]))
    }
}

/// The code of the numbers of one kind.
struct Numbers {
    code: Huffman,
    /// The token of each symbol.
    tokens: Vec<u32>,
}

impl Numbers {
    fn new(order: &[(u8, u32)]) -> Self {
        let (lengths, tokens): (Vec<u8>, Vec<u32>) = order.iter().copied().unzip();
        Self { code: Huffman::of_lengths(&lengths), tokens }
    }
}

/// The code of the words of one kind of text.
struct Vocabulary {
    code: Huffman,
    words: String,
    /// Where the word of each symbol ends; the empty one says that one is spelt.
    ends: Vec<u32>,
}

impl Vocabulary {
    fn new(order: &[(u8, &str, Option<u32>)]) -> Self {
        let lengths: Vec<u8> = order.iter().map(|(length, ..)| *length).collect();
        let mut words = String::new();
        let mut ends = Vec::with_capacity(order.len());
        for (_, word, _) in order {
            words.push_str(word);
            ends.push(words.len() as u32);
        }
        Self { code: Huffman::of_lengths(&lengths), words, ends }
    }

    fn word(&self, symbol: u32) -> &str {
        let symbol = symbol as usize;
        let start = symbol.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.words[start as usize..self.ends[symbol] as usize]
    }
}

/// The codes of a file.
pub(super) struct Models {
    /// By [`Of`].
    numbers: Vec<Numbers>,
    /// By [`Text`].
    words: Vec<Vocabulary>,
}

impl Models {
    /// Each word by what it has in common with the one before, so that zstd finds more.
    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        for numbers in &self.numbers {
            numbers.code.put(bytes);
            numbers.tokens.iter().for_each(|token| put_varint(bytes, u64::from(*token)));
        }
        for words in &self.words {
            words.code.put(bytes);
            let (mut shared, mut lengths, mut letters) = (Vec::new(), Vec::new(), Vec::new());
            let mut last = "";
            for symbol in 0..words.code.symbols() {
                let word = words.word(symbol);
                let common = word.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
                put_varint(&mut shared, common as u64);
                put_varint(&mut lengths, (word.len() - common) as u64);
                letters.extend_from_slice(&word.as_bytes()[common..]);
                last = word;
            }
            bytes.extend(shared);
            bytes.extend(lengths);
            bytes.extend(letters);
        }
    }

    pub(super) fn parse(bytes: &mut Cursor<'_>) -> Result<Self, Wrong> {
        let mut numbers = Vec::with_capacity(NUMBERS);
        for of in Of::ALL {
            let code = Huffman::parse(bytes)?;
            let token = |bytes: &mut Cursor<'_>| {
                let token = u32::try_from(bytes.varint()?).ok().filter(|token| *token < of.tokens());
                token.ok_or(Wrong("it has a number that cannot be"))
            };
            let tokens = (0..code.symbols()).map(|_| token(bytes)).collect::<Result<Vec<u32>, Wrong>>()?;
            numbers.push(Numbers { code, tokens });
        }
        let words = Text::ALL.iter().map(|_| Self::vocabulary(bytes)).collect::<Result<Vec<_>, Wrong>>()?;
        Ok(Self { numbers, words })
    }

    fn vocabulary(bytes: &mut Cursor<'_>) -> Result<Vocabulary, Wrong> {
        let code = Huffman::parse(bytes)?;
        let mut read = || -> Result<Vec<usize>, Wrong> {
            let length =
                |bytes: &mut Cursor<'_>| usize::try_from(bytes.varint()?).map_err(|_| Wrong("a word is too long"));
            (0..code.symbols()).map(|_| length(bytes)).collect()
        };
        let (shared, lengths) = (read()?, read()?);
        let mut words: Vec<u8> = Vec::new();
        let mut ends: Vec<u32> = Vec::with_capacity(shared.len());
        let mut last = 0..0;
        for (shared, length) in shared.into_iter().zip(lengths) {
            let start = words.len();
            if shared > last.len() || start + shared > MAX_TEXT {
                return Err(Wrong("a word has more in common with another than that is long"));
            }
            words.extend_from_within(last.start..last.start + shared);
            words.extend_from_slice(bytes.take(length)?);
            last = start..words.len();
            ends.push(u32::try_from(last.end).map_err(|_| Wrong("it has too many words"))?);
        }
        let words = String::from_utf8(words).map_err(|_| Wrong("its words are not UTF-8"))?;
        if ends.iter().any(|end| !words.is_char_boundary(*end as usize)) {
            return Err(Wrong("a word ends within a character"));
        }
        Ok(Vocabulary { code, words, ends })
    }

    /// Reads a block.
    pub(super) fn reader<'a>(&'a self, bytes: &'a [u8]) -> Reader<'a> {
        Reader { models: self, bits: BitReader::new(bytes), texts: 0 }
    }
}

/// The numbers and texts of a block, in order.
pub(super) struct Reader<'a> {
    models: &'a Models,
    bits: BitReader<'a>,
    /// Bytes of texts so far.
    texts: usize,
}

impl Reader<'_> {
    pub(super) fn number(&mut self, of: Of) -> Result<u64, Wrong> {
        let numbers = &self.models.numbers[of as usize];
        let symbol = numbers.code.read(&mut self.bits)?;
        let (start, rest) = of.start(numbers.tokens[symbol as usize]);
        Ok(start | self.bits.take(rest)?)
    }

    /// A number that counts something below a limit.
    pub(super) fn below(&mut self, of: Of, limit: usize) -> Result<usize, Wrong> {
        let number = usize::try_from(self.number(of)?).ok().filter(|number| *number < limit);
        number.ok_or(Wrong("a number is too large"))
    }

    /// Adds a text to another.
    pub(super) fn text(&mut self, kind: Text, text: &mut String) -> Result<(), Wrong> {
        let vocabulary = &self.models.words[kind as usize];
        let mut is_behind_word = false;
        for _ in 0..self.number(kind.words())? {
            let start = text.len();
            let known = vocabulary.word(vocabulary.code.read(&mut self.bits)?);
            let spelt;
            let piece = if known.is_empty() {
                spelt = self.spelt()?;
                &*spelt
            } else {
                known
            };
            let is_word = is_word(piece);
            if is_word && is_behind_word {
                text.push(' ');
            }
            text.push_str(piece);
            is_behind_word = is_word;
            self.count(text.len() - start)?;
        }
        Ok(())
    }

    fn spelt(&mut self) -> Result<String, Wrong> {
        let mut bytes = Vec::new();
        let mut spelling = Spelling::START;
        loop {
            let letter = self.number(spelling.0)?;
            if letter == 0 {
                return String::from_utf8(bytes).map_err(|_| Wrong("a word is not UTF-8"));
            }
            let byte = u8::try_from(letter - 1).map_err(|_| Wrong("a letter is none"))?;
            bytes.push(byte);
            spelling = Spelling::behind(byte);
            self.count(1)?;
        }
    }

    /// What takes no bits could go on for ever.
    const fn count(&mut self, bytes: usize) -> Result<(), Wrong> {
        self.texts += if bytes == 0 { 1 } else { bytes };
        if self.texts > MAX_TEXT { Err(Wrong("a block has too much text")) } else { Ok(()) }
    }
}
