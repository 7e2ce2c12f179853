//! The numbers and texts that a block is a row of.
//!
//! Of a larger number the first bits have a code and the others follow as they are (the hybrid numbers of JPEG XL,
//! ISO/IEC 18181-1, C.3.3). A text is a row of words and of what stands between them, where one space between two words
//! is left out; a word that is too rare to have a code is spelt.

macro_rules! numbers {
    ($($(#[$about:meta])* $name:ident,)*) => {
        /// The numbers of a block.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Of { $($(#[$about])* $name,)* }

        impl Of {
            pub(super) const ALL: &[Self] = &[$(Self::$name),*];
        }
    };
}

numbers! {
    /// How many words and what stands between them a title has, a name, a code.
    TitleWords, NameWords, CodeWords,
    /// Bytes that a word of the file has in common with the one before.
    Common,
    /// Rows that follow one and have album, year, disc, cover and source in common with it.
    Run, Album, Year, Disc, Source, Cover, CoverBytes,
    Isrc, IsrcYear, IsrcNumber,
    /// The text of a credit and whose it is; how many ids that are.
    Credit, CreditIds, Artist,
    /// An id that the Parquet file does not have as it is.
    OtherId,
    Number, Duration,
}

/// How many kinds of numbers there are.
pub(super) const NUMBERS: usize = Of::ALL.len();

/// The texts of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Text {
    Title,
    Name,
    Code,
}

/// How many kinds of texts there are.
pub(super) const TEXTS: usize = Text::Code as usize + 1;

impl Text {
    pub(super) const ALL: [Self; TEXTS] = [Self::Title, Self::Name, Self::Code];

    /// How many words it has.
    pub(super) const fn words(self) -> Of {
        match self {
            Self::Title => Of::TitleWords,
            Self::Name => Of::NameWords,
            Self::Code => Of::CodeWords,
        }
    }
}

/// Numbers of so many bits have a token each.
const EXACT: u32 = 5;
/// Leading bits of a larger number, behind the first one, that are part of its token.
const LEADING: u32 = 4;
/// How many tokens there are.
pub(super) const TOKENS: u32 = (1 << EXACT) + ((u64::BITS - EXACT) << LEADING);

/// What of a number has a code, and how many bits follow it as they are.
pub(super) const fn token(value: u64) -> (u32, u32) {
    let Some(top) = value.checked_ilog2() else { return (0, 0) };
    if top < EXACT {
        return (value as u32, 0);
    }
    let rest = top - LEADING;
    ((1 << EXACT) + ((top - EXACT) << LEADING) + ((value >> rest) as u32 & ((1 << LEADING) - 1)), rest)
}

/// The number of which the other bits are zero, and how many they are.
pub(super) const fn start(token: u32) -> (u64, u32) {
    if token < 1 << EXACT {
        return (token as u64, 0);
    }
    let token = token - (1 << EXACT);
    let rest = (token >> LEADING) + EXACT - LEADING;
    (((1 << LEADING) | (token as u64 & ((1 << LEADING) - 1))) << rest, rest)
}

/// Whether a piece of a text is one of its words.
pub(super) fn is_word(piece: &str) -> bool {
    piece.chars().next().is_some_and(char::is_alphanumeric)
}

/// The words of a text and what stands between them, but for the spaces that stand alone between two words.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
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

/// Symbols of the code of letters: the end of a word, and each byte and one.
pub(super) const LETTERS: u32 = 257;
/// How many codes letters have, by the byte in front of them.
pub(super) const SPELLINGS: usize = 26 + 5;

/// Which code the next letter of a word has, by the one in front of it: what may follow depends on that, and on whether
/// it is of a code, of a word, or of another script.
pub(super) const fn spelling(before: Option<u8>) -> usize {
    match before {
        Some(small @ b'a'..=b'z') => (small - b'a') as usize,
        None => 26,
        Some(b'A'..=b'Z') => 27,
        Some(0..0x80) => 28,
        Some(0xc0..) => 29,
        Some(_) => 30,
    }
}

/// Each letter of a word from some byte on, and the end: its code, and its symbol.
pub(super) fn letters(word: &str, from: usize) -> impl Iterator<Item = (usize, u32)> {
    let bytes = word.as_bytes();
    let letter = |at: usize| bytes.get(at).map_or(0, |byte| u32::from(*byte) + 1);
    let before = |at: usize| at.checked_sub(1).map(|before| bytes[before]);
    (from..=bytes.len()).map(move |at| (spelling(before(at)), letter(at)))
}

/// What a word of the file is spelt with.
pub(super) enum Spelt {
    /// Bytes that it has in common with the one before.
    Common(usize),
    /// The code of a letter, and its symbol.
    Letter(usize, u32),
}

/// Words behind each other, each but the first by what it has in common with the one before.
pub(super) fn spelt<'a>(words: impl Iterator<Item = &'a str>) -> impl Iterator<Item = Spelt> {
    let mut last: Option<&str> = None;
    words.flat_map(move |word| {
        let common = last.map(|last| word.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count());
        last = Some(word);
        let rest = letters(word, common.unwrap_or(0)).map(|(spelling, symbol)| Spelt::Letter(spelling, symbol));
        common.map(Spelt::Common).into_iter().chain(rest)
    })
}
