//! The numbers and texts of a block back to rows.

use std::cell::OnceCell;
use std::sync::Arc;

use fonoteca_model::{BlobId, Id, Isrc};

use super::encode::{ISRC_NUMBERS, OTHER_DURATION, isrc_code, isrc_parts};
use super::models::Reader;
use super::numbers::{Of, Text};
use super::plain::{Plain, WIDTH};
use super::read::{Coded, TextError};
use super::{BLOCK_ROWS, PIECE_ROWS, StoredRow};
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

/// A block, taken apart, but for its texts: of those it is known where they begin.
pub(crate) struct Block {
    coded: Arc<Coded>,
    /// All of it but the rows' ids.
    bytes: Vec<u8>,
    ids: Vec<Id>,
    /// What the rows of an album have in common, and which of it each row has.
    shared: Vec<Shared>,
    shared_of: Vec<u8>,
    sources: Vec<TextAt>,
    credits: Vec<Credit>,
    credit_of: Vec<u8>,
    isrcs: Vec<Option<CodedIsrc>>,
    numbers: Vec<Option<i64>>,
    /// Where each piece begins, in bits, and what it was found to be.
    pieces: Vec<(usize, OnceCell<Piece>)>,
}

/// Durations and titles of [`PIECE_ROWS`] rows.
type Piece = Vec<(Option<i64>, TextAt)>;

/// Where a text begins, in bits.
type TextAt = usize;

#[derive(Debug)]
struct Shared {
    album: Option<Mention>,
    year: Option<u16>,
    disc: Option<i32>,
    source: usize,
    cover: Option<BlobId>,
}

#[derive(Debug)]
struct Credit {
    text: TextAt,
    ids: Vec<Mention>,
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
#[derive(Debug, Clone, Copy)]
enum CodedIsrc {
    /// Country and registrant; year and number.
    Parts(TextAt, u32),
    /// As the source has it.
    Other(TextAt),
}

/// The ids in some bytes.
pub(super) fn ids_of(bytes: &[u8]) -> Vec<Id> {
    bytes.as_chunks::<WIDTH>().0.iter().map(|bytes| Id(i64::from_le_bytes(*bytes))).collect()
}

impl Block {
    /// The block of these rows.
    pub(super) fn read(ids: Vec<Id>, up_to: UpTo, coded: &Arc<Coded>, bytes: Vec<u8>) -> Result<Self, Wrong> {
        let reader = &mut coded.models.reader(&bytes, 0);
        let mut block = Self {
            coded: Arc::clone(coded),
            bytes: Vec::new(),
            ids,
            shared: Vec::new(),
            shared_of: Vec::new(),
            sources: Vec::new(),
            credits: Vec::new(),
            credit_of: Vec::new(),
            isrcs: Vec::new(),
            numbers: Vec::new(),
            pieces: Vec::new(),
        };
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
            let pieces = reader.pieces(block.ids.len().div_ceil(PIECE_ROWS))?;
            block.pieces = pieces.into_iter().map(|start| (start, OnceCell::new())).collect();
        }
        Ok(Self { bytes, ..block })
    }

