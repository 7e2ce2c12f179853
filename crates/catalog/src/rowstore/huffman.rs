//! Canonical Huffman codes (Huffman 1952; the canonical form as in RFC 1951, section 3.2.2) for alphabets of any size.
//!
//! Symbols are numbered in the order of their codes, the shortest first. So all that has to be known of a code is how
//! many symbols there are of each length.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::bits::{BitReader, BitWriter};
use crate::beside::{Cursor, Wrong, put_varint};

/// The longest code: what is peeked at has no more bits.
const MAX_BITS: usize = 32;
/// Codes up to this length are looked up in one step.
/// A table of them is short, since those of many files are looked at in turn.
const FAST_BITS: u32 = 8;
/// Bits of a length in what is looked up.
const LENGTH_BITS: u32 = 4;

/// How long the code of each symbol is, by how often it comes; all of them do.
pub(super) fn lengths(counts: &[u64]) -> Vec<u8> {
    let mut counts = counts.to_vec();
    loop {
        let lengths = best_lengths(&counts);
        if lengths.iter().all(|length| usize::from(*length) <= MAX_BITS) {
            return lengths;
        }
        // Rarely: what is very rare becomes somewhat less so.
        counts.iter_mut().for_each(|count| *count = count.div_ceil(2));
    }
}

fn best_lengths(counts: &[u64]) -> Vec<u8> {
    let mut lengths = vec![0_u8; counts.len()];
    // The nodes behind the symbols are where two others meet.
    let mut parents = vec![0_usize; counts.len()];
    let mut open: BinaryHeap<Reverse<(u64, usize)>> =
        counts.iter().enumerate().map(|(symbol, count)| Reverse((*count, symbol))).collect();
    while let (Some(Reverse((a, left))), Some(Reverse((b, right)))) = (open.pop(), open.pop()) {
        let node = parents.len();
        parents.push(0);
        (parents[left], parents[right]) = (node, node);
        if open.is_empty() {
            break;
        }
        open.push(Reverse((a.saturating_add(b), node)));
    }
    if parents.len() == counts.len() {
        return lengths;
    }
    let mut depths = vec![0_u8; parents.len()];
    for node in (0..parents.len() - 1).rev() {
        depths[node] = depths[parents[node]].saturating_add(1);
    }
    lengths.copy_from_slice(&depths[..counts.len()]);
    lengths
}

/// The code of a symbol.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Code {
    bits: u32,
    length: u32,
}

impl Code {
    pub(super) fn write(self, bits: &mut BitWriter) {
        bits.put(u64::from(self.bits), self.length);
    }
}

/// The code of all symbols.
pub(super) struct Huffman {
    /// By length: the first symbol, and the code that it has.
    first: [(u32, u32); MAX_BITS + 1],
    /// By length: what is peeked at lies below this if its code is no longer.
    limits: [u64; MAX_BITS + 1],
    symbols: u32,
    longest: usize,
    /// What the symbol is whose code begins with these bits, and the code's length; zero: it is a longer one.
    fast: Vec<u16>,
    /// What each symbol is; none: its number.
    names: Vec<u32>,
}

impl Huffman {
    /// Of how many symbols there are of each length.
    fn new(counts: &[u32]) -> Result<Self, Wrong> {
        let wrong = Err(Wrong("it has a code that cannot be"));
        if counts.len() > MAX_BITS + 1 {
            return wrong;
        }
        let mut code = Self {
            first: [(0, 0); MAX_BITS + 1],
            limits: [0; MAX_BITS + 1],
            symbols: 0,
            longest: counts.len().saturating_sub(1),
            fast: Vec::new(),
            names: Vec::new(),
        };
        // From the left, so that codes of all lengths can be compared.
        let mut next = 0_u64;
        for (length, count) in counts.iter().enumerate() {
            code.first[length] = (code.symbols, (next >> (MAX_BITS - length)) as u32);
            next += u64::from(*count) << (MAX_BITS - length);
            code.symbols = match code.symbols.checked_add(*count) {
                Some(symbols) if next <= 1 << MAX_BITS => symbols,
                _ => return wrong,
            };
            code.limits[length] = next;
        }
        if code.symbols > 0 && next != 1 << MAX_BITS {
            return wrong;
        }
        if code.longest > 0 {
            for (length, count) in counts.iter().enumerate().take(FAST_BITS as usize + 1).skip(1) {
                for symbol in code.first[length].0..code.first[length].0 + count {
                    let entry = (symbol << LENGTH_BITS) as u16 | length as u16;
                    code.fast.resize(code.fast.len() + (1 << (FAST_BITS as usize - length)), entry);
                }
            }
            code.fast.resize(1 << FAST_BITS, 0);
        }
        Ok(code)
    }

    /// The code for symbols with these lengths, which are in ascending order.
    pub(super) fn of_lengths(lengths: &[u8]) -> Self {
        let mut counts = vec![0; lengths.last().map_or(0, |longest| usize::from(*longest) + 1)];
        lengths.iter().for_each(|length| counts[usize::from(*length)] += 1);
        Self::new(&counts).expect("the lengths of a code")
    }

    /// The same code for symbols that are these, which are below 4,096.
    pub(super) fn named(mut self, names: Vec<u32>) -> Self {
        let name = |symbol: u16| (names[usize::from(symbol)] << LENGTH_BITS) as u16;
        for entry in self.fast.iter_mut().filter(|entry| **entry != 0) {
            *entry = name(*entry >> LENGTH_BITS) | *entry & ((1 << LENGTH_BITS) - 1);
        }
        self.names = names;
        self
    }

