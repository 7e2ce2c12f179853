//! The tables: made, written by two cores, and weighed column by column.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use fonoteca_catalog::arrow::array::{AsArray as _, RecordBatch, UInt32Array};
use fonoteca_catalog::arrow::compute::{concat_batches, take_record_batch};
use fonoteca_catalog::arrow::datatypes::Int64Type;
use fonoteca_catalog::bulk::{Stage, Staged};
use fonoteca_catalog::{CatalogError, Table};
use fonoteca_model::progress::Silent;
use fonoteca_testkit::catalogue::{Catalogue, STRETCH};
use futures::{StreamExt as _, TryStreamExt as _};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::{Map, json};

use crate::bench::{Bench, bytes_below, sync};

/// Tracks of one piece, which is one file a table: what a kill costs at most.
const PIECE: u64 = 500 * STRETCH;
/// Tracks that are made at once.
const CHUNK: u64 = 5 * STRETCH;
/// Pieces that are written at the same time.
const AT_ONCE: usize = 2;
const JOB: &str = "bench-catalogue";

/// Loads what is not loaded yet.
pub async fn load(bench: &Bench) -> Result<()> {
    let start = Instant::now();
    let catalog = bench.open().await?;
    let mut bulk = catalog.bulk(JOB).await?;
    let pieces = i64::try_from(bench.rows.div_ceil(PIECE))?;
    let mut first = 0;
    while first < pieces && bulk.has(first).await? {
        first += 1;
    }
    let stages: Vec<(i64, Stage)> = (first..pieces).map(|piece| (piece, bulk.stage())).collect();
    let (catalogue, rows) = (bench.catalogue(), bench.rows);
    let mut staged = futures::stream::iter(stages)
        .map(|(piece, stage)| async move {
            let written = tokio::spawn(write(catalogue, stage, piece as u64, rows)).await??;
            anyhow::Ok((piece, written))
        })
        .buffered(AT_ONCE);
    let mut making = Duration::ZERO;
    while let Some((piece, (files, made))) = staged.try_next().await? {
        making += made;
        bulk.commit(piece, files).await?;
        eprintln!("piece {} of {pieces}, {:.0} s", piece + 1, start.elapsed().as_secs_f64());
    }
    drop(staged);
    sync(&bench.archive().join("catalog"))?;
    let took = start.elapsed();
    let loaded = bench.rows.saturating_sub(first as u64 * PIECE);
    let mut figures = Map::new();
    figures.insert("rows_per_second".to_owned(), json!(loaded as f64 / took.as_secs_f64()));
    figures.insert("made_by_this_run".to_owned(), json!(loaded));
    figures.insert("making_rows_seconds".to_owned(), json!(making.as_secs_f64()));
    figures.insert(
        "bytes_a_track".to_owned(),
        json!(bytes_below(&bench.archive().join("catalog")) as f64 / bench.rows as f64),
    );
    figures.insert("columns".to_owned(), json!(weigh(bench)?));
    bench.keep("load", took, &figures)
}

async fn write(
    catalogue: Catalogue,
    mut stage: Stage,
    piece: u64,
    rows: u64,
) -> Result<(Staged, Duration), CatalogError> {
    let mut making = Duration::ZERO;
    let end = rows.min((piece + 1) * PIECE);
    let mut next = piece * PIECE;
    let mut listens = Vec::new();
    while next < end {
        let until = end.min(next + CHUNK);
        let start = Instant::now();
        let made = catalogue.rows(next..until);
        making += start.elapsed();
        for (name, rows) in made.into_tables() {
            if name == "listens" {
                listens.push(rows);
                continue;
            }
            let table = Table::ALL.iter().copied().find(|table| table.name() == name).expect("a table of that name");
            stage.add(table, &rows).await?;
        }
        next = until;
    }
    if !listens.is_empty() {
        stage.add(Table::Listens, &sorted(&listens, "recording_id")).await?;
    }
    Ok((stage.finish().await?, making))
}

/// Batches as one, by a column of numbers: as what counts listens writes them.
fn sorted(batches: &[RecordBatch], column: &str) -> RecordBatch {
    let all = concat_batches(&batches[0].schema(), batches).expect("batches of one table");
    let numbers = all[column].as_primitive::<Int64Type>().values();
    let mut order: Vec<u32> = (0..numbers.len() as u32).collect();
    order.sort_unstable_by_key(|at| numbers[*at as usize]);
    take_record_batch(&all, &UInt32Array::from(order)).expect("places within the batch")
}

/// Bytes a track of each column as `table.column`, of what else the files hold as `table`, and of the logs.
fn weigh(bench: &Bench) -> Result<BTreeMap<String, f64>> {
    let mut weights: BTreeMap<String, u64> = BTreeMap::new();
    for table in Table::ALL {
        let folder = bench.archive().join("catalog").join(table.name());
        for file in std::fs::read_dir(&folder)? {
            let path = file?.path();
            if path.extension().is_none_or(|extension| extension != "parquet") {
                continue;
            }
            let mut rest = path.metadata()?.len();
            let reader = SerializedFileReader::new(std::fs::File::open(&path)?)?;
            for column in
                reader.metadata().row_groups().iter().flat_map(parquet::file::metadata::RowGroupMetaData::columns)
            {
                let bytes = column.compressed_size() as u64;
                rest -= bytes;
                *weights.entry(format!("{}.{}", table.name(), column.column_path().string())).or_default() += bytes;
            }
            *weights.entry(table.name().to_owned()).or_default() += rest;
        }
        let log = bytes_below(&folder.join("_delta_log"));
        *weights.entry("logs".to_owned()).or_default() += log;
    }
    Ok(bench.a_track(weights))
}

/// Bytes of files that are made one, as `fonoteca catalog optimize` does it unless told otherwise.
const OPTIMISED: u64 = 256 << 20;
/// What is rewritten at most, since it lies there twice until a vacuum.
const OPTIMISED_MOST: u64 = 8 << 30;

/// Small files made into large ones.
pub async fn optimise(bench: &Bench) -> Result<()> {
    let start = Instant::now();
    let catalog = bench.open().await?;
    let mut plan = catalog.plan_optimize(Table::ALL, OPTIMISED).await?;
    let mut left = OPTIMISED_MOST;
    plan.rewrites.retain(|rewrite| {
        let fits = rewrite.bytes <= left;
        left = left.saturating_sub(rewrite.bytes);
        fits
    });
    let done = catalog.optimize(&plan, &Silent).await?;
    let took = start.elapsed();
    let mut figures = Map::new();
    figures.insert("files_before".to_owned(), json!(done.files_before));
    figures.insert("files_after".to_owned(), json!(done.files_after));
    figures.insert("bytes_before".to_owned(), json!(done.bytes_before));
    figures.insert("bytes_after".to_owned(), json!(done.bytes_after));
    figures.insert("bytes_per_second".to_owned(), json!(done.bytes_before as f64 / took.as_secs_f64()));
    bench.keep("optimise", took, &figures)
}

/// How fast rows are made, on one core.
pub fn generate(bench: &Bench) -> Result<()> {
    let start = Instant::now();
    let mut next = 0;
    let mut made = 0;
    while next < bench.rows {
        let until = bench.rows.min(next + CHUNK);
        made += bench.catalogue().rows(next..until).tracks.num_rows();
        next = until;
    }
    let took = start.elapsed();
    let mut figures = Map::new();
    figures.insert("rows_per_second".to_owned(), json!(made as f64 / took.as_secs_f64()));
    bench.keep("generate", took, &figures)
}
