//! Tables of SQLite files. A thread reads and hands rows over a short queue, since a cursor borrows its connection.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::super::ImportError;
use super::cells::{Cell, Limits, Line, Rows, not};

/// Rows that are read ahead.
const AHEAD: usize = 64;
const ADVICE: &str = "is it a SQLite file, whole, and not in use by a program that writes?";

/// What the thread that reads has to say.
enum Message {
    Row(Vec<Cell>),
    Error(String),
    End,
}

pub(super) struct Sqlite {
    name: String,
    path: PathBuf,
    table: String,
    limits: Limits,
    columns: Vec<String>,
    wanted: Vec<bool>,
    rows: Option<Receiver<Message>>,
    row: u64,
    ended: bool,
}

impl Sqlite {
    /// Opens `table`, or the only one that the file has.
    pub(super) fn open(name: &str, path: &Path, table: Option<&str>, limits: Limits) -> Result<Self, ImportError> {
        let wrong = |error: rusqlite::Error| not(name, "a SQLite file", error.to_string(), ADVICE);
        if !path.is_file() {
            let source = std::io::Error::from(std::io::ErrorKind::NotFound);
            return Err(ImportError::Read { name: name.to_owned(), source });
        }
        let connection = connect(path).map_err(wrong)?;
        let tables = tables(&connection).map_err(wrong)?;
        let table = match (table, tables.as_slice()) {
            (Some(wanted), _) if tables.iter().any(|table| table == wanted) => wanted.to_owned(),
            (None, [only]) => only.clone(),
            (Some(wanted), _) => {
                let found = format!("it has no table {wanted:?}; its tables are: {}", tables.join(", "));
                return Err(not(name, "the file that the map is for", found, "name one of these as `table`"));
            }
            (None, _) => {
                let found = format!("it has {} tables: {}", tables.len(), tables.join(", "));
                return Err(not(name, "one table", found, "name one of these as `table` in the map"));
            }
        };
        let columns = columns(&connection, &table).map_err(wrong)?;
        let wanted = vec![true; columns.len()];
        let (name, path) = (name.to_owned(), path.to_owned());
        Ok(Self { name, path, table, limits, columns, wanted, rows: None, row: 0, ended: false })
    }

    fn start(&self) -> Receiver<Message> {
        let (send, receive) = sync_channel(AHEAD);
        let (path, wanted, limit) = (self.path.clone(), self.wanted.clone(), self.limits.row_bytes);
        let columns: Vec<String> = self
            .columns
            .iter()
            .zip(&wanted)
            .map(|(name, wanted)| if *wanted { quoted(name) } else { "NULL".into() })
            .collect();
        let query = format!("SELECT {} FROM {}", columns.join(", "), quoted(&self.table));
        std::thread::spawn(move || {
            let read = || -> rusqlite::Result<()> {
                let connection = connect(&path)?;
                let mut statement = connection.prepare(&query)?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    let cells = (0..wanted.len()).map(|at| row.get_ref(at).map(|value| cell(value, limit)));
                    // Nobody listens any more: the import has stopped.
                    if send.send(Message::Row(cells.collect::<rusqlite::Result<_>>()?)).is_err() {
                        break;
                    }
                }
                Ok(())
            };
            let _ = send.send(read().map_or_else(|error| Message::Error(error.to_string()), |()| Message::End));
        });
        receive
    }
}

/// A connection that cannot write and trusts nothing that the file says to run.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA query_only = ON; PRAGMA cell_size_check = ON;")?;
    Ok(connection)
}

/// Plain tables: a view or a virtual table would run what its author wrote.
fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
         AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name LIMIT 1000",
    )?;
    let names = statement.query_map([], |row| row.get(0))?;
    names.collect()
}

/// The names of a table's columns. Asked for as values, since the library panics on a column's name that is not UTF-8.
fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1) ORDER BY cid")?;
    let names = statement.query_map([table], |row| row.get(0))?;
    names.collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn cell(value: ValueRef, limit: usize) -> Cell {
    match value {
        ValueRef::Null => Cell::Nothing,
        ValueRef::Integer(number) => Cell::Text(number.to_string()),
        ValueRef::Real(number) => Cell::Text(number.to_string()),
        ValueRef::Text(bytes) if bytes.len() > limit => Cell::Bad(format!("is longer than {limit} bytes")),
        ValueRef::Text(bytes) => match std::str::from_utf8(bytes) {
            Ok("") => Cell::Nothing,
            Ok(text) => Cell::Text(text.to_owned()),
            Err(error) => Cell::Bad(format!("is not UTF-8 at byte {}", error.valid_up_to() + 1)),
        },
        ValueRef::Blob(_) => Cell::Bad("is a blob, and no text".to_owned()),
    }
}

impl Rows for Sqlite {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn want(&mut self, wanted: &[bool]) -> Result<(), ImportError> {
        wanted.clone_into(&mut self.wanted);
        Ok(())
    }

    fn next(&mut self, cells: &mut Vec<Cell>) -> Result<Option<Line>, ImportError> {
        if self.rows.is_none() {
            self.rows = Some(self.start());
        }
        let message = self.rows.as_ref().and_then(|rows| rows.recv().ok());
        let found = match message {
            Some(Message::Row(row)) => {
                *cells = row;
                self.row += 1;
                return Ok(Some(Line::sound(self.row)));
            }
            Some(Message::End) => {
                self.ended = true;
                return Ok(None);
            }
            Some(Message::Error(error)) => format!("after row {}: {error}", self.row),
            None if self.ended => return Ok(None),
            None => format!("reading stopped after row {}", self.row),
        };
        Err(not(&self.name, "a SQLite file", found, ADVICE))
    }
}
