//! Rows to the bytes of a block.

use std::collections::HashMap;

use fonoteca_model::{BlobId, Id};

use super::RowRef;
use super::survey::Survey;
use crate::beside::{put_signed, put_text, put_varint, zigzag};

/// A block that is filled row by row.
#[derive(Default)]
pub(super) struct Encoder {
    ids: Vec<i64>,
    title_lengths: Vec<u8>,
    titles: Vec<u8>,
    artists: Shared<String>,
    credits: Shared<Vec<Id>>,
    albums: Vec<Option<Id>>,
    isrcs: Isrcs,
    years: Numbers,
    discs: Numbers,
    numbers: Numbers,
    durations: Numbers,
    covers: Shared<Option<BlobId>>,
    sources: Shared<String>,
}

/// What many rows of a block have in common: the distinct values, and which one each row has.
struct Shared<T> {
    values: Vec<T>,
    places: HashMap<T, usize>,
    of_rows: Vec<u8>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { values: Vec::new(), places: HashMap::new(), of_rows: Vec::new() }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Shared<T> {
    fn push<B: ToOwned<Owned = T> + Eq + std::hash::Hash + ?Sized>(&mut self, value: &B)
    where
        T: std::borrow::Borrow<B>,
    {
        let last = self.values.last().filter(|last| (*last).borrow() == value).map(|_| self.values.len() - 1);
        let known = last.or_else(|| self.places.get(value).copied());
        let place = known.unwrap_or_else(|| {
            self.values.push(value.to_owned());
            self.places.insert(value.to_owned(), self.values.len() - 1);
            self.values.len() - 1
        });
        // A block has fewer than 128 rows: one byte.
        self.of_rows.push(place as u8);
    }

    fn put(self, bytes: &mut Vec<u8>, mut put: impl FnMut(&mut Vec<u8>, &T)) {
        put_varint(bytes, self.values.len() as u64);
        for value in &self.values {
            put(bytes, value);
        }
        if self.values.len() > 1 {
            bytes.extend(self.of_rows);
        }
    }
}

/// Numbers that may be missing: the difference to the one before.
#[derive(Default)]
struct Numbers {
    bytes: Vec<u8>,
    last: i64,
    any: bool,
}

impl Numbers {
    fn push(&mut self, number: Option<i64>) {
        match number {
            None => self.bytes.push(0),
            Some(number) => {
                self.any = true;
                let difference = number.wrapping_sub(self.last);
                let coded = zigzag(difference);
                // One is added so that zero stands for nothing; the largest number has a code of its own.
                match coded.checked_add(2) {
                    Some(code) => put_varint(&mut self.bytes, code),
                    None => {
                        self.bytes.push(1);
                        put_signed(&mut self.bytes, number);
                    }
                }
                self.last = number;
            }
        }
    }

    fn put(self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(self.any));
        if self.any {
            bytes.extend(self.bytes);
        }
    }
}

/// ISRCs: country and registrant where they differ from the one before, and how far the number is from that one's.
#[derive(Default)]
struct Isrcs {
    tags: Vec<u8>,
    prefixes: Vec<u8>,
    numbers: Vec<u8>,
    others: Vec<u8>,
    last_prefix: [u8; 5],
    last_number: i64,
}

pub(super) mod isrc_tag {
    pub const NONE: u8 = 0;
    pub const SAME_PREFIX: u8 = 1;
    pub const NEW_PREFIX: u8 = 2;
    pub const OTHER: u8 = 3;
}

/// The two parts of a well-formed ISRC: country and registrant, year and number.
pub(crate) fn isrc_parts(isrc: &str) -> Option<([u8; 5], i64)> {
    let bytes: &[u8; 12] = isrc.as_bytes().try_into().ok()?;
    let prefix: [u8; 5] = bytes[..5].try_into().ok()?;
    let is_prefix = prefix.iter().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let digits = &bytes[5..];
    if !is_prefix || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some((prefix, digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))))
}

impl Isrcs {
    fn push(&mut self, isrc: Option<&str>) {
        let Some(isrc) = isrc else { return self.tags.push(isrc_tag::NONE) };
        let Some((prefix, number)) = isrc_parts(isrc) else {
            self.tags.push(isrc_tag::OTHER);
            return put_text(&mut self.others, isrc);
        };
        if prefix == self.last_prefix {
            self.tags.push(isrc_tag::SAME_PREFIX);
            put_signed(&mut self.numbers, number - self.last_number);
        } else {
            self.tags.push(isrc_tag::NEW_PREFIX);
            self.prefixes.extend(prefix);
            put_varint(&mut self.numbers, number as u64);
        }
        (self.last_prefix, self.last_number) = (prefix, number);
    }

