//! Rows on their way into the tables: Parquet files that no version names yet, a batch of them at a time.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::{filter_record_batch, take_record_batch};
use deltalake::DeltaTable;
use deltalake::kernel::Add;
use fonoteca_model::progress::Progress;
use fonoteca_model::{Sha256Hash, Timestamp};
use object_store::{ObjectStoreExt as _, path::Path as Key};

use super::chunk::{Chunk, Rows, came_before, has_own_ids, ids};
use super::journal::{Counts, Entry, Header, Journal, is_begun, take_abandoned};
use super::replace::{self, Replacement};
use super::report::{Facts, Origin, Report};
use super::seen::{Seen, SeenIds, SeenLimits};
use super::{ImportError, Reject, compare};
use crate::catalog::{Catalog, Shared};
use crate::delta::{self, FileInProgress};
use crate::error::CatalogError;
use crate::rows::{fits_rows, stamp_import};
use crate::schema::{Import, Table};
use crate::writer::JOB_BYTES;

/// Rows that wait because their ids may have come before, at most: then the batch ends early.
const SUSPECTS: usize = 100_000;

/// How much is staged at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StagingLimits {
    /// Rows after which a batch ends and its files are complete; a kill costs at most one batch.
    pub batch_rows: u64,
    /// Memory for telling ids that came before.
    pub seen: SeenLimits,
}

impl Default for StagingLimits {
    fn default() -> Self {
        Self { batch_rows: 4_000_000, seen: SeenLimits::default() }
    }
}

/// Rows, and whether each of them came before, where that can be told.
type Sifted = (Rows, Option<Vec<Seen>>);

/// An import that is being staged. Dropped, it can be gone on with, if its source is a file.
pub struct Staging {
    catalog: Catalog,
    origin: Origin,
    limits: StagingLimits,
    journal: Journal,
    tables: BTreeMap<Table, TableInProgress>,
    counts: Counts,
    last: u64,
    rows: u64,
    /// Rows that wait, with their records.
    suspects: Vec<Rows>,
    suspected: usize,
}

struct TableInProgress {
    delta: DeltaTable,
    file: Option<FileInProgress>,
    complete: Vec<Add>,
    /// Ids that came; None for tables whose rows have none of their own.
    seen: Option<SeenIds>,
}

impl Catalog {
    /// Whether something of this import is staged, or was.
    pub(super) fn is_staged(&self, origin: &Origin) -> bool {
        let Origin { source, dataset, files, options, .. } = origin;
        let header = Header::new(String::new(), source, dataset, files.clone(), options.clone());
        is_begun(&self.shared.state, &header)
    }

    /// Begins an import, or goes on with the one of the same file that was interrupted. Waits for another process that is
    /// importing the same file. `at` names it, so two imports of one source and dataset must not begin at the same moment;
    /// `process` tells those apart that do.
    pub async fn stage(
        &self,
        origin: Origin,
        at: Timestamp,
        process: u32,
        limits: StagingLimits,
    ) -> Result<Staging, ImportError> {
        let name = format!("{}/{}", origin.source, origin.dataset);
        let most = JOB_BYTES - 18;
        let fits = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        if name.len() > most || !fits(&origin.source) || !fits(&origin.dataset) {
            return Err(ImportError::Name { name: name.chars().take(80).collect(), most });
        }
        // Tables and columns that this archive may lack, and what a killed process left.
        drop(self.writer().await?);
        let import = format!("{name}/{:014x}{:03x}", at.0, process & 0xfff);
        let header = Header::new(import, &origin.source, &origin.dataset, origin.files.clone(), origin.options.clone());
        let (state, file_name) = (self.shared.state.clone(), origin.name.clone());
        let (journal, stale) = blocking(move || {
            let mut stale = take_abandoned(&state)?;
            let (journal, replaced) = Journal::open(&state, &header, &file_name)?;
            stale.extend(replaced);
            Ok((journal, stale))
        })
        .await?;
        for (header, entries) in stale {
            discard(&self.shared, &header, &entries).await?;
        }
        let counts = journal.counts();
        Ok(Staging {
            catalog: self.clone(),
            origin,
            limits,
            journal,
            tables: BTreeMap::new(),
            counts,
            last: 0,
            rows: 0,
            suspects: Vec::new(),
            suspected: 0,
        })
    }
}

impl Staging {
    /// The last record that needs no rows any more: an interrupted run got so far. Its chunks must be added all the same,
    /// so that ids that come twice are told.
    pub fn done(&self) -> u64 {
        self.journal.done()
    }

