//! What is likely in a file: the codes of its numbers and of the words of its texts.
//!
//! A block is a row of numbers and texts, each of a kind ([`Of`], [`Text`]), whose codes were made from how often each
//! comes in the whole file. Words are spelt once, behind the blocks, and looked up there when a text is asked for: most
//! texts of a block are passed over, and to know where one ends the codes of its words are enough.

use super::bits::BitReader;
use super::huffman::Huffman;
use super::numbers::{LETTERS, NUMBERS, Of, SPELLINGS, TOKENS, Text, is_word, spelling, start};
use crate::beside::{Cursor, Wrong, put_varint};

/// Words that are spelt behind each other; it is told where such a group begins.
pub(super) const GROUP: usize = 16;
/// Bits of the number that says how many bits the lengths of a block's pieces have.
pub(super) const LENGTH_BITS: u32 = 6;
/// Words and letters of the texts of a block; more are not believed.
const MAX_TEXT: usize = 256 << 20;

/// The code of the words of one kind of text.
pub(super) struct Vocabulary {
    pub code: Huffman,
    /// The symbol that says that a word has none, and is spelt.
    pub rare: Option<u32>,
    /// Where each [`GROUP`] of words is spelt, in bits.
    pub groups: Vec<u32>,
}

/// The codes of a file.
pub(super) struct Models {
    /// The tokens of numbers, by [`Of`].
    pub numbers: Vec<Huffman>,
    /// By [`spelling`].
    pub letters: Vec<Huffman>,
    /// By [`Text`].
    pub words: Vec<Vocabulary>,
}

impl Models {
    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        self.numbers.iter().chain(&self.letters).for_each(|code| code.put(bytes));
        let mut last = 0;
        for words in &self.words {
            words.code.put(bytes);
            put_varint(bytes, words.rare.map_or(0, |symbol| u64::from(symbol) + 1));
            for group in &words.groups {
                put_varint(bytes, u64::from(group - last));
                last = *group;
            }
        }
    }

    pub(super) fn parse(bytes: &mut Cursor<'_>) -> Result<Self, Wrong> {
        let mut codes = |count: usize, end: u32| {
            (0..count).map(|_| Huffman::parse_named(bytes, end)).collect::<Result<Vec<Huffman>, Wrong>>()
        };
        let (numbers, letters) = (codes(NUMBERS, TOKENS)?, codes(SPELLINGS, LETTERS)?);
        let mut last = 0_u64;
        let mut vocabulary = |_| -> Result<Vocabulary, Wrong> {
            let code = Huffman::parse(bytes)?;
            let rare = match bytes.varint()? {
                0 => None,
                symbol => Some(u32::try_from(symbol - 1).map_err(|_| Wrong("it has a word that cannot be"))?),
            };
            let mut group = |_| {
                last = last.saturating_add(bytes.varint()?);
                u32::try_from(last).map_err(|_| Wrong("it has too many words"))
            };
            let groups = (code.symbols() as usize).div_ceil(GROUP);
            let groups = (0..groups).map(&mut group).collect::<Result<Vec<u32>, Wrong>>()?;
            Ok(Vocabulary { code, rare, groups })
        };
        let words = Text::ALL.iter().map(&mut vocabulary).collect::<Result<Vec<_>, Wrong>>()?;
        Ok(Self { numbers, letters, words })
    }

    /// Reads a block, or the words, from some bit on.
    pub(super) const fn reader<'a>(&'a self, bytes: &'a [u8], at: usize) -> Reader<'a> {
        Reader { models: self, bits: BitReader::new(bytes, at), steps: 0 }
    }
}

/// The numbers and texts of a block, in order.
pub(super) struct Reader<'a> {
    models: &'a Models,
    bits: BitReader<'a>,
    /// Words and letters so far.
    steps: usize,
}

impl Reader<'_> {
    pub(super) fn number(&mut self, of: Of) -> Result<u64, Wrong> {
        let (start, rest) = start(self.models.numbers[of as usize].read(&mut self.bits)?);
        Ok(start | self.bits.take(rest)?)
    }

    /// A number that counts something below a limit.
    pub(super) fn below(&mut self, of: Of, limit: usize) -> Result<usize, Wrong> {
        let number = usize::try_from(self.number(of)?).ok().filter(|number| *number < limit);
        number.ok_or(Wrong("a number is too large"))
    }

    /// Where each of so many pieces begins, in bits.
    pub(super) fn pieces(&mut self, count: usize) -> Result<Vec<usize>, Wrong> {
        let width = if count > 1 { self.bits.take(LENGTH_BITS)? as u32 } else { 0 };
        let lengths = (1..count).map(|_| self.bits.take(width)).collect::<Result<Vec<u64>, Wrong>>()?;
        let mut at = self.bits.position();
        let mut starts = vec![at];
        for length in lengths {
            at = usize::try_from(length)
                .ok()
                .and_then(|length| at.checked_add(length))
                .ok_or(Wrong("a piece is too long"))?;
            starts.push(at);
        }
        Ok(starts)
    }

    /// Where a text begins, in bits; what follows it is read next.
    pub(super) fn pass(&mut self, kind: Text) -> Result<usize, Wrong> {
        let start = self.bits.position();
        let vocabulary = &self.models.words[kind as usize];
        for _ in 0..self.number(kind.words())? {
            self.step()?;
            if Some(vocabulary.code.read(&mut self.bits)?) == vocabulary.rare {
                self.letters(None, |_| ())?;
            }
        }
        Ok(start)
    }

    /// A text; `words` has the bytes in which a group of words is spelt, and the bit in them where it begins.
    pub(super) fn text<'w, E: From<Wrong>>(
        &mut self,
        kind: Text,
        words: impl Fn(u32) -> Result<(&'w [u8], usize), E>,
    ) -> Result<String, E> {
        let vocabulary = &self.models.words[kind as usize];
        let mut text = String::new();
        let mut is_behind_word = false;
        let mut piece = Vec::new();
        for _ in 0..self.number(kind.words())? {
            piece.clear();
            self.step()?;
            let symbol = vocabulary.code.read(&mut self.bits)?;
            if Some(symbol) == vocabulary.rare {
                self.letters(None, |letter| piece.push(letter))?;
            } else {
                let (bytes, at) = words(vocabulary.groups[symbol as usize / GROUP])?;
                let mut words = self.models.reader(bytes, at);
                words.letters(None, |letter| piece.push(letter))?;
                for _ in 0..symbol as usize % GROUP {
                    let common = words.below(Of::Common, piece.len() + 1)?;
                    piece.truncate(common);
                    words.letters(piece.last().copied(), |letter| piece.push(letter))?;
                }
            }
            let piece = str::from_utf8(&piece).map_err(|_| Wrong("a word is not UTF-8"))?;
            let is_word = is_word(piece);
            if is_word && is_behind_word {
                text.push(' ');
            }
            text.push_str(piece);
            is_behind_word = is_word;
        }
        Ok(text)
    }

    /// The letters of a word that is spelt, behind one that is known.
    fn letters(&mut self, mut before: Option<u8>, mut each: impl FnMut(u8)) -> Result<(), Wrong> {
        loop {
            self.step()?;
            let symbol = self.models.letters[spelling(before)].read(&mut self.bits)?;
            let Some(letter) = symbol.checked_sub(1) else { return Ok(()) };
            each(letter as u8);
            before = Some(letter as u8);
        }
    }

    /// What takes no bits could go on for ever.
    const fn step(&mut self) -> Result<(), Wrong> {
        self.steps += 1;
        if self.steps > MAX_TEXT { Err(Wrong("a block has too much text")) } else { Ok(()) }
    }
}
