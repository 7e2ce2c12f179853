//! Writing a row store, block by block.

use std::path::Path;

use crc32fast::Hasher;

use super::coder::{Coder, Tally, Tape};
use super::encode::Encoder;
use super::survey::{LEAST_ROWS, Survey};
use super::{BLOCK_ROWS, BatchOf, FORMAT, Origin, RowRef};
use crate::beside::{BesideError, FrameWriter, Wrong, put_signed, put_text, put_varint};

/// Blocks that are kept until it is known how often what comes, in bytes; what comes after them is coded alike. Some
/// four million rows.
const MAX_WAITING: usize = 192 << 20;

/// A row store that is being written.
pub(crate) struct RowWriter {
    frame: FrameWriter,
    path: std::path::PathBuf,
    origin: Origin,
    /// Where the Parquet file has the ids, if it has them as they are.
    survey: Option<Survey>,
    encoder: Encoder,
    tally: Tally,
    waiting: Vec<Waiting>,
    waiting_bytes: usize,
    /// At most so many of them.
    pub(super) most_waiting: usize,
    coder: Option<Coder>,
    lengths: Vec<u32>,
    rows: u32,
    batches: Vec<BatchOf>,
    /// Of each row, when there is more than one batch.
    batch_of_rows: Vec<(u32, u16)>,
}

/// A block that is not coded yet.
struct Waiting {
    /// Of the ids of its rows.
    checksum: Hasher,
    /// Those, where the Parquet file has not got them.
    ids: Vec<u8>,
    tape: Vec<u8>,
}

impl RowWriter {
    /// `parquet` is where the Parquet file is, if it is on this machine.
    pub(crate) fn create(path: &Path, origin: Origin, parquet: Option<&Path>) -> Result<Self, BesideError> {
        Self::surveyed(path, origin, parquet.and_then(|parquet| Survey::of(parquet, LEAST_ROWS)))
    }

    pub(super) fn surveyed(path: &Path, origin: Origin, survey: Option<Survey>) -> Result<Self, BesideError> {
        Ok(Self {
            frame: FrameWriter::create(path, FORMAT)?,
            path: path.to_owned(),
            origin,
            survey,
            encoder: Encoder::default(),
            tally: Tally::default(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            most_waiting: MAX_WAITING,
            coder: None,
            lengths: Vec::new(),
            rows: 0,
            batches: Vec::new(),
            batch_of_rows: Vec::new(),
        })
    }

    /// Adds the next row; `batch` is the one that it came with.
    pub(crate) fn push(&mut self, row: &RowRef<'_>, batch: Option<(&str, i64)>) -> Result<(), BesideError> {
        self.note_batch(batch)?;
        if let Some(survey) = &mut self.survey {
            survey.turn_to(self.rows);
        }
        self.encoder.push(row);
        self.rows = self.rows.checked_add(1).ok_or_else(|| BesideError::damaged(&self.path, "too many rows"))?;
        if self.encoder.len() == BLOCK_ROWS { self.end_block() } else { Ok(()) }
    }

    /// Batches are noted where they change: almost always once a file.
    fn note_batch(&mut self, batch: Option<(&str, i64)>) -> Result<(), BesideError> {
        let is = |known: &BatchOf| known.as_ref().map(|(job, number)| (job.as_str(), *number)) == batch;
        if self.batch_of_rows.last().is_some_and(|(_, last)| is(&self.batches[usize::from(*last)])) {
            return Ok(());
        }
        let known = self.batches.iter().position(is);
        let place = known.unwrap_or_else(|| {
            self.batches.push(batch.map(|(job, number)| (job.to_owned(), number)));
            self.batches.len() - 1
        });
        let place = u16::try_from(place).map_err(|_| BesideError::damaged(&self.path, "too many batches in a file"))?;
        self.batch_of_rows.push((self.rows, place));
        Ok(())
    }

    fn end_block(&mut self) -> Result<(), BesideError> {
        let block = std::mem::take(&mut self.encoder);
        let mut tape = Tape::new(&mut self.tally);
        block.put(self.survey.as_ref(), &mut tape);
        let tape = tape.bytes;
        let mut ids = block.ids();
        let mut checksum = Hasher::new();
        checksum.update(&ids);
        if self.survey.is_some() {
            ids = Vec::new();
        }
        self.waiting_bytes += tape.len() + ids.len();
        self.waiting.push(Waiting { checksum, ids, tape });
        if self.coder.is_some() || self.waiting_bytes > self.most_waiting { self.flush(true) } else { Ok(()) }
    }

    /// Codes the blocks that wait; the first time, whether there are others to come decides what must have a code.
    fn flush(&mut self, to_come: bool) -> Result<(), BesideError> {
        let damaged = |what: &str| BesideError::damaged(&self.path, what);
        let coder = match &mut self.coder {
            Some(coder) => coder,
            none => none.insert(Coder::of(&mut self.tally, to_come).map_err(|Wrong(what)| damaged(what))?),
        };
        for Waiting { mut checksum, ids, tape } in self.waiting.drain(..) {
            let coded = coder.block(&tape, &mut self.tally).map_err(|Wrong(what)| damaged(what))?;
            checksum.update(&coded);
            let mut bytes = checksum.finalize().to_le_bytes().to_vec();
            bytes.extend(ids);
            bytes.extend(coded);
            self.lengths.push(u32::try_from(bytes.len()).map_err(|_| damaged("a row is too long"))?);
            self.frame.write(&bytes)?;
        }
        Ok(())
    }

    /// Writes the words, and puts into the footer where they are and what is likely.
    fn put_models(&mut self, footer: &mut Vec<u8>) -> Result<(), BesideError> {
        let nothing = || BesideError::damaged(&self.path, "nothing was coded");
        let coder = self.coder.as_ref().ok_or_else(nothing)?;
        coder.models().put(footer);
        put_varint(footer, self.frame.position());
        put_varint(footer, coder.words().len() as u64);
        for page in coder.words() {
            put_varint(footer, page.len() as u64);
            put_varint(footer, u64::from(crc32fast::hash(page)));
            self.frame.write(page)?;
        }
        Ok(())
    }

    /// Completes the file and gives it its name.
    pub(crate) fn finish(mut self) -> Result<(), BesideError> {
        if self.encoder.len() > 0 {
            self.end_block()?;
        }
        self.flush(false)?;
        let mut footer = Vec::new();
        put_text(&mut footer, &self.origin.path);
        put_varint(&mut footer, self.origin.size);
        put_varint(&mut footer, u64::from(self.rows));
        footer.push(u8::from(self.survey.is_some()));
        if let Some(survey) = self.survey.take() {
            survey.layout().put(&mut footer);
        }
        self.put_models(&mut footer)?;
        put_varint(&mut footer, self.lengths.len() as u64);
        for length in &self.lengths {
            put_varint(&mut footer, u64::from(*length));
        }
        put_varint(&mut footer, self.batches.len() as u64);
        for batch in &self.batches {
            footer.push(u8::from(batch.is_some()));
            if let Some((job, number)) = batch {
                put_text(&mut footer, job);
                put_signed(&mut footer, *number);
            }
        }
        put_varint(&mut footer, self.batch_of_rows.len() as u64);
        for (first, place) in &self.batch_of_rows {
            put_varint(&mut footer, u64::from(*first));
            put_varint(&mut footer, u64::from(*place));
        }
        self.frame.finish(&footer)
    }
}
