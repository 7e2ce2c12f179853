//! The bytes of a block back to rows.

use std::sync::Arc;

use fonoteca_model::{BlobId, Id, Isrc};

use super::StoredRow;
use super::encode::{isrc_parts, isrc_tag};
use super::plain::{Plain, WIDTH};
use crate::beside::{BesideError, Cursor, Wrong, unzigzag};

/// A block, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Block {
    ids: Vec<Id>,
    titles: String,
    /// Where each title ends.
    title_ends: Vec<usize>,
    artists: Shared<String>,
    credits: Shared<Vec<Mention>>,
    albums: Vec<Option<Mention>>,
    isrcs: Vec<Option<CodedIsrc>>,
    years: Vec<Option<i64>>,
    discs: Vec<Option<i64>>,
    numbers: Vec<Option<i64>>,
    durations: Vec<Option<i64>>,
    covers: Shared<Option<BlobId>>,
    sources: Shared<String>,
    /// Where the ids are that rows mention, unless the block has them.
    plain: Option<Arc<Plain>>,
}

/// An id that a row mentions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mention {
    Is(Id),
    /// The number of the value in the Parquet file.
    At(u32),
}

/// The other way round of what the encoder does.
struct Mentions<'a> {
    others: &'a [Id],
    has_plain: bool,
    next: i64,
}

impl Mentions<'_> {
    fn decode(&mut self, code: u64) -> Result<Mention, Wrong> {
        let value = code >> 1;
        if code & 1 == 1 {
            let id = usize::try_from(value).ok().and_then(|place| self.others.get(place));
            return id.map(|id| Mention::Is(*id)).ok_or(Wrong("a row points beyond the ids of its block"));
        }
        let number = self.next.wrapping_add(unzigzag(value));
        self.next = self.next.max(number.saturating_add(1));
        if !self.has_plain {
            return Err(Wrong("a row mentions an id that it does not have"));
        }
        let number = u32::try_from(number).map_err(|_| Wrong("a row mentions an id that cannot be there"))?;
        Ok(Mention::At(number))
    }
}

/// An ISRC as it is kept: a block has 64, of which one is asked for.
#[derive(Debug, Clone)]
enum CodedIsrc {
    /// Country and registrant; year and number.
    Parts([u8; 5], u32),
    /// As the source has it.
    Other(String),
}

impl CodedIsrc {
    fn text(&self) -> String {
        match self {
            Self::Parts(prefix, number) => format!("{}{number:07}", String::from_utf8_lossy(prefix)),
            Self::Other(text) => text.clone(),
        }
    }
}

#[derive(Debug)]
struct Shared<T> {
    values: Vec<T>,
    of_rows: Vec<u8>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { values: Vec::new(), of_rows: Vec::new() }
    }
}

impl<T> Shared<T> {
    fn read<'a>(
        bytes: &mut Cursor<'a>,
        rows: usize,
        mut value: impl FnMut(&mut Cursor<'a>) -> Result<T, Wrong>,
    ) -> Result<Self, Wrong> {
        let count = bytes.count(1)?;
        if count > rows || count == 0 && rows > 0 {
            return Err(Wrong("a block has more values than rows"));
        }
        let values = (0..count).map(|_| value(bytes)).collect::<Result<Vec<T>, Wrong>>()?;
        let of_rows = if count > 1 { bytes.take(rows)?.to_vec() } else { Vec::new() };
        if of_rows.iter().any(|place| usize::from(*place) >= count) {
            return Err(Wrong("a row points beyond the values of its block"));
        }
        Ok(Self { values, of_rows })
    }

    /// Which of the values a row has.
    fn place(&self, row: usize) -> usize {
        self.of_rows.get(row).map_or(0, |place| usize::from(*place))
    }

    fn get(&self, row: usize) -> &T {
        &self.values[self.place(row)]
    }
}

/// The ids in some bytes.
pub(super) fn ids_of(bytes: &[u8]) -> Vec<Id> {
    bytes.as_chunks::<WIDTH>().0.iter().map(|bytes| Id(i64::from_le_bytes(*bytes))).collect()
}

