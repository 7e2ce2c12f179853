//! CSV, TSV and their like. Parsed without holding more of a row than the limit, whatever its quotes promise.

use std::fmt::Write as _;
use std::io::BufRead;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::super::ImportError;
use super::cells::{Cell, Limits, Line, Rows, not};

/// How the text is divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Dialect {
    pub delimiter: u8,
    /// Whether `"` quotes; without, a field ends at the next delimiter whatever is in it.
    pub quote: bool,
    /// Rows at the beginning that name the columns; more than one are joined with dots.
    pub header_rows: usize,
    /// Names of the columns, where no row says them.
    pub names: Option<Vec<String>>,
    /// The last column takes all fields that follow, too.
    pub rest: bool,
}

pub(super) struct Delimited<R> {
    name: String,
    input: R,
    core: Reader,
    dialect: Dialect,
    limits: Limits,
    columns: Vec<String>,
    wanted: Vec<bool>,
    /// The fields of a row one after the other, and where each ends.
    fields: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
    /// The first data row where there are no header rows: it says how many columns there are.
    ahead: Option<Read>,
}

/// What was read.
#[derive(Debug, Clone)]
enum Read {
    Row { from: u64, to: u64 },
    TooLong { from: u64, to: u64 },
}

impl<R: BufRead + Send> Delimited<R> {
    pub(super) fn open(name: &str, mut input: R, dialect: Dialect, limits: Limits) -> Result<Self, ImportError> {
        let head = input.fill_buf().map_err(|source| ImportError::Read { name: name.to_owned(), source })?;
        if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
            return Err(not(name, "text in UTF-8", "it is UTF-16", "convert it, as with `iconv -f UTF-16 -t UTF-8`"));
        }
        let core = ReaderBuilder::new().delimiter(dialect.delimiter).quoting(dialect.quote).build();
        let mut table = Self {
            name: name.to_owned(),
            input,
            core,
            limits,
            columns: Vec::new(),
            wanted: Vec::new(),
            fields: vec![0; 16 << 10],
            ends: vec![0; 64],
            count: 0,
            ahead: None,
            dialect,
        };
        table.header()?;
        Ok(table)
    }

    fn header(&mut self) -> Result<(), ImportError> {
        let empty = |name: &str| not(name, "a table", "it is empty", "is it the right file?");
        for row in 0..self.dialect.header_rows {
            match self.read()? {
                None if row == 0 => return Err(empty(&self.name)),
                None => {
                    let found = format!("it ends before the {} rows that name its columns", self.dialect.header_rows);
                    return Err(not(&self.name, "a table", found, "set `header_rows` in the map"));
                }
                Some(Read::TooLong { .. }) => {
                    let found = format!("its header is longer than {} bytes", self.limits.row_bytes);
                    return Err(not(&self.name, "a table", found, "is it a text file with one row a line?"));
                }
                Some(Read::Row { .. }) => {}
            }
            self.columns.resize(self.columns.len().max(self.count), String::new());
            for at in 0..self.count {
                let text = String::from_utf8_lossy(self.field(at)).trim().to_owned();
                let column = &mut self.columns[at];
                if !text.is_empty() {
                    if !column.is_empty() {
                        column.push('.');
                    }
                    column.push_str(&text);
                }
            }
        }
        if self.dialect.header_rows == 0 {
            self.ahead = self.read()?;
            if self.ahead.is_none() {
                return Err(empty(&self.name));
            }
            self.columns = match &self.dialect.names {
                Some(names) => names.clone(),
                None => (1..=self.count).map(|number| number.to_string()).collect(),
            };
        }
        if self.columns.len() > self.limits.columns {
            let found = format!("it has {} columns, and {} is the most", self.columns.len(), self.limits.columns);
            return Err(not(&self.name, "a table", found, "is `delimiter` right?"));
        }
        self.wanted = vec![true; self.columns.len()];
        Ok(())
    }

    fn field(&self, at: usize) -> &[u8] {
        let from = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.fields[from..self.ends[at]]
    }

    /// Reads one row into `fields`; what is beyond the limit is read and dropped.
    fn read(&mut self) -> Result<Option<Read>, ImportError> {
        let (mut bytes, mut count, mut too_long) = (0, 0, false);
        self.line_ends()?;
        let from = self.core.line();
        let mut last = 0;
        loop {
            let input =
                self.input.fill_buf().map_err(|source| ImportError::Read { name: self.name.clone(), source })?;
            let (result, taken, written, ended) =
                self.core.read_record(input, &mut self.fields[bytes..], &mut self.ends[count..]);
            last = input[..taken].last().copied().unwrap_or(last);
            self.input.consume(taken);
            bytes += written;
            count += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.fields.len() < self.limits.row_bytes => {
                    let size = (self.fields.len() * 2).min(self.limits.row_bytes);
                    self.fields.resize(size, 0);
                }
                ReadRecordResult::OutputFull => {
                    too_long = true;
                    bytes = 0;
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() <= self.limits.columns => {
                    self.ends.resize(self.ends.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull => {
                    too_long = true;
                    count = 0;
                }
                ReadRecordResult::Record => {
                    let to = if last == b'\n' { self.core.line() - 1 } else { self.core.line() }.max(from);
                    self.count = count;
                    return Ok(Some(if too_long { Read::TooLong { from, to } } else { Read::Row { from, to } }));
                }
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    /// Passes over what is left of the last line's end and over blank lines, so that the next row's line is known.
    fn line_ends(&mut self) -> Result<(), ImportError> {
        loop {
            let input =
                self.input.fill_buf().map_err(|source| ImportError::Read { name: self.name.clone(), source })?;
            let ends = input.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            if ends == 0 {
                return Ok(());
            }
            let lines = input[..ends].split(|byte| *byte == b'\n').count() - 1;
            self.core.set_line(self.core.line() + lines as u64);
            self.input.consume(ends);
        }
    }

    fn cell(&self, at: usize) -> Cell {
        match std::str::from_utf8(self.field(at)) {
            Ok("") => Cell::Nothing,
            Ok(text) => Cell::Text(text.to_owned()),
            Err(error) => Cell::Bad(format!("is not UTF-8 at byte {}", error.valid_up_to() + 1)),
        }
    }
}

impl<R: BufRead + Send> Rows for Delimited<R> {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn want(&mut self, wanted: &[bool]) -> Result<(), ImportError> {
        wanted.clone_into(&mut self.wanted);
        Ok(())
    }

    fn next(&mut self, cells: &mut Vec<Cell>) -> Result<Option<Line>, ImportError> {
        cells.clear();
        let read = match self.ahead.take() {
            Some(read) => Some(read),
            None => self.read()?,
        };
        let (place, to) = match read {
            None => return Ok(None),
            Some(Read::TooLong { from, to }) => {
                let broken = Some(format!(
                    "is larger than {} bytes or {} fields, up to line {to}; is a quote open?",
                    self.limits.row_bytes, self.limits.columns
                ));
                return Ok(Some(Line { broken, ..Line::sound(from) }));
            }
            Some(Read::Row { from, to }) => (from, to),
        };
        let columns = self.columns.len();
        let fits = if self.dialect.rest { self.count + 1 >= columns } else { self.count == columns };
        if !fits {
            let mut broken = format!("has {} fields, and there are {columns} columns", self.count);
            if to > place {
                let _ = write!(broken, "; it goes on to line {to}: is a quote open?");
            }
            return Ok(Some(Line { broken: Some(broken), ..Line::sound(place) }));
        }
        for at in 0..columns {
            let cell = if !self.wanted[at] || at >= self.count {
                Cell::Nothing
            } else if self.dialect.rest && at + 1 == columns {
                self.rest(at)
            } else {
                self.cell(at)
            };
            cells.push(cell);
        }
        Ok(Some(Line::sound(place)))
    }
}

impl<R: BufRead + Send> Delimited<R> {
    fn rest(&self, from: usize) -> Cell {
        let mut texts = Vec::with_capacity(self.count - from);
        for at in from..self.count {
            match self.cell(at) {
                Cell::Nothing => {}
                Cell::Text(text) => texts.push(text),
                other => return other,
            }
        }
        Cell::Texts(texts)
    }
}