    fn put(self, bytes: &mut Vec<u8>) {
        let any = self.tags.iter().any(|tag| *tag != isrc_tag::NONE);
        bytes.push(u8::from(any));
        if any {
            bytes.extend(self.tags);
            bytes.extend(self.prefixes);
            bytes.extend(self.numbers);
            bytes.extend(self.others);
        }
    }
}

/// A block before compression: what does not compress, and the rest.
pub(super) struct Encoded {
    /// Of the rows, 8 bytes each.
    pub ids: Vec<u8>,
    /// How many there are, and 8 bytes each: ids that rows mention and that the Parquet file does not have as they are.
    pub others: Vec<u8>,
    pub rest: Vec<u8>,
}

/// Ids that are mentioned, as codes: twice how far the number of the value in the Parquet file is from the one that would
/// come next (zigzag), or twice the place among the other ids and one.
struct Mentions<'a> {
    number_of: &'a dyn Fn(Id) -> Option<u32>,
    next: i64,
}

impl Mentions<'_> {
    fn code(&mut self, id: Id, others: &mut Vec<i64>) -> u64 {
        if let Some(number) = (self.number_of)(id).map(i64::from) {
            let difference = number - self.next;
            self.next = self.next.max(number + 1);
            return zigzag(difference) << 1;
        }
        let known = others.iter().rposition(|known| *known == id.0);
        let place = known.unwrap_or_else(|| {
            others.push(id.0);
            others.len() - 1
        });
        (place as u64) << 1 | 1
    }
}

impl Encoder {
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn push(&mut self, row: &RowRef<'_>) {
        self.ids.push(row.id.0);
        put_varint(&mut self.title_lengths, row.title.len() as u64);
        self.titles.extend_from_slice(row.title.as_bytes());
        self.artists.push(row.artist);
        self.credits.push(row.artist_ids);
        self.albums.push(row.album_id);
        self.isrcs.push(row.isrc);
        self.years.push(row.year.map(i64::from));
        self.discs.push(row.disc.map(i64::from));
        self.numbers.push(row.number.map(i64::from));
        self.durations.push(row.duration_ms);
        self.covers.push(&row.cover_root);
        self.sources.push(row.source);
    }

    /// The block, and an empty encoder for the next one.
    pub(super) fn finish(&mut self, survey: Option<&Survey>) -> Encoded {
        let block = std::mem::take(self);
        let mut other_ids = Vec::new();
        let mut rest = Vec::with_capacity(4096);
        rest.extend(block.title_lengths);
        rest.extend(block.titles);
        block.artists.put(&mut rest, |bytes, text| put_text(bytes, text));
        let mut artists = Mentions { number_of: &|id| survey?.artist(id), next: 0 };
        block.credits.put(&mut rest, |bytes, ids| {
            put_varint(bytes, ids.len() as u64);
            ids.iter().for_each(|id| put_varint(bytes, artists.code(*id, &mut other_ids)));
        });
        let mut albums = Mentions { number_of: &|id| survey?.album(id), next: 0 };
        let mut last = None;
        for album in block.albums {
            let code = match album {
                None => 0,
                Some(_) if album == last => 1,
                Some(id) => albums.code(id, &mut other_ids) + 2,
            };
            put_varint(&mut rest, code);
            last = album;
        }
        block.isrcs.put(&mut rest);
        for numbers in [block.years, block.discs, block.numbers, block.durations] {
            numbers.put(&mut rest);
        }
        block.covers.put(&mut rest, |bytes, cover| {
            bytes.push(u8::from(cover.is_some()));
            bytes.extend(cover.iter().flat_map(BlobId::as_bytes));
        });
        block.sources.put(&mut rest, |bytes, text| put_text(bytes, text));
        let bytes_of = |ids: &[i64]| ids.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<u8>>();
        let mut others = Vec::new();
        put_varint(&mut others, other_ids.len() as u64);
        others.extend(bytes_of(&other_ids));
        Encoded { ids: bytes_of(&block.ids), others, rest }
    }
}
