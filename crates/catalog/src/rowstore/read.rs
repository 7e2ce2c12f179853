//! Reading a row store.

use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crc32fast::Hasher;
use fonoteca_model::Id;
use zstd::dict::DecoderDictionary;
use zstd::zstd_safe::{self, DCtx};

use super::block::ids_of;
use super::plain::{Layout, Plain, WIDTH};
use super::{BLOCK_ROWS, BatchOf, Block, FORMAT, Origin};
use crate::beside::{BesideError, Cursor, Frame, Wrong};

/// Longest block that is believed, before compression.
const MAX_BLOCK_BYTES: u64 = 256 << 20;
const HEAD: u64 = 12;
/// Bytes in front of a block.
const CHECKSUM: u64 = 4;

thread_local! {
    /// Making one takes as long as to unpack a block.
    static CONTEXT: RefCell<DCtx<'static>> = RefCell::new(DCtx::create());
}

/// A row store, open. Reads take no lock: any number of threads may read at once.
pub(crate) struct RowStore {
    frame: Frame,
    origin: Origin,
    rows: u32,
    /// The ids of the Parquet file; none: the blocks have them.
    plain: Option<Arc<Plain>>,
    dictionary: Option<DecoderDictionary<'static>>,
    /// Where each block begins, and where the last one ends.
    starts: Vec<u64>,
    batches: Vec<BatchOf>,
    batch_of_rows: Vec<(u32, u16)>,
}

impl RowStore {
    /// Opens the row store of a Parquet file, which is asked for ids where the row store has none.
    pub(crate) fn open(path: &Path, parquet: &Path) -> Result<Self, BesideError> {
        let (frame, footer) = Frame::open(path, FORMAT)?;
        let (mut store, layout) = Self::parse(frame, &footer).map_err(|(frame, Wrong(what))| frame.damaged(what))?;
        store.plain = layout.map(|layout| Plain::open(parquet, layout)).transpose()?.map(Arc::new);
        Ok(store)
    }

    fn parse(frame: Frame, footer: &[u8]) -> Result<(Self, Option<Layout>), (Frame, Wrong)> {
        let mut bytes = Cursor(footer);
        let mut read = || -> Result<_, Wrong> {
            let origin = Origin { path: bytes.text()?.to_owned(), size: bytes.varint()? };
            let rows = u32::try_from(bytes.varint()?).map_err(|_| Wrong("it has too many rows"))?;
            let layout = match bytes.byte()? {
                0 => None,
                _ => Some(Layout::read(&mut bytes)?),
            };
            if layout.as_ref().is_some_and(|layout| layout.rows.count() != rows) {
                return Err(Wrong("it has more or fewer ids than rows"));
            }
            let length = bytes.count(1)?;
            let dictionary = bytes.take(length)?;
            let dictionary = (length > 0).then(|| DecoderDictionary::copy(dictionary));
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
            Ok((origin, rows, layout, dictionary, starts, batches, batch_of_rows))
        };
        match read() {
            Ok((origin, rows, layout, dictionary, starts, batches, batch_of_rows)) => {
                let plain = None;
                Ok((Self { frame, origin, rows, plain, dictionary, starts, batches, batch_of_rows }, layout))
            }
            Err(wrong) => Err((frame, wrong)),
        }
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

    /// The rows with an id among those of some blocks, of which the last ones may be beyond the end. A block of such a row
    /// is read next, and its checksum covers the ids.
    pub(crate) fn rows_with_id(&self, id: Id, blocks: Range<u32>) -> Result<Vec<u32>, BesideError> {
        let first = blocks.start.saturating_mul(BLOCK_ROWS as u32).min(self.rows);
        let end = blocks.end.saturating_mul(BLOCK_ROWS as u32).min(self.rows);
        let mut ids = Vec::new();
        if let Some(plain) = &self.plain {
            ids = plain.rows(first, (end - first) as usize)?;
        } else {
            for (block, rows) in blocks.zip((first..end).step_by(BLOCK_ROWS)) {
                let rows = BLOCK_ROWS.min((self.rows - rows) as usize);
                ids.extend(self.frame.read(self.starts[block as usize] + CHECKSUM, rows * WIDTH)?);
            }
        }
        let ids = ids.as_chunks::<WIDTH>().0.iter().zip(first..);
        Ok(ids.filter(|(found, _)| **found == id.0.to_le_bytes()).map(|(_, row)| row).collect())
    }

    /// A block, whole.
    pub(crate) fn block(&self, block: u32) -> Result<Block, BesideError> {
        let beyond = || self.frame.damaged("a block beyond its end is asked for");
        let ends = self.starts.get(block as usize..block as usize + 2).ok_or_else(beyond)?;
        let length = usize::try_from(ends[1] - ends[0]).map_err(|_| beyond())?;
        let bytes = self.frame.read(ends[0], length)?;
        let wrong = |Wrong(what)| self.frame.damaged(format!("block {block}: {what}"));
        let mut cursor = Cursor(&bytes);
        let first = block * BLOCK_ROWS as u32;
        let rows = BLOCK_ROWS.min((self.rows - first) as usize);
        let expected = cursor.u32().map_err(wrong)?;
        let ids = match &self.plain {
            Some(plain) => plain.rows(first, rows)?,
            None => cursor.take(rows * WIDTH).map_err(wrong)?.to_vec(),
        };
        let mut checksum = Hasher::new();
        checksum.update(&ids);
        checksum.update(cursor.0);
        if checksum.finalize() != expected {
            return Err(wrong(Wrong("a wrong checksum")));
        }
        let unpacked = cursor.varint().map_err(wrong)?;
        if unpacked > MAX_BLOCK_BYTES {
            return Err(wrong(Wrong("it has another length than it says")));
        }
        let others = cursor.count(WIDTH).and_then(|count| cursor.take(count * WIDTH)).map_err(wrong)?;
        let rest = self.unpack(cursor.0, unpacked as usize);
        let rest = rest.map_err(|error| self.frame.damaged(format!("block {block}: {error}")))?;
        Block::read(ids_of(&ids), &ids_of(others), self.plain.as_ref(), &rest).map_err(wrong)
    }

    fn unpack(&self, packed: &[u8], length: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(length);
        let unpacked = CONTEXT.with_borrow_mut(|context| match &self.dictionary {
            Some(dictionary) => context.decompress_using_ddict(&mut bytes, packed, dictionary.as_ddict()),
            None => context.decompress(&mut bytes, packed),
        });
        unpacked.map_err(|code| std::io::Error::other(zstd_safe::get_error_name(code)))?;
        Ok(bytes)
    }

    /// Reads everything: the checksum of the whole, each block, and the ids of the Parquet file.
    pub(crate) fn verify(&self) -> Result<(), BesideError> {
        self.frame.verify()?;
        self.plain.as_ref().map_or(Ok(()), |plain| plain.verify())?;
        (0..self.blocks()).try_for_each(|block| self.block(block).map(drop))
    }
}