    fn mentions(&self) -> Mentions {
        Mentions { has_plain: self.coded.plain.is_some(), next: 0 }
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
                self.sources.push(reader.pass(Text::Code)?);
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
        let mut prefix = None;
        let mut last = 0_i64;
        for row in 0..self.ids.len() {
            let code = reader.number(Of::Isrc)?;
            match code {
                isrc_code::NONE => {
                    self.isrcs.push(None);
                    continue;
                }
                isrc_code::OTHER => {
                    self.isrcs.push(Some(CodedIsrc::Other(reader.pass(Text::Code)?)));
                    continue;
                }
                isrc_code::NEW_PREFIX => {
                    prefix = Some(reader.pass(Text::Code)?);
                    let of_release = i64::from(self.shared(row).year.unwrap_or_default() % 100);
                    let year = of_release.wrapping_add(unzigzag(reader.number(Of::IsrcYear)?));
                    let number = reader.below(Of::IsrcNumber, ISRC_NUMBERS as usize)?;
                    last = year.wrapping_mul(ISRC_NUMBERS).wrapping_add(number as i64);
                }
                code => last = last.wrapping_add(unzigzag(code - isrc_code::SAME_PREFIX)),
            }
            let number = u32::try_from(last).ok().filter(|number| *number < 10_000_000);
            let number = number.ok_or(Wrong("an ISRC has too large a number"))?;
            let prefix = prefix.ok_or(Wrong("the first ISRC has a part of the one before"))?;
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
                    let text = reader.pass(Text::Name)?;
                    let count = reader.below(Of::CreditIds, MAX_CREDIT)?;
                    let mention = |_| artists.decode(reader.number(Of::Artist)?, others, reader);
                    let ids = (0..count).map(mention).collect::<Result<Vec<Mention>, Wrong>>()?;
                    self.credits.push(Credit { text, ids });
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
        Ok(())
    }

    /// Duration and title of a row.
    fn in_piece(&self, row: usize) -> Result<(Option<i64>, TextAt), BesideError> {
        let (start, piece) = &self.pieces[row / PIECE_ROWS];
        if let Some(piece) = piece.get() {
            return Ok(piece[row % PIECE_ROWS]);
        }
        let reader = &mut self.coded.models.reader(&self.bytes, *start);
        let rows = PIECE_ROWS.min(self.ids.len() - row / PIECE_ROWS * PIECE_ROWS);
        let read = (0..rows).map(|_| Ok((duration(reader)?, reader.pass(Text::Title)?)));
        let read = read.collect::<Result<Piece, Wrong>>().map_err(|Wrong(what)| self.coded.frame.damaged(what))?;
        Ok(piece.get_or_init(|| read)[row % PIECE_ROWS])
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
            Mention::At(number) => read(self.coded.plain.as_ref().expect("as was seen when it was read"), number),
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
        for credit in &self.credits {
            let ids = credit.ids.iter().map(|mention| self.id_of(*mention, Plain::artist));
            is.push(ids.collect::<Result<Vec<Id>, BesideError>>()?.contains(&artist));
        }
        Ok((0..self.ids.len()).filter(|row| is[usize::from(self.credit_of[*row])]).collect())
    }

    /// The rows with an ISRC, which is as [`Isrc`] writes it.
    pub(crate) fn with_isrc(&self, isrc: &str) -> Result<Vec<usize>, BesideError> {
        let parts = isrc_parts(isrc).map(|(prefix, number)| (prefix, number as u32));
        let mut found = Vec::new();
        for (row, coded) in self.isrcs.iter().enumerate() {
            let is_it = match (*coded, parts) {
                (Some(CodedIsrc::Parts(at, number)), Some((prefix, wanted))) if number == wanted => {
                    self.text(Text::Code, at)?.as_bytes() == prefix
                }
                (Some(CodedIsrc::Other(at)), _) => {
                    self.text(Text::Code, at)?.parse::<Isrc>().is_ok_and(|found| found.as_str() == isrc)
                }
                _ => false,
            };
            found.extend(is_it.then_some(row));
        }
        Ok(found)
    }

    fn text(&self, kind: Text, at: TextAt) -> Result<String, BesideError> {
        let text = self.coded.models.reader(&self.bytes, at).text(kind, |group| Ok(self.coded.words(group)?));
        text.map_err(|error| match error {
            TextError::Wrong(Wrong(what)) => self.coded.frame.damaged(what),
            TextError::Words(error) => error,
        })
    }

    fn isrc(&self, row: usize) -> Result<Option<String>, BesideError> {
        Ok(match self.isrcs[row] {
            None => None,
            Some(CodedIsrc::Parts(at, number)) => Some(format!("{}{number:07}", self.text(Text::Code, at)?)),
            Some(CodedIsrc::Other(at)) => Some(self.text(Text::Code, at)?),
        })
    }

    pub(crate) fn title(&self, row: usize) -> Result<String, BesideError> {
        self.text(Text::Title, self.in_piece(row)?.1)
    }

    pub(crate) fn year(&self, row: usize) -> Option<u16> {
        self.shared(row).year
    }

    pub(crate) fn cover_root(&self, row: usize) -> Option<BlobId> {
        self.shared(row).cover
    }

    /// One row; it must be in the block.
    pub(crate) fn row(&self, row: usize) -> Result<StoredRow, BesideError> {
        let shared = self.shared(row);
        let credit = &self.credits[usize::from(self.credit_of[row])];
        let artists = credit.ids.iter().map(|artist| self.id_of(*artist, Plain::artist));
        Ok(StoredRow {
            id: self.ids[row],
            title: self.title(row)?,
            artist: self.text(Text::Name, credit.text)?,
            artist_ids: artists.collect::<Result<Vec<Id>, BesideError>>()?,
            album_id: shared.album.map(|album| self.id_of(album, Plain::album)).transpose()?,
            isrc: self.isrc(row)?,
            year: self.year(row),
            disc: shared.disc,
            number: self.numbers[row].and_then(|number| i32::try_from(number).ok()),
            duration_ms: self.in_piece(row)?.0,
            cover_root: self.cover_root(row),
            source: self.text(Text::Code, self.sources[shared.source])?,
        })
    }
}

fn duration(reader: &mut Reader<'_>) -> Result<Option<i64>, Wrong> {
    Ok(match reader.number(Of::Duration)? {
        0 => None,
        OTHER_DURATION => Some(reader.number(Of::Duration)? as i64),
        code => Some((code - 1) as i64),
    })
}

// The places of what rows have in common are kept in a byte.
const _: () = assert!(BLOCK_ROWS <= 256);