    /// Rows after which a batch ends.
    pub(super) fn batch_rows(&self) -> u64 {
        self.limits.batch_rows
    }

    /// Whether the whole source is staged, so that it need not be read again.
    pub fn is_complete(&self) -> bool {
        self.journal.ended().is_some()
    }

    /// What the import is called.
    pub fn import_id(&self) -> &str {
        &self.journal.header.import
    }

    /// Adds rows. A chunk is either done already or not at all: chunks are cut at [`Self::done`].
    pub async fn add(&mut self, chunk: Chunk) -> Result<(), ImportError> {
        let is_done = chunk.last <= self.done();
        let mut looked_at = Vec::new();
        for part in chunk.rows {
            let seen = self.look_at(&part).await?;
            looked_at.push((part, seen));
        }
        if is_done {
            return Ok(());
        }
        for (number, reject) in &chunk.rejects {
            self.reject(*number, reject)?;
        }
        self.counts.read += chunk.read;
        self.counts.passed_over += chunk.passed_over;
        self.last = chunk.last;
        if looked_at.iter().any(|(_, seen)| seen.is_some()) {
            looked_at = self.sift(looked_at, chunk.last - chunk.read.min(chunk.last))?;
        }
        for (part, _) in looked_at {
            self.write(part.table, &part.rows).await?;
        }
        if self.rows >= self.limits.batch_rows || self.suspected >= SUSPECTS {
            self.end_batch(None).await?;
        }
        Ok(())
    }

    /// Notes the ids of a part, and says of each row whether it came before; None: all are new.
    async fn look_at(&mut self, part: &Rows) -> Result<Option<Vec<Seen>>, ImportError> {
        if !part.table.is_imported() || !fits_rows(part.table, &part.rows.schema()) {
            let reason = "it is no table that imports write to, or its columns are others".to_owned();
            return Err(ImportError::Rows { table: part.table.name(), reason });
        }
        let Some(known) = &mut self.table(part.table).await?.seen else { return Ok(None) };
        let mut looked_at = None;
        for (row, id) in ids(&part.rows).iter().enumerate() {
            let seen = known.insert(*id);
            if seen != Seen::New {
                looked_at.get_or_insert_with(|| vec![Seen::New; part.rows.num_rows()])[row] = seen;
            }
        }
        Ok(looked_at)
    }

    /// Lays aside the rows whose ids came before, or may have: at the end of the batch one finds out. What is told about a
    /// row goes where the row goes. `before` is the last record of the chunk before.
    fn sift(&mut self, parts: Vec<Sifted>, before: u64) -> Result<Vec<Sifted>, ImportError> {
        let mut suspected = HashSet::new();
        for (part, seen) in &parts {
            let came_before = seen.iter().flatten().enumerate().filter(|(_, seen)| **seen == Seen::Before);
            suspected.extend(came_before.map(|(row, _)| part.key(row)));
        }
        // A record that names one thing twice: the first stands, and with it what is told about it.
        for (part, seen) in &parts {
            let news = seen.iter().flat_map(|seen| seen.iter().enumerate()).filter(|(_, seen)| **seen == Seen::New);
            for (row, _) in news {
                suspected.remove(&part.key(row));
            }
        }
        let mut sifted = Vec::new();
        for (part, seen) in parts {
            let fate = |row: usize| match &seen {
                Some(seen) => seen[row],
                None if part.table == Table::Supplements && suspected.contains(&part.key(row)) => Seen::Before,
                None => Seen::New,
            };
            let fates: Vec<Seen> = (0..part.rows.num_rows()).map(fate).collect();
            let waiting: Vec<u64> =
                (0..).zip(&fates).filter(|(_, fate)| **fate == Seen::Before).map(|(row, _)| row).collect();
            if !waiting.is_empty() {
                let number =
                    |row: &u64| part.numbers.as_ref().map_or(before + row + 1, |numbers| numbers[*row as usize]);
                let numbers = waiting.iter().map(number).collect();
                let rows = take_record_batch(&part.rows, &UInt64Array::from(waiting));
                let rows = rows.map_err(CatalogError::rows(part.table))?;
                self.suspected += rows.num_rows();
                self.suspects.push(Rows { table: part.table, rows, numbers: Some(numbers) });
            }
            let keep: BooleanArray = fates.iter().map(|fate| Some(*fate == Seen::New)).collect();
            let rows = filter_record_batch(&part.rows, &keep).map_err(CatalogError::rows(part.table))?;
            sifted.push((Rows { table: part.table, rows, numbers: None }, None));
        }
        Ok(sifted)
    }

