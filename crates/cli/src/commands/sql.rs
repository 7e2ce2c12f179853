//! `fonoteca sql`: one query over all tables.

use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use fonoteca_catalog::arrow::array::RecordBatch;
use fonoteca_catalog::arrow::datatypes::Schema;
use fonoteca_catalog::export::{Export, ExportError, Format, cells, is_number};
use fonoteca_catalog::{Answer, Catalog, QueryError, Snapshot, Table as CatalogTable, Versions};
use fonoteca_model::Timestamp;
use futures::TryStreamExt as _;

use super::Ended;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::output::{Align, Output, Table};
use crate::values;

/// A query that is longer is no query.
const QUERY_BYTES: u64 = 1 << 20;
/// Bytes written to stdout at once.
const BUFFER_BYTES: usize = 1 << 16;
/// Columns of a table for people are as wide as these rows need; later rows may stick out.
const PAGE_ROWS: usize = 1000;
/// Characters of one cell that people see.
const CELL_CHARS: usize = 120;

/// Ask anything about the archive in SQL
///
/// All tables are there under their names, without rows of batches that were never completed; `docs/formats/catalog.md`
/// lists their columns, and so do `SHOW TABLES` and `DESCRIBE tracks`. Queries only read. The dialect is DataFusion's, which
/// is close to PostgreSQL's: joins, window functions, regular expressions, `unnest` for lists.
///
/// Ids are numbers here: `hex_id(id)` shows one as the rest of the program does, and `parse_id('79f9080b110b75d3')` reads
/// one. `fold(title)` is a name without case, accents and punctuation. Rows come as they are found, so that a pipe to `head`
/// ends early.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fonoteca sql \"SELECT title, artist_credit FROM tracks ORDER BY title LIMIT 20\"
  fonoteca sql \"SELECT * FROM tracks WHERE id = parse_id('79f9080b110b75d3')\" --json
  fonoteca sql - --format parquet --output by-year.parquet < by-year.sql
  fonoteca sql \"SELECT count(*) FROM tracks\" --at 2026-11-22")]
pub struct Args {
    /// The query, or `-` to read it from stdin
    query: String,
    /// How the rows are written [default: table, or json with --json]
    #[arg(long, value_name = "FORM", value_parser = values::form())]
    format: Option<Form>,
    /// Write to a file instead of stdout; it appears when it is whole
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Memory that the query may take before it spills to the folder for temporary files (TMPDIR)
    #[arg(long, value_name = "SIZE", default_value = "1GiB", value_parser = values::size)]
    memory: u64,
    /// Show how the query would be carried out, and do not carry it out
    #[arg(long)]
    explain: bool,
    /// Ask the tables as they were
    ///
    /// A date or a moment: each table at the latest version that was committed not later than that; a date is its first
    /// moment, in UTC. A number: everything as it was when that version of `files` was committed, which is the `version`
    /// that `stats --json` names. TABLE=VERSION: that table alone, and the others at their latest; repeat it for more.
    #[arg(long, value_name = "WHEN", value_parser = at)]
    at: Vec<At>,
}

/// In which form rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Columns that line up, for people.
    Table,
    /// A file format.
    File(Format),
}

/// Which versions of the tables are asked.
#[derive(Debug, Clone)]
pub enum At {
    /// The latest ones not later than this.
    Moment(Timestamp),
    /// Those at the time of this version of `files`.
    Files(i64),
    /// One table's version.
    Table(CatalogTable, i64),
}

fn at(text: &str) -> Result<At, String> {
    let number = |text: &str| text.parse::<i64>().ok().filter(|number| *number >= 0);
    if let Some((name, version)) = text.split_once('=') {
        let table = values::table(name)?;
        let version = number(version).ok_or_else(|| format!("{version:?} is no version: write a number, from 0"))?;
        return Ok(At::Table(table, version));
    }
    if let Some(version) = number(text) {
        return Ok(At::Files(version));
    }
    let moment = values::moment(text);
    moment.map(At::Moment).map_err(|wrong| format!("{wrong}, a version of `files`, or TABLE=VERSION"))
}

pub async fn run(args: Args, context: &Context) -> Ended {
    let output = context.output();
    let form = args.format.unwrap_or(if output.is_json() { Form::File(Format::Json) } else { Form::Table });
    if form == Form::File(Format::Parquet) && args.output.is_none() {
        return Err(CommandError::usage("Parquet is not for a terminal").hint("name a file with --output FILE"));
    }
    let query = read_query(&args.query)?;
    let archive = context.open().await?;
    let snapshot = snapshot_at(archive.catalog(), &args.at).await?;
    let snapshot = snapshot.with_memory(usize::try_from(args.memory).unwrap_or(usize::MAX)).await?;
    let answer = snapshot.query(&query, args.explain).await.map_err(|error| wrong(&query, error))?;
    if args.explain && form == Form::Table && args.output.is_none() {
        return explain(&query, answer, output).await;
    }
    // Ctrl-C: what was spilled is removed on the way out.
    context.interrupt().watch();
    let work = write(&query, answer, form, args.output.as_deref(), output);
    tokio::select! {
        done = work => done?,
        () = context.interrupt().wait() => return Ok(Exit::Interrupted),
    }
    Ok(Exit::Done)
}

