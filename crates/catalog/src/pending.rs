//! The batch being committed, on local disk, so that a killed commit can be finished by whoever comes next.
//!
//! `state/pending-batch` is one zstd stream with checksum: a line of JSON that says what follows, then one Arrow IPC stream a
//! table, each after its length as 8 bytes little-endian. Arrow and not JSON, because the rows must come out as they went
//! in, infinities and raw bytes included.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use serde::{Deserialize, Serialize};

use crate::error::CatalogError;
use crate::rows::{conform, fits};
use crate::schema::Table;

const FORMAT: &str = "fonoteca-pending/1";
const HEADER_BYTES: u64 = 1 << 20;
/// More than any batch: a declared length above it is damage.
const TABLE_BYTES: u64 = 16 << 30;
const ZSTD_LEVEL: i32 = 3;

/// A batch on its way into the tables, `job` and `batch` columns included.
pub(crate) struct Pending {
    pub(crate) job: String,
    pub(crate) number: i64,
    pub(crate) tables: Vec<(Table, RecordBatch)>,
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    #[serde(default)]
    job: String,
    #[serde(default)]
    batch: i64,
    #[serde(default)]
    tables: Vec<String>,
}

pub(crate) fn place(state: &Path) -> PathBuf {
    state.join("pending-batch")
}

/// Writes the batch so that it outlasts a power cut. Blocks.
pub(crate) fn write(state: &Path, pending: &Pending) -> Result<(), CatalogError> {
    let path = place(state);
    let inner = || -> io::Result<()> {
        let staged = state.join("pending-batch.tmp");
        let mut encoder = zstd::Encoder::new(File::create(&staged)?, ZSTD_LEVEL)?;
        encoder.include_checksum(true)?;
        let header = Header {
            format: FORMAT.to_owned(),
            job: pending.job.clone(),
            batch: pending.number,
            tables: pending.tables.iter().map(|(table, _)| table.name().to_owned()).collect(),
        };
        serde_json::to_writer(&mut encoder, &header)?;
        encoder.write_all(b"\n")?;
        for (_, rows) in &pending.tables {
            let mut bytes = Vec::new();
            let mut writer = StreamWriter::try_new(&mut bytes, &rows.schema()).map_err(io::Error::other)?;
            writer.write(rows).and_then(|()| writer.finish()).map_err(io::Error::other)?;
            drop(writer);
            encoder.write_all(&(bytes.len() as u64).to_le_bytes())?;
            encoder.write_all(&bytes)?;
        }
        encoder.finish()?.sync_all()?;
        fs::rename(&staged, &path)?;
        sync(state)
    };
    inner().map_err(CatalogError::state("write the unfinished batch", &path))
}

/// The batch that a killed process left, if there is one. Blocks.
pub(crate) fn read(state: &Path) -> Result<Option<Pending>, CatalogError> {
    let path = place(state);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CatalogError::state("open the unfinished batch", &path)(error)),
    };
    let damaged = |reason: String| CatalogError::Pending { path: path.clone(), reason };
    let mut input = BufReader::new(zstd::Decoder::new(file).map_err(|error| damaged(error.to_string()))?);
    let mut line = Vec::new();
    input.by_ref().take(HEADER_BYTES).read_until(b'\n', &mut line).map_err(|error| damaged(error.to_string()))?;
    let header: Header =
        serde_json::from_slice(&line).map_err(|error| damaged(format!("its first line is no header: {error}")))?;
    if header.format != FORMAT {
        let file = path.display().to_string();
        return Err(CatalogError::Format { file, found: header.format, known: FORMAT });
    }
    let mut tables = Vec::new();
    for name in &header.tables {
        let table = Table::ALL.iter().copied().find(|table| table.name() == name);
        let table = table.ok_or_else(|| damaged(format!("no table is called {name:?}")))?;
        let rows = read_table(&mut input, table).map_err(|error| damaged(format!("rows of `{name}`: {error}")))?;
        tables.push((table, rows));
    }
    // Reading to the end is what checks the checksum.
    match io::copy(&mut input, &mut io::sink()) {
        Ok(0) => Ok(Some(Pending { job: header.job, number: header.batch, tables })),
        Ok(more) => Err(damaged(format!("{more} bytes too many"))),
        Err(error) => Err(damaged(error.to_string())),
    }
}

fn read_table(input: &mut impl Read, table: Table) -> io::Result<RecordBatch> {
    let mut length = [0; 8];
    input.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > TABLE_BYTES {
        return Err(io::Error::other(format!("a declared length of {length} bytes")));
    }
    // Not allocated from the declared length: `read_to_end` grows with what is really there.
    let mut bytes = Vec::new();
    input.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let reader = StreamReader::try_new(&bytes[..], None).map_err(io::Error::other)?;
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(io::Error::other)?;
    if batches.iter().any(|batch| !fits(table, &batch.schema())) {
        return Err(io::Error::other("other columns than the table has"));
    }
    let batches = batches.iter().map(|batch| conform(table, batch)).collect::<Result<Vec<_>, _>>();
    let batches = batches.map_err(io::Error::other)?;
    arrow::compute::concat_batches(&table.arrow_schema(), &batches).map_err(io::Error::other)
}

/// Removes the batch, which is in the tables now. Blocks.
pub(crate) fn remove(state: &Path) -> Result<(), CatalogError> {
    let path = place(state);
    let inner = || {
        fs::remove_file(&path)?;
        sync(state)
    };
    inner().map_err(CatalogError::state("remove the finished batch", &path))
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