    pub(super) const fn symbols(&self) -> u32 {
        self.symbols
    }

    /// The code of each symbol.
    pub(super) fn codes(&self) -> impl Iterator<Item = Code> {
        let ends = self.first[1..].iter().map(|(first, _)| *first);
        let lengths = (0..).zip(self.first.iter().zip(ends.chain([self.symbols]))).take(self.longest + 1);
        lengths.flat_map(|(length, ((first, code), end))| {
            let end = if length as usize == self.longest { self.symbols } else { end };
            (*first..end).map(move |symbol| Code { bits: code + (symbol - first), length })
        })
    }

    pub(super) fn read(&self, bits: &mut BitReader<'_>) -> Result<u32, Wrong> {
        if self.symbols == 0 {
            return Err(Wrong("a block has what its file does not have"));
        }
        let name = |symbol: u32| self.names.get(symbol as usize).copied().unwrap_or(symbol);
        if self.longest == 0 {
            return Ok(name(0));
        }
        let next = bits.peek();
        let entry = self.fast[(next >> (MAX_BITS as u32 - FAST_BITS)) as usize];
        if entry != 0 {
            bits.skip(u32::from(entry) & ((1 << LENGTH_BITS) - 1))?;
            return Ok(u32::from(entry >> LENGTH_BITS));
        }
        let mut length = FAST_BITS as usize + 1;
        while u64::from(next) >= self.limits[length] {
            length += 1;
        }
        bits.skip(length as u32)?;
        let (first, code) = self.first[length];
        Ok(name(first + ((next >> (MAX_BITS - length)) - code)))
    }

    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        let counts = if self.symbols == 0 { 0 } else { self.longest + 1 };
        put_varint(bytes, counts as u64);
        for length in 0..counts {
            let end = if length == self.longest { self.symbols } else { self.first[length + 1].0 };
            put_varint(bytes, u64::from(end - self.first[length].0));
        }
        self.names.iter().for_each(|name| put_varint(bytes, u64::from(*name)));
    }

    pub(super) fn parse(bytes: &mut Cursor<'_>) -> Result<Self, Wrong> {
        let lengths = bytes.count(1)?;
        let count =
            |bytes: &mut Cursor<'_>| u32::try_from(bytes.varint()?).map_err(|_| Wrong("it has too many symbols"));
        let counts = (0..lengths).map(|_| count(bytes)).collect::<Result<Vec<u32>, Wrong>>()?;
        Self::new(&counts)
    }

    /// A code for symbols that are below `end`.
    pub(super) fn parse_named(bytes: &mut Cursor<'_>, end: u32) -> Result<Self, Wrong> {
        let code = Self::parse(bytes)?;
        let name = |bytes: &mut Cursor<'_>| {
            let name = u32::try_from(bytes.varint()?).ok().filter(|name| *name < end);
            name.ok_or(Wrong("it has a number that cannot be"))
        };
        let names = (0..code.symbols).map(|_| name(bytes)).collect::<Result<Vec<u32>, Wrong>>()?;
        Ok(code.named(names))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sorted(counts: &[u64]) -> Vec<u8> {
        let mut lengths = lengths(counts);
        lengths.sort_unstable();
        lengths
    }

    #[test]
    fn frequent_symbols_have_short_codes() {
        assert_eq!(lengths(&[]), [0; 0]);
        assert_eq!(lengths(&[7]), [0]);
        assert_eq!(lengths(&[7, 1]), [1, 1]);
        assert_eq!(lengths(&[8, 1, 4, 2, 1]), [1, 4, 2, 3, 4]);
    }

    #[test]
    fn no_code_is_longer_than_what_is_peeked_at() {
        let mut counts = vec![1_u64, 1];
        while counts.len() < 80 {
            counts.push(counts[counts.len() - 1].saturating_add(counts[counts.len() - 2]));
        }
        assert!(lengths(&counts).iter().all(|length| usize::from(*length) <= MAX_BITS));
        Huffman::of_lengths(&sorted(&counts));
    }

    #[test]
    fn what_is_no_code_is_refused() {
        for counts in [&[0, 1][..], &[0, 3], &[2], &[0, 1, 1], &[1, 1], &[u32::MAX; 33], &[0; 40], &[0, 0]] {
            let code = Huffman::new(counts);
            assert!(code.is_err() || code.is_ok_and(|code| code.symbols == 0), "{counts:?}");
        }
    }

    proptest! {
        #[test]
        fn symbols_come_back(
            counts in proptest::collection::vec(1..1_000_000_u64, 1..3000),
            symbols in proptest::collection::vec(any::<prop::sample::Index>(), 0..200),
        ) {
            let code = Huffman::of_lengths(&sorted(&counts));
            let mut kept = Vec::new();
            code.put(&mut kept);
            let read = Huffman::parse(&mut Cursor(&kept)).expect("it was written");
            let mut bits = BitWriter::default();
            let symbols: Vec<u32> = symbols.iter().map(|symbol| symbol.index(counts.len()) as u32).collect();
            let codes: Vec<Code> = code.codes().collect();
            prop_assert_eq!(codes.len(), counts.len());
            symbols.iter().for_each(|symbol| codes[*symbol as usize].write(&mut bits));
            let bytes = bits.finish();
            let mut bits = BitReader::new(&bytes, 0);
            for symbol in symbols {
                prop_assert_eq!(read.read(&mut bits), Ok(symbol));
            }
        }
    }
}
