//! Reading a row store.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crc32fast::Hasher;
use fonoteca_model::Id;

use super::block::ids_of;
use super::models::Models;
use super::plain::{Layout, Plain, WIDTH};
use super::{BLOCK_ROWS, BatchOf, Block, FORMAT, Origin, UpTo};
use crate::beside::{BesideError, Cursor, Frame, Wrong};

const HEAD: u64 = 12;
/// Bytes in front of a block.
const CHECKSUM: u64 = 4;

/// A row store, open. Reads take no lock: any number of threads may read at once.
pub(crate) struct RowStore {
    pub(super) coded: Arc<Coded>,
    origin: Origin,
    rows: u32,
    /// Where each block begins, and where the last one ends.
    starts: Vec<u64>,
    batches: Vec<BatchOf>,
    batch_of_rows: Vec<(u32, u16)>,
}

/// What a block is read with.
pub(super) struct Coded {
    pub frame: Frame,
    pub models: Models,
    /// The ids of the Parquet file; none: the blocks have them.
    pub plain: Option<Plain>,
    /// The words of the file, spelt one behind the other.
    pub words: Vec<WordsPage>,
}

/// Some of the words of a file, read when the first of them is asked for.
pub(super) struct WordsPage {
    /// The bit at which it begins, among all of them.
    start: u64,
    position: u64,
    length: usize,
    checksum: u64,
    bytes: OnceLock<Vec<u8>>,
}

/// Why a text cannot be read.
pub(super) enum TextError {
    Wrong(Wrong),
    Words(BesideError),
}

impl From<Wrong> for TextError {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong)
    }
}

impl From<BesideError> for TextError {
    fn from(error: BesideError) -> Self {
        Self::Words(error)
    }
}

impl WordsPage {
    pub(super) fn parse_all(bytes: &mut Cursor<'_>) -> Result<Vec<Self>, Wrong> {
        let (mut position, mut start) = (bytes.varint()?, 0_u64);
        let count = bytes.count(2)?;
        let mut pages = Vec::with_capacity(count);
        for _ in 0..count {
            let length = usize::try_from(bytes.varint()?).map_err(|_| Wrong("it has too many words"))?;
            pages.push(Self { start, position, length, checksum: bytes.varint()?, bytes: OnceLock::new() });
            position = position.saturating_add(length as u64);
            start = start.saturating_add((length as u64).saturating_mul(8));
        }
        Ok(pages)
    }

    fn read(&self, frame: &Frame) -> Result<&[u8], BesideError> {
        if let Some(bytes) = self.bytes.get() {
            return Ok(bytes);
        }
        let bytes = frame.read(self.position, self.length)?;
        if u64::from(crc32fast::hash(&bytes)) != self.checksum {
            return Err(frame.damaged("its words have a wrong checksum"));
        }
        Ok(self.bytes.get_or_init(|| bytes))
    }
}

impl Coded {
    /// The bytes in which the group of words lies that begins at some bit of all of them, and the bit of those bytes.
    pub(super) fn words(&self, bit: u32) -> Result<(&[u8], usize), BesideError> {
        let bit = u64::from(bit);
        let after = self.words.partition_point(|page| page.start <= bit);
        let page = after.checked_sub(1).map(|page| &self.words[page]);
        let page = page.ok_or_else(|| self.frame.damaged("it lacks its words"))?;
        Ok((page.read(&self.frame)?, (bit - page.start) as usize))
    }
}

impl RowStore {
    /// Opens the row store of a Parquet file, which is asked for ids where the row store has none.
    pub(crate) fn open(path: &Path, parquet: &Path) -> Result<Self, BesideError> {
        let (frame, footer) = Frame::open(path, FORMAT)?;
        let Footer { origin, rows, layout, models, words, starts, batches, batch_of_rows } =
            Footer::parse(&mut Cursor(&footer)).map_err(|Wrong(what)| frame.damaged(what))?;
        let plain = layout.map(|layout| Plain::open(parquet, layout)).transpose()?;
        let coded = Coded { frame, models, plain, words };
        Ok(Self { coded: Arc::new(coded), origin, rows, starts, batches, batch_of_rows })
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) const fn rows(&self) -> u32 {
        self.rows
    }

    /// The number of blocks.
    pub(crate) fn blocks(&self) -> u32 {
        self.starts.len() as u32 - 1
    }

    /// The batch of a row.
    pub(crate) fn batch_of(&self, row: u32) -> Option<&(String, i64)> {
        let after = self.batch_of_rows.partition_point(|(first, _)| *first <= row);
        let (_, place) = self.batch_of_rows.get(after.checked_sub(1)?)?;
        self.batches[usize::from(*place)].as_ref()
    }