fn read_query(argument: &str) -> Result<String, CommandError> {
    let mut query = argument.to_owned();
    if argument == "-" {
        query.clear();
        let read = io::stdin().lock().take(QUERY_BYTES + 1).read_to_string(&mut query);
        read.map_err(|error| CommandError::of(Exit::Usage, &error).hint("a query is text in UTF-8"))?;
        if query.len() as u64 > QUERY_BYTES {
            return Err(CommandError::usage(format!("a query has at most {QUERY_BYTES} bytes")));
        }
    }
    if query.trim().is_empty() {
        return Err(CommandError::usage("there is no query").hint("try `fonoteca sql \"SHOW TABLES\"`"));
    }
    Ok(query)
}

async fn snapshot_at(catalog: &Catalog, at: &[At]) -> Result<Snapshot, CommandError> {
    let mut versions = Versions::new();
    let mut whole = 0;
    for at in at {
        match at {
            At::Table(table, version) => {
                versions.insert(*table, *version);
            }
            At::Moment(moment) => {
                whole += 1;
                versions.extend(catalog.versions_at(*moment).await?);
            }
            // The tables were made together, in any order, before anything came into them.
            At::Files(0) => {
                whole += 1;
                versions.extend(CatalogTable::ALL.iter().map(|table| (*table, 0)));
            }
            At::Files(version) => {
                whole += 1;
                let moment = catalog.committed_at(CatalogTable::Files, *version).await?;
                versions.extend(catalog.versions_at(moment).await?);
                versions.insert(CatalogTable::Files, *version);
            }
        }
    }
    if whole > 1 || (whole == 1 && at.len() > 1) {
        return Err(CommandError::usage("--at takes one moment or one version, or tables with their versions"));
    }
    Ok(catalog.snapshot_at(&versions).await?)
}

/// What is wrong with a query, with the line that it is in and what to do.
fn wrong(query: &str, error: QueryError) -> CommandError {
    let hint = match &error {
        QueryError::Table { .. } => {
            let names: Vec<&str> = CatalogTable::ALL.iter().map(|table| table.name()).collect();
            Some(format!("the tables are: {}", names.join(", ")))
        }
        QueryError::Column { all, .. } if !all.is_empty() => Some(format!("the columns are: {}", all.join(", "))),
        QueryError::Writes { .. } => Some("what the tables hold is changed by the other commands alone".to_owned()),
        QueryError::Memory { .. } => Some("allow more with --memory, or ask for less at once".to_owned()),
        _ => None,
    };
    let place = if matches!(error, QueryError::Syntax { .. }) { pointed(query, &error) } else { None };
    let mut told = match error {
        QueryError::Run(error) => return error.into(),
        error if error.is_of_the_query() => CommandError::of(Exit::Usage, &error),
        error => CommandError::of(Exit::SomeFailed, &error),
    };
    for hint in place.into_iter().chain(hint) {
        told = told.hint(hint);
    }
    told
}

/// The words of the query from where the error is.
fn pointed(query: &str, error: &QueryError) -> Option<String> {
    let (line, column) = error.at()?;
    let text = query.lines().nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
    let from = usize::try_from(column).ok()?.checked_sub(1)?;
    let rest: String = text.chars().skip(from).take(60).collect();
    (!rest.trim().is_empty()).then(|| format!("what is there: {}", rest.trim()))
}

/// The plan as text with its line breaks.
async fn explain(query: &str, mut answer: Answer, output: &Output) -> Ended {
    while let Some(rows) = answer.batches.try_next().await.map_err(|error| wrong(query, error))? {
        for mut row in cells(&rows).map_err(unwritten)? {
            let plan = row.pop().flatten().unwrap_or_default();
            let kind = row.pop().flatten().unwrap_or_default();
            output.line(output.strong(&kind.replace('_', " ")));
            output.line(plan.trim_end());
        }
    }
    Ok(Exit::Done)
}

