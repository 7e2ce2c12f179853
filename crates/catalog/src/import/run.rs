//! From a source to rows in the tables: one thread reads records, another stages their rows.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fonoteca_model::Timestamp;
use fonoteca_model::progress::{Progress, Unit};
use tokio::sync::mpsc;

use super::chunk::Chunk;
use super::input::hash_files;
use super::report::{Facts, Origin, Report};
use super::staging::{Staging, StagingLimits, blocking};
use super::{FileIdentity, ImportError, Meter, Records, Reject};
use crate::catalog::Catalog;
use crate::schema::{Batch, Table};

/// Rows of a chunk.
const CHUNK_ROWS: usize = 8192;
/// Bytes of the source after which a chunk ends, however few rows it has.
const CHUNK_BYTES: u64 = 16 << 20;
/// Chunks that wait to be staged.
const WAITING: usize = 2;

/// What is imported, and from where.
pub struct Source {
    /// What it is called.
    pub origin: Origin,
    /// Where rejects are to be listed.
    pub rejects: PathBuf,
    /// The moment, which names the import.
    pub at: Timestamp,
    /// The process, which tells two imports of one moment apart.
    pub process: u32,
    /// How much is staged at once.
    pub limits: StagingLimits,
}

/// A source that was opened.
pub struct Opened {
    /// Its records.
    pub records: Box<dyn Records>,
    /// How far it was read; settled when the records have ended.
    pub meter: Meter,
    /// What is recorded of it; asked for when the records have ended.
    pub facts: Box<dyn FnOnce() -> Facts + Send>,
}

/// Imports a source: reads it, stages its rows, and puts them in place of those of the import before it.
///
/// `open` is called on a thread of its own. Killed at any instant, the same call goes on from the last complete batch, if the
/// source is a file; the tables are as before until all is staged, and whoever opens them next finishes what was begun.
pub async fn run(
    catalog: &Catalog,
    source: Source,
    open: impl FnOnce() -> Result<Opened, ImportError> + Send + 'static,
    progress: &dyn Progress,
) -> Result<Report, ImportError> {
    let Source { origin, rejects, at, process, limits } = source;
    let files = origin.files.clone();
    if let Some(report) = already(catalog, &origin, progress).await? {
        // Killed when all was committed and only the journal was left.
        if catalog.is_staged(&origin) {
            catalog.stage(origin, at, process, limits).await?.discard().await?;
        }
        return Ok(report);
    }
    let mut staging = catalog.stage(origin.clone(), at, process, limits).await?;
    // Whoever was waited for may have imported this very file.
    if let Some(report) = already(catalog, &origin, progress).await? {
        staging.discard().await?;
        return Ok(report);
    }
    let facts = read(&mut staging, &origin, open, progress).await?;
    for before in &files {
        if FileIdentity::of(before.path.as_ref())? != *before {
            staging.discard().await?;
            return Err(ImportError::Changed { name: before.path.clone() });
        }
    }
    staging.replace(facts, at, &rejects, progress).await
}

/// The report of an earlier import, if the tables have this file's rows already.
async fn already(catalog: &Catalog, origin: &Origin, progress: &dyn Progress) -> Result<Option<Report>, ImportError> {
    let current = catalog.snapshot().await?.current_import(&origin.source, &origin.dataset).await?;
    let bytes = origin.files.iter().map(|file| file.bytes).sum::<u64>();
    let Some(current) = current.filter(|current| current.bytes as u64 == bytes && current.options == origin.options)
    else {
        return Ok(None);
    };
    progress.stage("looking whether this was imported before", Some(bytes), Unit::Bytes);
    let hash = hash_files(&origin.files, progress)?;
    Ok((hash == Some(current.sha256)).then(|| Report::of(&current, true, None)))
}