impl Block {
    /// `others` are the ids that rows mention and that `plain` does not have.
    pub(super) fn read(ids: Vec<Id>, others: &[Id], plain: Option<&Arc<Plain>>, rest: &[u8]) -> Result<Self, Wrong> {
        let rows = ids.len();
        let bytes = &mut Cursor(rest);
        let mut title_ends = Vec::with_capacity(rows);
        let mut end = 0_usize;
        for _ in 0..rows {
            let length = bytes.varint()?;
            let next = usize::try_from(length).ok().and_then(|length| end.checked_add(length));
            end = next.filter(|end| *end <= rest.len()).ok_or(Wrong("a title is longer than its block"))?;
            title_ends.push(end);
        }
        let titles = std::str::from_utf8(bytes.take(end)?).map_err(|_| Wrong("titles are not UTF-8"))?.to_owned();
        if title_ends.iter().any(|end| !titles.is_char_boundary(*end)) {
            return Err(Wrong("a title ends within a character"));
        }
        let artists = Shared::read(bytes, rows, |bytes| bytes.text().map(str::to_owned))?;
        let start = || Mentions { others, has_plain: plain.is_some(), next: 0 };
        let mut mentions = start();
        let credits = Shared::read(bytes, rows, |bytes| {
            let count = bytes.count(1)?;
            (0..count).map(|_| mentions.decode(bytes.varint()?)).collect()
        })?;
        let mut mentions = start();
        let mut albums: Vec<Option<Mention>> = Vec::with_capacity(rows);
        for _ in 0..rows {
            let album = match bytes.varint()? {
                0 => None,
                1 => albums.last().copied().ok_or(Wrong("the first row has the album of the one before"))?,
                code => Some(mentions.decode(code - 2)?),
            };
            albums.push(album);
        }
        let isrcs = read_isrcs(bytes, rows)?;
        let [years, discs, numbers, durations] = [
            read_numbers(bytes, rows)?,
            read_numbers(bytes, rows)?,
            read_numbers(bytes, rows)?,
            read_numbers(bytes, rows)?,
        ];
        let covers = Shared::read(bytes, rows, |bytes| {
            Ok(match bytes.byte()? {
                0 => None,
                _ => Some(BlobId(bytes.take(32)?.try_into().expect("32 bytes"))),
            })
        })?;
        let sources = Shared::read(bytes, rows, |bytes| bytes.text().map(str::to_owned))?;
        Ok(Self {
            ids,
            titles,
            title_ends,
            artists,
            credits,
            albums,
            isrcs,
            years,
            discs,
            numbers,
            durations,
            covers,
            sources,
            plain: plain.cloned(),
        })
    }

    /// The ids of the rows, in order.
    pub(crate) fn ids(&self) -> &[Id] {
        &self.ids
    }

    fn album_id(&self, row: usize) -> Result<Option<Id>, BesideError> {
        self.albums[row].map(|album| self.id_of(album, Plain::album)).transpose()
    }

    fn artist_ids(&self, row: usize) -> Result<Vec<Id>, BesideError> {
        self.credits.get(row).iter().map(|artist| self.id_of(*artist, Plain::artist)).collect()
    }

    fn id_of(
        &self,
        mention: Mention,
        read: impl Fn(&Plain, u32) -> Result<Id, BesideError>,
    ) -> Result<Id, BesideError> {
        match mention {
            Mention::Is(id) => Ok(id),
            Mention::At(number) => read(self.plain.as_ref().expect("as was seen when it was read"), number),
        }
    }

    /// The rows on an album.
    pub(crate) fn on_album(&self, album: Id) -> Result<Vec<usize>, BesideError> {
        let mut found = Vec::new();
        let mut last = None;
        for (row, mention) in self.albums.iter().enumerate() {
            let Some(mention) = mention else { continue };
            let id = match last {
                Some((known, id)) if known == mention => id,
                _ => self.id_of(*mention, Plain::album)?,
            };
            last = Some((mention, id));
            if id == album {
                found.push(row);
            }
        }
        Ok(found)
    }

    /// The rows that credit an artist.
    pub(crate) fn by_artist(&self, artist: Id) -> Result<Vec<usize>, BesideError> {
        let mut credits = Vec::with_capacity(self.credits.values.len());
        for mentions in &self.credits.values {
            let ids = mentions.iter().map(|mention| self.id_of(*mention, Plain::artist));
            credits.push(ids.collect::<Result<Vec<Id>, BesideError>>()?.contains(&artist));
        }
        Ok((0..self.ids.len()).filter(|row| credits[self.credits.place(*row)]).collect())
    }