    /// The rows with an id among those of some blocks, of which the last ones may be beyond the end. A block of such a
    /// row is read next, and its checksum covers the ids.
    pub(crate) fn rows_with_id(&self, id: Id, blocks: Range<u32>) -> Result<Vec<u32>, BesideError> {
        let first = blocks.start.saturating_mul(BLOCK_ROWS as u32).min(self.rows);
        let end = blocks.end.saturating_mul(BLOCK_ROWS as u32).min(self.rows);
        let mut ids = Vec::new();
        if let Some(plain) = &self.coded.plain {
            ids = plain.rows(first, (end - first) as usize)?;
        } else {
            for (block, rows) in blocks.zip((first..end).step_by(BLOCK_ROWS)) {
                let rows = BLOCK_ROWS.min((self.rows - rows) as usize);
                ids.extend(self.coded.frame.read(self.starts[block as usize] + CHECKSUM, rows * WIDTH)?);
            }
        }
        let ids = ids.as_chunks::<WIDTH>().0.iter().zip(first..);
        Ok(ids.filter(|(found, _)| **found == id.0.to_le_bytes()).map(|(_, row)| row).collect())
    }

    /// A block, whole.
    pub(crate) fn block(&self, block: u32) -> Result<Block, BesideError> {
        self.part_of_block(block, UpTo::All)
    }

    /// A block of which only so much may be asked.
    pub(crate) fn part_of_block(&self, block: u32, up_to: UpTo) -> Result<Block, BesideError> {
        let Coded { frame, plain, .. } = &*self.coded;
        let beyond = || frame.damaged("a block beyond its end is asked for");
        let ends = self.starts.get(block as usize..block as usize + 2).ok_or_else(beyond)?;
        let length = usize::try_from(ends[1] - ends[0]).map_err(|_| beyond())?;
        let mut bytes = frame.read(ends[0], length)?;
        let wrong = |Wrong(what)| frame.damaged(format!("block {block}: {what}"));
        let mut cursor = Cursor(&bytes);
        let first = block * BLOCK_ROWS as u32;
        let rows = BLOCK_ROWS.min((self.rows - first) as usize);
        let expected = cursor.u32().map_err(wrong)?;
        let ids = match plain {
            Some(plain) => plain.rows(first, rows)?,
            None => cursor.take(rows * WIDTH).map_err(wrong)?.to_vec(),
        };
        let mut checksum = Hasher::new();
        checksum.update(&ids);
        checksum.update(cursor.0);
        if checksum.finalize() != expected {
            return Err(wrong(Wrong("a wrong checksum")));
        }
        bytes.drain(..bytes.len() - cursor.0.len());
        Block::read(ids_of(&ids), up_to, &self.coded, bytes).map_err(wrong)
    }

    /// Reads everything: the checksum of the whole, each block, the words, and the ids of the Parquet file.
    pub(crate) fn verify(&self) -> Result<(), BesideError> {
        self.coded.frame.verify()?;
        self.coded.words.iter().try_for_each(|page| page.read(&self.coded.frame).map(drop))?;
        self.coded.plain.as_ref().map_or(Ok(()), Plain::verify)?;
        (0..self.blocks()).try_for_each(|block| self.block(block).map(drop))
    }
}

/// What the end of the file says of it.
struct Footer {
    origin: Origin,
    rows: u32,
    layout: Option<Layout>,
    models: Models,
    words: Vec<WordsPage>,
    starts: Vec<u64>,
    batches: Vec<BatchOf>,
    batch_of_rows: Vec<(u32, u16)>,
}

impl Footer {
    fn parse(bytes: &mut Cursor<'_>) -> Result<Self, Wrong> {
        let origin = Origin { path: bytes.text()?.to_owned(), size: bytes.varint()? };
        let rows = u32::try_from(bytes.varint()?).map_err(|_| Wrong("it has too many rows"))?;
        let layout = match bytes.byte()? {
            0 => None,
            _ => Some(Layout::read(bytes)?),
        };
        if layout.as_ref().is_some_and(|layout| layout.rows.count() != rows) {
            return Err(Wrong("it has more or fewer ids than rows"));
        }
        let models = Models::parse(bytes)?;
        let words = WordsPage::parse_all(bytes)?;
        let blocks = bytes.count(1)?;
        if blocks != (rows as usize).div_ceil(BLOCK_ROWS) {
            return Err(Wrong("it has more or fewer blocks than its rows need"));
        }
        let mut starts = Vec::with_capacity(blocks + 1);
        let mut at = HEAD;
        starts.push(at);
        for _ in 0..blocks {
            at = at.checked_add(bytes.varint()?).ok_or(Wrong("a block is too long"))?;
            starts.push(at);
        }
        let count = bytes.count(1)?;
        let mut batches = Vec::with_capacity(count);
        for _ in 0..count {
            batches.push(match bytes.byte()? {
                0 => None,
                _ => Some((bytes.text()?.to_owned(), bytes.signed()?)),
            });
        }
        let count = bytes.count(2)?;
        let mut batch_of_rows = Vec::with_capacity(count);
        for _ in 0..count {
            let first = u32::try_from(bytes.varint()?).map_err(|_| Wrong("a batch begins beyond the rows"))?;
            let place = u16::try_from(bytes.varint()?).ok().filter(|place| usize::from(*place) < batches.len());
            batch_of_rows.push((first, place.ok_or(Wrong("a row is of a batch that is not listed"))?));
        }
        Ok(Self { origin, rows, layout, models, words, starts, batches, batch_of_rows })
    }
}