    async fn write(&mut self, table: Table, rows: &RecordBatch) -> Result<(), ImportError> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        self.rows += rows.num_rows() as u64;
        let rows = stamp_import(table, rows, &self.journal.header.import)?;
        let batch_rows = self.limits.batch_rows;
        let open = self.table(table).await?;
        let mut file = match open.file.take() {
            Some(file) => file,
            None => FileInProgress::begin(&open.delta, table, usize::try_from(batch_rows).ok())?,
        };
        file.write(rows).await?;
        open.file = Some(file);
        Ok(())
    }

    fn reject(&mut self, number: u64, reject: &Reject) -> Result<(), ImportError> {
        self.counts.rejected += 1;
        self.journal.reject(number, reject)
    }

    async fn table(&mut self, table: Table) -> Result<&mut TableInProgress, ImportError> {
        if !self.tables.contains_key(&table) {
            let delta = self.catalog.shared.table(table).await?;
            let seen = has_own_ids(table).then(|| SeenIds::new(self.limits.seen));
            self.tables.insert(table, TableInProgress { delta, file: None, complete: Vec::new(), seen });
        }
        Ok(self.tables.get_mut(&table).expect("it was put there"))
    }

    /// Completes the files of this batch and says so in the journal.
    async fn end_batch(&mut self, ended: Option<(Sha256Hash, u64)>) -> Result<(), ImportError> {
        self.finish_files().await?;
        let suspects = std::mem::take(&mut self.suspects);
        self.suspected = 0;
        let (mut repeated, mut said_again) = (HashSet::new(), HashSet::new());
        let (own, told): (Vec<Rows>, Vec<Rows>) = suspects.into_iter().partition(|part| has_own_ids(part.table));
        for table in [Table::Artists, Table::Albums, Table::Tracks] {
            let of_table: Vec<&Rows> = own.iter().filter(|part| part.table == table).collect();
            if of_table.is_empty() {
                continue;
            }
            let wanted: HashSet<i64> = of_table.iter().flat_map(|part| ids(&part.rows).iter().copied()).collect();
            let files = self.staged(table);
            let mut known = compare::staged_among(&self.catalog.shared, table, &files, &wanted).await?;
            for part in of_table {
                let mut keep = Vec::new();
                let hashes = compare::hashes(table, &part.rows)?;
                for (row, (id, hash)) in ids(&part.rows).iter().zip(hashes).enumerate() {
                    let said = known.get(id).copied();
                    keep.push(said.is_none());
                    match said {
                        None => {
                            known.insert(*id, hash);
                        }
                        // The same once more: nothing is lost.
                        Some(said) if said == hash => {
                            self.counts.passed_over += u64::from(said_again.insert(part.key(row).0));
                            repeated.insert(part.key(row));
                        }
                        Some(_) => {
                            let (number, _) = part.key(row);
                            repeated.insert(part.key(row));
                            self.reject(number, &came_before(part, row))?;
                        }
                    }
                }
                self.write_kept(part, keep).await?;
            }
        }
        for part in &told {
            let keep = (0..part.rows.num_rows()).map(|row| !repeated.contains(&part.key(row))).collect();
            self.write_kept(part, keep).await?;
        }
        self.finish_files().await?;
        self.rows = 0;
        let mut files = BTreeMap::new();
        for (table, open) in &mut self.tables {
            if !open.complete.is_empty() {
                files.insert(table.name().to_owned(), std::mem::take(&mut open.complete));
            }
        }
        let last = self.last.max(self.done());
        self.journal.add(Entry { last, counts: self.counts, files, rejects_bytes: 0, ended })
    }

    async fn write_kept(&mut self, part: &Rows, keep: Vec<bool>) -> Result<(), ImportError> {
        let rows = filter_record_batch(&part.rows, &BooleanArray::from(keep));
        let rows = rows.map_err(CatalogError::rows(part.table))?;
        self.write(part.table, &rows).await
    }

    async fn finish_files(&mut self) -> Result<(), ImportError> {
        for open in self.tables.values_mut() {
            if let Some(file) = open.file.take() {
                open.complete.append(&mut file.finish().await?);
            }
        }
        Ok(())
    }

    /// All complete files of a table, those of this batch included.
    fn staged(&self, table: Table) -> Vec<Add> {
        let of_batch = self.tables.get(&table).into_iter().flat_map(|open| &open.complete);
        self.journal.files(table.name()).chain(of_batch).cloned().collect()
    }

    /// Notes that the source was read to its end: `sha256` and `bytes` are those of the whole file.
    pub async fn end(&mut self, sha256: Sha256Hash, bytes: u64) -> Result<(), ImportError> {
        if self.is_complete() { Ok(()) } else { self.end_batch(Some((sha256, bytes))).await }
    }

    /// Puts what was staged in place of the import before it: one commit a table, and a row of `imports` last. What is
    /// staged must have been [ended](Self::end). `rejects` is where a list of what was not understood goes, if there is any.
    pub async fn replace(
        mut self,
        facts: Facts,
        at: Timestamp,
        rejects: &Path,
        progress: &dyn Progress,
    ) -> Result<Report, ImportError> {
        let (sha256, bytes) = self.journal.ended().unwrap_or((Sha256Hash([0; 32]), 0));
        let counts = self.journal.counts();
        let mut row = Import {
            id: self.journal.header.import.clone(),
            source: self.origin.source.clone(),
            dataset: self.origin.dataset.clone(),
            dump_date: facts.dump_date,
            file: self.origin.name.clone(),
            sha256,
            bytes: bytes as i64,
            licence: facts.licence,
            parts: facts.parts,
            options: self.origin.options.clone(),
            read: counts.read as i64,
            added: 0,
            changed: 0,
            removed: 0,
            rejected: counts.rejected as i64,
            passed_over: counts.passed_over as i64,
            at,
        };
        let files: BTreeMap<String, Vec<Add>> = Table::ALL
            .iter()
            .filter(|table| table.is_imported())
            .map(|table| (table.name().to_owned(), self.staged(*table)))
            .collect();
        let kept = if counts.rejected > 0 {
            let to = rejects.to_owned();
            let mut journal = self.journal;
            self.journal = blocking(move || journal.keep_rejects(&to).map(|()| journal)).await?;
            Some(rejects.to_owned())
        } else {
            None
        };
        let row = loop {
            let snapshot = self.catalog.snapshot().await?;
            let before = snapshot.current_import(&row.source, &row.dataset).await?;
            if let Some(done) = before.as_ref().filter(|before| before.id == row.id) {
                break done.clone();
            }
            // The latest counts, whatever somebody does to the clock.
            row.at = before.as_ref().map_or(at, |before| at.max(Timestamp(before.at.0.saturating_add(1))));
            let difference =
                compare::compare(&self.catalog.shared, &snapshot, &files, before.as_ref(), &row.id, progress).await?;
            (row.added, row.changed, row.removed) =
                (difference.added as i64, difference.changed as i64, difference.removed as i64);
            progress.stage("replacing the rows in the tables", None, fonoteca_model::progress::Unit::Items);
            let writer = self.catalog.writer().await?;
            let now = writer.snapshot().current_import(&row.source, &row.dataset).await?;
            // Another import of the same was faster: then the difference is to that one.
            if now.as_ref().map(|now| &now.id) == before.as_ref().map(|before| &before.id) {
                replace::carry_out(writer, Replacement::new(row.clone(), files.clone())).await?;
                break row;
            }
        };
        let journal = self.journal;
        blocking(move || journal.remove()).await?;
        Ok(Report::of(&row, false, kept))
    }

    /// Gives the import up, and removes what was staged.
    pub async fn discard(self) -> Result<(), ImportError> {
        let (header, entries) = (self.journal.header.clone(), self.journal.entries.clone());
        let journal = self.journal;
        drop(self.tables);
        discard(&self.catalog.shared, &header, &entries).await?;
        blocking(move || journal.remove()).await
    }
}

/// Removes files that no version of a table names and none will: of an import that is given up.
async fn discard(shared: &Arc<Shared>, header: &Header, entries: &[Entry]) -> Result<(), ImportError> {
    for table in Table::ALL.iter().filter(|table| table.is_imported()) {
        let files: Vec<&Add> = entries.iter().filter_map(|entry| entry.files.get(table.name())).flatten().collect();
        if files.is_empty() {
            continue;
        }
        // It was committed, and only its journal was left: then the files are the table's.
        let delta = shared.table(*table).await?;
        if delta::recorded(&delta, *table, &header.import).await?.is_some() {
            continue;
        }
        for add in files {
            let key = object(*table, &add.path);
            match shared.objects.delete(&key).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(CatalogError::object("remove", key.as_ref())(error).into()),
            }
        }
    }
    Ok(())
}

/// Where a table's file lies.
pub(super) fn object(table: Table, path: &str) -> Key {
    Key::from(format!("catalog/{}/{path}", table.name()))
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ImportError> + Send + 'static,
) -> Result<T, ImportError> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.map_err(|error| ImportError::Reader { reason: error.to_string() })?
}