    /// The rows with an ISRC, which is as [`Isrc`] writes it.
    pub(crate) fn with_isrc(&self, isrc: &str) -> Vec<usize> {
        let parts = isrc_parts(isrc).map(|(prefix, number)| (prefix, number as u32));
        let is = |coded: &CodedIsrc| match coded {
            CodedIsrc::Parts(prefix, number) => Some((*prefix, *number)) == parts,
            CodedIsrc::Other(text) => text.parse::<Isrc>().is_ok_and(|found| found.as_str() == isrc),
        };
        (0..self.ids.len()).filter(|row| self.isrcs[*row].as_ref().is_some_and(is)).collect()
    }

    pub(crate) fn title(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.title_ends[row - 1] };
        &self.titles[start..self.title_ends[row]]
    }

    pub(crate) fn year(&self, row: usize) -> Option<u16> {
        self.years[row].and_then(|year| u16::try_from(year).ok())
    }

    pub(crate) fn cover_root(&self, row: usize) -> Option<BlobId> {
        *self.covers.get(row)
    }

    /// One row; it must be in the block.
    pub(crate) fn row(&self, row: usize) -> Result<StoredRow, BesideError> {
        let small = |number: Option<i64>| number.and_then(|number| i32::try_from(number).ok());
        Ok(StoredRow {
            id: self.ids[row],
            title: self.title(row).to_owned(),
            artist: self.artists.get(row).clone(),
            artist_ids: self.artist_ids(row)?,
            album_id: self.album_id(row)?,
            isrc: self.isrcs[row].as_ref().map(CodedIsrc::text),
            year: self.year(row),
            disc: small(self.discs[row]),
            number: small(self.numbers[row]),
            duration_ms: self.durations[row],
            cover_root: self.cover_root(row),
            source: self.sources.get(row).clone(),
        })
    }
}

fn read_numbers(bytes: &mut Cursor<'_>, rows: usize) -> Result<Vec<Option<i64>>, Wrong> {
    if bytes.byte()? == 0 {
        return Ok(vec![None; rows]);
    }
    let mut last = 0_i64;
    let mut numbers = Vec::with_capacity(rows);
    for _ in 0..rows {
        numbers.push(match bytes.varint()? {
            0 => None,
            code => {
                last = if code == 1 { bytes.signed()? } else { last.wrapping_add(unzigzag(code - 2)) };
                Some(last)
            }
        });
    }
    Ok(numbers)
}

fn read_isrcs(bytes: &mut Cursor<'_>, rows: usize) -> Result<Vec<Option<CodedIsrc>>, Wrong> {
    if bytes.byte()? == 0 {
        return Ok(vec![None; rows]);
    }
    let tags = bytes.take(rows)?;
    #[expect(clippy::naive_bytecount, reason = "64 bytes at most")]
    let new = tags.iter().filter(|tag| **tag == isrc_tag::NEW_PREFIX).count();
    let mut prefixes = bytes.take(new * 5)?.as_chunks::<5>().0.iter();
    let mut prefix = [0; 5];
    let mut last = 0_i64;
    // First all numbers, then all that is no ISRC.
    let mut coded: Vec<Option<([u8; 5], i64)>> = Vec::with_capacity(rows);
    for tag in tags {
        match *tag {
            isrc_tag::SAME_PREFIX => last = last.wrapping_add(bytes.signed()?),
            isrc_tag::NEW_PREFIX => {
                prefix = *prefixes.next().ok_or(Wrong("a part of an ISRC is missing"))?;
                last = i64::try_from(bytes.varint()?).map_err(|_| Wrong("an ISRC has too large a number"))?;
            }
            _ => {
                coded.push(None);
                continue;
            }
        }
        coded.push(Some((prefix, last)));
    }
    let mut isrcs = Vec::with_capacity(rows);
    for (tag, parts) in tags.iter().zip(coded) {
        isrcs.push(match (*tag, parts) {
            (isrc_tag::OTHER, _) => Some(CodedIsrc::Other(bytes.text()?.to_owned())),
            (_, Some((prefix, number))) => {
                if !prefix.is_ascii() {
                    return Err(Wrong("an ISRC is not ASCII"));
                }
                let number = u32::try_from(number).ok().filter(|number| *number < 10_000_000);
                Some(CodedIsrc::Parts(prefix, number.ok_or(Wrong("an ISRC has too large a number"))?))
            }
            _ => None,
        });
    }
    Ok(isrcs)
}