/// Reads the source to its end and stages what is not staged yet.
async fn read(
    staging: &mut Staging,
    origin: &Origin,
    open: impl FnOnce() -> Result<Opened, ImportError> + Send + 'static,
    progress: &dyn Progress,
) -> Result<Facts, ImportError> {
    let total = (!origin.files.is_empty()).then(|| origin.files.iter().map(|file| file.bytes).sum());
    progress.stage(&format!("reading {}", origin.name), total, Unit::Bytes);
    let (sender, mut receiver) = mpsc::channel(WAITING);
    let stop = Arc::new(AtomicBool::new(false));
    let rows = CHUNK_ROWS.min(usize::try_from(staging.batch_rows()).unwrap_or(CHUNK_ROWS));
    let (done, told) = (staging.done(), Arc::clone(&stop));
    let reading = tokio::task::spawn_blocking(move || {
        let opened = open()?;
        let Opened { mut records, meter, facts } = opened;
        let mut reader = Reader { rows, records: &mut *records, meter: &meter, done, stop: &told };
        while let Some(chunk) = reader.chunk()? {
            if sender.blocking_send((chunk, meter.packed())).is_err() {
                return Err(ImportError::Cancelled);
            }
        }
        drop(records);
        Ok((facts(), meter))
    });
    let mut shown = 0;
    let mut staged = Ok(());
    while let Some((chunk, packed)) = receiver.recv().await {
        progress.advance(packed.saturating_sub(shown));
        shown = shown.max(packed);
        staged = if progress.cancelled() { Err(ImportError::Cancelled) } else { stage(staging, chunk).await };
        if staged.is_err() {
            break;
        }
    }
    stop.store(true, Ordering::Relaxed);
    drop(receiver);
    let read = reading.await.map_err(|error| ImportError::Reader { reason: error.to_string() })?;
    // What went wrong in staging is why the reader was stopped.
    staged?;
    let (facts, meter) = read?;
    let hash =
        meter.sha256().ok_or_else(|| ImportError::Reader { reason: "the source was not finished".to_owned() })?;
    staging.end(hash, meter.packed()).await?;
    Ok(facts)
}

async fn stage(staging: &mut Staging, read: ReadChunk) -> Result<(), ImportError> {
    let ReadChunk { batch, numbers, mut chunk } = read;
    chunk.rows = blocking(move || Ok(Chunk::rows_of(&batch, numbers)?)).await?;
    staging.add(chunk).await
}

/// What was read, not yet encoded.
struct ReadChunk {
    batch: Batch,
    numbers: BTreeMap<Table, Vec<u64>>,
    chunk: Chunk,
}

struct Reader<'a> {
    /// Rows after which a chunk ends.
    rows: usize,
    records: &'a mut dyn Records,
    meter: &'a Meter,
    /// A chunk ends here, so that what is done and what is not are in different ones.
    done: u64,
    stop: &'a AtomicBool,
}

impl Reader<'_> {
    fn chunk(&mut self) -> Result<Option<ReadChunk>, ImportError> {
        let (mut batch, mut chunk) = (Batch::default(), Chunk::default());
        let mut numbers: [Vec<u64>; 4] = Default::default();
        let begin = self.meter.unpacked();
        while let Some(record) = self.records.next(&mut batch)? {
            let rows = [batch.artists.len(), batch.albums.len(), batch.tracks.len(), batch.supplements.len()];
            let mut is_empty = true;
            for (numbers, rows) in numbers.iter_mut().zip(rows) {
                is_empty &= numbers.len() == rows;
                numbers.resize(rows, record.number);
            }
            chunk.read += 1;
            chunk.passed_over += u64::from(is_empty && record.rejects.is_empty());
            chunk.last = record.number;
            chunk.rejects.extend(record.rejects.into_iter().map(|reject: Reject| (record.number, reject)));
            let is_full = batch.len() >= self.rows
                || chunk.rejects.len() >= CHUNK_ROWS
                || self.meter.unpacked() - begin >= CHUNK_BYTES;
            if is_full || chunk.last == self.done || chunk.read >= CHUNK_ROWS as u64 {
                break;
            }
            if self.stop.load(Ordering::Relaxed) {
                return Err(ImportError::Cancelled);
            }
        }
        let [artists, albums, tracks, supplements] = numbers;
        let numbers = BTreeMap::from([
            (Table::Artists, artists),
            (Table::Albums, albums),
            (Table::Tracks, tracks),
            (Table::Supplements, supplements),
        ]);
        Ok((chunk.read > 0).then_some(ReadChunk { batch, numbers, chunk }))
    }
}