async fn write(
    query: &str,
    answer: Answer,
    form: Form,
    file: Option<&Path>,
    output: &Output,
) -> Result<(), CommandError> {
    match (form, file) {
        (Form::Table, None) => page(query, answer, output, |text| output.raw(text.as_bytes())).await,
        (Form::File(format), None) => {
            let sink = BufWriter::with_capacity(BUFFER_BYTES, StdoutSink(output));
            let copied = copy(query, answer, format, sink).await;
            let flushed = copied.map(|mut sink| sink.flush());
            // Then the reader went away, or the output tells at the end why it cannot be written.
            if output.is_gone() { Ok(()) } else { flushed.map(|_| ()) }
        }
        (form, Some(path)) => {
            let failed = |error: &io::Error| {
                CommandError::of(Exit::SomeFailed, error).hint(format!("while writing {}", path.display()))
            };
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let staged = tempfile::Builder::new().prefix(".fonoteca-").tempfile_in(folder).map_err(|e| failed(&e))?;
            let mut sink = BufWriter::new(staged.as_file().try_clone().map_err(|error| failed(&error))?);
            match form {
                Form::Table => {
                    let mut result = Ok(());
                    page(query, answer, output, |text| {
                        result = sink.write_all(text.as_bytes());
                        result.is_ok()
                    })
                    .await?;
                    result.map_err(|error| failed(&error))?;
                }
                Form::File(format) => sink = copy(query, answer, format, sink).await?,
            }
            sink.flush().map_err(|error| failed(&error))?;
            allow_others_to_read(&staged).map_err(|error| failed(&error))?;
            staged.persist(path).map_err(|error| failed(&error.error))?;
            Ok(())
        }
    }
}

/// A temporary file is for its owner alone; a result is a file like any other.
fn allow_others_to_read(file: &tempfile::NamedTempFile) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

/// Writes all rows in a file format.
async fn copy<W: Write + Send>(query: &str, mut answer: Answer, format: Format, sink: W) -> Result<W, CommandError> {
    let mut export = Export::new(format, &answer.schema, sink).map_err(unwritten)?;
    while let Some(rows) = answer.batches.try_next().await.map_err(|error| wrong(query, error))? {
        export.write(&rows).map_err(unwritten)?;
    }
    export.finish().map_err(unwritten)
}

#[expect(clippy::needless_pass_by_value, reason = "it stands where an error is mapped")]
fn unwritten(error: ExportError) -> CommandError {
    CommandError::of(Exit::SomeFailed, &error)
}

/// Writes rows in columns that line up, until `show` says that nobody looks any more.
async fn page(
    query: &str,
    mut answer: Answer,
    output: &Output,
    mut show: impl FnMut(&str) -> bool,
) -> Result<(), CommandError> {
    let mut widths = Vec::new();
    let mut waiting: Vec<RecordBatch> = Vec::new();
    let (mut held, mut shown) = (0, 0u64);
    loop {
        let more = answer.batches.try_next().await.map_err(|error| wrong(query, error))?;
        let ended = more.is_none();
        if let Some(rows) = more {
            held += rows.num_rows();
            waiting.push(rows);
        }
        if held < PAGE_ROWS && !ended {
            continue;
        }
        let mut table = headed(&answer.schema);
        for rows in waiting.drain(..) {
            for row in cells(&rows).map_err(unwritten)? {
                table.row(row.into_iter().map(|cell| shortened(cell.as_deref().unwrap_or("NULL"))));
            }
        }
        if held > 0 && !show(&table.page(&mut widths, shown == 0, output.colours())) {
            return Ok(());
        }
        shown += held as u64;
        held = 0;
        if ended {
            break;
        }
    }
    output.note(if shown == 1 { "1 row".to_owned() } else { format!("{shown} rows") });
    Ok(())
}

fn headed(schema: &Schema) -> Table {
    Table::with_headings(schema.fields().iter().map(|field| {
        let align = if is_number(field.data_type()) { Align::Right } else { Align::Left };
        (field.name().clone(), align)
    }))
}

fn shortened(cell: &str) -> String {
    match cell.char_indices().nth(CELL_CHARS) {
        Some((end, _)) => format!("{}…", &cell[..end]),
        None => cell.to_owned(),
    }
}

/// Stdout as the command's output has it: a reader that went away ends the work.
struct StdoutSink<'a>(&'a Output);

impl Write for StdoutSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.raw(bytes) { Ok(bytes.len()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_is_a_moment_a_version_or_a_table_with_one() {
        assert!(matches!(at("12"), Ok(At::Files(12))));
        assert!(matches!(at("tracks=3"), Ok(At::Table(CatalogTable::Tracks, 3))));
        assert!(
            matches!(at("2026-11-22"), Ok(At::Moment(_))) && matches!(at("2026-11-22T10:00:00Z"), Ok(At::Moment(_)))
        );
        assert!(at("trakcs=3").is_err_and(|wrong| wrong.contains("tracks")));
        for other in ["", "-1", "tracks=", "tracks=-1", "yesterday", "=3"] {
            assert!(at(other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_long_cell_is_cut_between_characters() {
        assert_eq!(shortened("ø"), "ø");
        assert_eq!(shortened(&"ø".repeat(200)).chars().count(), CELL_CHARS + 1);
    }
}
