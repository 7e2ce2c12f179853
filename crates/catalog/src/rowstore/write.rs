//! Writing a row store, block by block.

use std::path::Path;

use crc32fast::Hasher;

use super::encode::{Encoded, Encoder};
use super::survey::{LEAST_ROWS, Survey};
use super::{BLOCK_ROWS, BatchOf, FORMAT, Origin, RowRef};
use crate::beside::{BesideError, FrameWriter, put_signed, put_text, put_varint};

/// zstd's level: 9 saves another 2 % and takes twice as long.
const LEVEL: i32 = 5;
/// Blocks that the dictionary is trained on: the first ones, which are kept until it is.
const TRAINING_BLOCKS: usize = 2048;
/// Fewer blocks than these are not worth a dictionary.
const LEAST_TRAINING_BLOCKS: usize = 96;
/// A dictionary of this size saves 1.8 bytes a row over one of 64 KiB; one of 1 MiB would save 0.4 more.
const DICTIONARY_BYTES: usize = 256 << 10;
/// Samples are so many times as large as what they train, so that a small file has a small dictionary.
const SAMPLES: usize = 24;

/// A row store that is being written.
pub(crate) struct RowWriter {
    frame: FrameWriter,
    path: std::path::PathBuf,
    origin: Origin,
    /// Where the Parquet file has the ids, if it has them as they are.
    survey: Option<Survey>,
    encoder: Encoder,
    waiting: Vec<Encoded>,
    compressor: Option<zstd::bulk::Compressor<'static>>,
    dictionary: Vec<u8>,
    lengths: Vec<u32>,
    rows: u32,
    batches: Vec<BatchOf>,
    /// Of each row, when there is more than one batch.
    batch_of_rows: Vec<(u32, u16)>,
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
            waiting: Vec::new(),
            compressor: None,
            dictionary: Vec::new(),
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
        let block = self.encoder.finish(self.survey.as_ref());
        if self.compressor.is_some() {
            return self.put(&block);
        }
        self.waiting.push(block);
        if self.waiting.len() == TRAINING_BLOCKS { self.train() } else { Ok(()) }
    }

    fn train(&mut self) -> Result<(), BesideError> {
        if self.waiting.len() >= LEAST_TRAINING_BLOCKS {
            let samples: Vec<&[u8]> = self.waiting.iter().map(|block| block.rest.as_slice()).collect();
            // Samples that are all alike train nothing; then it goes without.
            let bytes = samples.iter().map(|sample| sample.len()).sum::<usize>() / SAMPLES;
            self.dictionary = zstd::dict::from_samples(&samples, bytes.min(DICTIONARY_BYTES)).unwrap_or_default();
        }
        let compressor = zstd::bulk::Compressor::with_dictionary(LEVEL, &self.dictionary);
        self.compressor = Some(compressor.map_err(BesideError::io(&self.path))?);
        for block in std::mem::take(&mut self.waiting) {
            self.put(&block)?;
        }
        Ok(())
    }

    fn put(&mut self, block: &Encoded) -> Result<(), BesideError> {
        let compressor = self.compressor.as_mut().expect("made when the dictionary was");
        let compressed = compressor.compress(&block.rest).map_err(BesideError::io(&self.path))?;
        let mut checksum = Hasher::new();
        checksum.update(&block.ids);
        let mut bytes = vec![0; 4];
        if self.survey.is_none() {
            bytes.extend_from_slice(&block.ids);
        }
        let behind_ids = bytes.len();
        put_varint(&mut bytes, block.rest.len() as u64);
        bytes.extend_from_slice(&block.others);
        bytes.extend_from_slice(&compressed);
        checksum.update(&bytes[behind_ids..]);
        bytes[..4].copy_from_slice(&checksum.finalize().to_le_bytes());
        self.lengths
            .push(u32::try_from(bytes.len()).map_err(|_| BesideError::damaged(&self.path, "a row is too long"))?);
        self.frame.write(&bytes)
    }

    /// Completes the file and gives it its name.
    pub(crate) fn finish(mut self) -> Result<(), BesideError> {
        if self.encoder.len() > 0 {
            let block = self.encoder.finish(self.survey.as_ref());
            self.waiting.push(block);
        }
        if self.compressor.is_none() {
            self.train()?;
        } else {
            for block in std::mem::take(&mut self.waiting) {
                self.put(&block)?;
            }
        }
        let mut footer = Vec::new();
        put_text(&mut footer, &self.origin.path);
        put_varint(&mut footer, self.origin.size);
        put_varint(&mut footer, u64::from(self.rows));
        footer.push(u8::from(self.survey.is_some()));
        if let Some(survey) = self.survey {
            survey.layout().put(&mut footer);
        }
        put_varint(&mut footer, self.dictionary.len() as u64);
        footer.extend_from_slice(&self.dictionary);
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
