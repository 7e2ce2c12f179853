//! The numbers and texts of a block back to rows.

use std::sync::Arc;

use fonoteca_model::{BlobId, Id, Isrc};

use super::encode::{ISRC_NUMBERS, OTHER_DURATION, isrc_code, isrc_parts};
use super::models::{Of, Reader, Text};
use super::plain::{Plain, WIDTH};
use super::{BLOCK_ROWS, StoredRow};
use crate::beside::{BesideError, Wrong, unzigzag};

/// Ids that one credit may have.
const MAX_CREDIT: usize = 1 << 20;

/// How much of a block is read: the parts in the order in which they lie, up to this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum UpTo {
    Albums,
    Isrcs,
    Credits,
    All,
}

/// A block, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Block {
    ids: Vec<Id>,
    titles: Texts,
    /// What the rows of an album have in common, and which of it each row has.
    shared: Vec<Shared>,
    shared_of: Vec<u8>,
    sources: Vec<String>,
    credits: Vec<Vec<Mention>>,
    /// The text of each credit.
    artists: Texts,
    credit_of: Vec<u8>,
    isrcs: Vec<Option<CodedIsrc>>,
    numbers: Vec<Option<i64>>,
    durations: Vec<Option<i64>>,
    /// Where the ids are that rows mention, unless the block has them.
    plain: Option<Arc<Plain>>,
}

#[derive(Debug)]
struct Shared {
    album: Option<Mention>,
    year: Option<u16>,
    disc: Option<i32>,
    source: usize,
    cover: Option<BlobId>,
}

/// Texts behind each other.
#[derive(Debug, Default)]
struct Texts {
    all: String,
    ends: Vec<usize>,
}

impl Texts {
    fn read(&mut self, kind: Text, reader: &mut Reader<'_>) -> Result<(), Wrong> {
        reader.text(kind, &mut self.all)?;
        self.ends.push(self.all.len());
        Ok(())
    }

    fn get(&self, at: usize) -> &str {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.all[start..self.ends[at]]
    }
}

/// An id that a row mentions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mention {
    Is(Id),
    /// The number of the value in the Parquet file.
    At(u32),
}

/// The other way round of what the encoder does.
struct Mentions {
    has_plain: bool,
    next: i64,
}

impl Mentions {
    fn decode(&mut self, code: u64, others: &mut Vec<Id>, reader: &mut Reader<'_>) -> Result<Mention, Wrong> {
        let value = code >> 1;
        if code & 1 == 1 {
            let place = usize::try_from(value).map_err(|_| Wrong("a row points beyond the ids of its block"))?;
            if place == others.len() {
                others.push(Id(reader.number(Of::OtherId)? as i64));
            }
            let id = others.get(place).ok_or(Wrong("a row points beyond the ids of its block"))?;
            return Ok(Mention::Is(*id));
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

/// An ISRC as it is kept: a block has many, of which one is asked for.
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

/// The ids in some bytes.
pub(super) fn ids_of(bytes: &[u8]) -> Vec<Id> {
    bytes.as_chunks::<WIDTH>().0.iter().map(|bytes| Id(i64::from_le_bytes(*bytes))).collect()
}

impl Block {
    /// The block of these rows.
    pub(super) fn read(
        ids: Vec<Id>,
        plain: Option<&Arc<Plain>>,
        up_to: UpTo,
        reader: &mut Reader<'_>,
    ) -> Result<Self, Wrong> {
        let mut block = Self { ids, plain: plain.cloned(), ..Self::default() };
        let mut others = Vec::new();
        block.read_runs(&mut others, reader)?;
        if up_to >= UpTo::Isrcs {
            block.read_isrcs(reader)?;
        }
        if up_to >= UpTo::Credits {
            block.read_credits(&mut others, reader)?;
        }
        if up_to == UpTo::All {
            block.read_numbers(reader)?;
            (0..block.ids.len()).try_for_each(|_| block.titles.read(Text::Title, reader))?;
        }
        Ok(block)
    }

    fn mentions(&self) -> Mentions {
        Mentions { has_plain: self.plain.is_some(), next: 0 }
    }

    fn read_runs(&mut self, others: &mut Vec<Id>, reader: &mut Reader<'_>) -> Result<(), Wrong> {
        let rows = self.ids.len();
        let mut albums = self.mentions();
        let mut last_year = 0_i64;
        let mut covers: Vec<BlobId> = Vec::new();
        while self.shared_of.len() < rows {
            let run = 1 + reader.below(Of::Run, rows - self.shared_of.len())?;
            self.shared_of.resize(self.shared_of.len() + run, self.shared.len() as u8);
            let album = match reader.number(Of::Album)? {
                0 => None,
                code => Some(albums.decode(code - 1, others, reader)?),
            };
            let year = match reader.number(Of::Year)? {
                0 => None,
                code => {
                    last_year = last_year.wrapping_add(unzigzag(code - 1));
                    Some(u16::try_from(last_year).map_err(|_| Wrong("a row has a year that cannot be"))?)
                }
            };
            let disc = match reader.number(Of::Disc)? {
                0 => None,
                code => Some(i32::try_from(unzigzag(code - 1)).map_err(|_| Wrong("a row has a disc that cannot be"))?),
            };
            let source = reader.below(Of::Source, self.sources.len() + 1)?;
            if source == self.sources.len() {
                let mut text = String::new();
                reader.text(Text::Code, &mut text)?;
                self.sources.push(text);
            }
            let cover = match reader.below(Of::Cover, covers.len() + 2)? {
                0 => None,
                place => {
                    if place > covers.len() {
                        let mut bytes = [0; 32];
                        for part in bytes.as_chunks_mut::<8>().0 {
                            *part = reader.number(Of::CoverBytes)?.to_le_bytes();
                        }
                        covers.push(BlobId(bytes));
                    }
                    Some(covers[place - 1])
                }
            };
            self.shared.push(Shared { album, year, disc, source, cover });
        }
        Ok(())
    }

    fn read_isrcs(&mut self, reader: &mut Reader<'_>) -> Result<(), Wrong> {
        let mut prefix = [0; 5];
        let mut last = 0_i64;
        let mut text = String::new();
        for row in 0..self.ids.len() {
            let code = reader.number(Of::Isrc)?;
            match code {
                isrc_code::NONE => {
                    self.isrcs.push(None);
                    continue;
                }
                isrc_code::OTHER => {
                    let mut text = String::new();
                    reader.text(Text::Code, &mut text)?;
                    self.isrcs.push(Some(CodedIsrc::Other(text)));
                    continue;
                }
                isrc_code::NEW_PREFIX => {
                    text.clear();
                    reader.text(Text::Code, &mut text)?;
                    prefix = text.as_bytes().try_into().map_err(|_| Wrong("a part of an ISRC is too long"))?;
                    let of_release = i64::from(self.shared(row).year.unwrap_or_default() % 100);
                    let year = of_release.wrapping_add(unzigzag(reader.number(Of::IsrcYear)?));
                    let number = reader.below(Of::IsrcNumber, ISRC_NUMBERS as usize)?;
                    last = year.wrapping_mul(ISRC_NUMBERS).wrapping_add(number as i64);
                }
                code => last = last.wrapping_add(unzigzag(code - isrc_code::SAME_PREFIX)),
            }
            let number = u32::try_from(last).ok().filter(|number| *number < 10_000_000);
            let number = number.ok_or(Wrong("an ISRC has too large a number"))?;
            if !prefix.is_ascii() {
                return Err(Wrong("an ISRC is not ASCII"));
            }
            self.isrcs.push(Some(CodedIsrc::Parts(prefix, number)));
        }
        Ok(())
    }

    fn read_credits(&mut self, others: &mut Vec<Id>, reader: &mut Reader<'_>) -> Result<(), Wrong> {
        let mut artists = self.mentions();
        let mut last = None;
        for _ in 0..self.ids.len() {
            let known = self.credits.len();
            let place = match reader.below(Of::Credit, known + 2)? {
                0 => last.ok_or(Wrong("the first row has the credit of the one before"))?,
                1 => {
                    self.artists.read(Text::Name, reader)?;
                    let count = reader.below(Of::CreditIds, MAX_CREDIT)?;
                    let mention = |_| artists.decode(reader.number(Of::Artist)?, others, reader);
                    self.credits.push((0..count).map(mention).collect::<Result<Vec<Mention>, Wrong>>()?);
                    known
                }
                back => known + 1 - back,
            };
            self.credit_of.push(place as u8);
            last = Some(place);
        }
        Ok(())
    }

    fn read_numbers(&mut self, reader: &mut Reader<'_>) -> Result<(), Wrong> {
        let mut last = 0_i64;
        for row in 0..self.ids.len() {
            if row > 0 && self.shared_of[row] != self.shared_of[row - 1] {
                last = 0;
            }
            let number = match reader.number(Of::Number)? {
                0 => None,
                code => {
                    last = last.wrapping_add(1).wrapping_add(unzigzag(code - 1));
                    Some(last)
                }
            };
            self.numbers.push(number);
        }
        for _ in 0..self.ids.len() {
            self.durations.push(match reader.number(Of::Duration)? {
                0 => None,
                OTHER_DURATION => Some(reader.number(Of::Duration)? as i64),
                code => Some((code - 1) as i64),
            });
        }
        Ok(())
    }

    /// The ids of the rows, in order.
    pub(crate) fn ids(&self) -> &[Id] {
        &self.ids
    }

    fn shared(&self, row: usize) -> &Shared {
        &self.shared[usize::from(self.shared_of[row])]
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
        let is = |shared: &Shared| -> Result<bool, BesideError> {
            let id = shared.album.map(|mention| self.id_of(mention, Plain::album)).transpose()?;
            Ok(id == Some(album))
        };
        let is = self.shared.iter().map(is).collect::<Result<Vec<bool>, BesideError>>()?;
        Ok((0..self.ids.len()).filter(|row| is[usize::from(self.shared_of[*row])]).collect())
    }

    /// The rows that credit an artist.
    pub(crate) fn by_artist(&self, artist: Id) -> Result<Vec<usize>, BesideError> {
        let mut is = Vec::with_capacity(self.credits.len());
        for mentions in &self.credits {
            let ids = mentions.iter().map(|mention| self.id_of(*mention, Plain::artist));
            is.push(ids.collect::<Result<Vec<Id>, BesideError>>()?.contains(&artist));
        }
        Ok((0..self.ids.len()).filter(|row| is[usize::from(self.credit_of[*row])]).collect())
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

    /// One row; it must be in the block.
    pub(crate) fn row(&self, row: usize) -> Result<StoredRow, BesideError> {
        let shared = self.shared(row);
        let credit = usize::from(self.credit_of[row]);
        let artists = self.credits[credit].iter().map(|artist| self.id_of(*artist, Plain::artist));
        Ok(StoredRow {
            id: self.ids[row],
            title: self.titles.get(row).to_owned(),
            artist: self.artists.get(credit).to_owned(),
            artist_ids: artists.collect::<Result<Vec<Id>, BesideError>>()?,
            album_id: shared.album.map(|album| self.id_of(album, Plain::album)).transpose()?,
            isrc: self.isrcs[row].as_ref().map(CodedIsrc::text),
            year: shared.year,
            disc: shared.disc,
            number: self.numbers[row].and_then(|number| i32::try_from(number).ok()),
            duration_ms: self.durations[row],
            cover_root: shared.cover,
            source: self.sources[shared.source].clone(),
        })
    }
}

// The places of what rows have in common are kept in a byte.
const _: () = assert!(BLOCK_ROWS <= 256);
