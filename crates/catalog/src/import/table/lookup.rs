//! Files whose rows other files look up by a key: read into memory, the columns that are wanted, within a limit.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::super::ImportError;
use super::cells::{Cell, Limits, Line, Rows, not};
use super::columns;
use super::value::Refusal;

/// Faults of a lookup that are named one by one.
const FAULTS: usize = 1000;

/// A file to look up in.
pub(super) struct Source {
    pub name: String,
    /// What its columns begin with.
    pub prefix: String,
    /// Its column with the key.
    pub key: String,
    /// The column of the file that looks up.
    pub by: String,
    pub rows: Box<dyn Rows>,
}

struct Loaded {
    source: Source,
    key: usize,
    by: usize,
    /// Where its columns begin among those of the whole.
    from: usize,
    found: HashMap<String, Box<[Cell]>>,
}

/// A file whose rows are continued by those of others.
pub(super) struct Joined {
    rows: Box<dyn Rows>,
    columns: Vec<String>,
    own: usize,
    tables: Vec<Loaded>,
    limits: Limits,
    faults: Vec<Refusal>,
}

impl Joined {
    pub(super) fn new(
        name: &str,
        rows: Box<dyn Rows>,
        sources: Vec<Source>,
        limits: Limits,
    ) -> Result<Self, ImportError> {
        let own = rows.columns().len();
        let mut all = rows.columns().to_vec();
        let mut tables = Vec::with_capacity(sources.len());
        for source in sources {
            let by = columns::position(rows.columns(), &source.by, name)?
                .ok_or_else(|| columns::missing(rows.columns(), &source.by, name))?;
            let theirs = source.rows.columns();
            let key = columns::position(theirs, &source.key, &source.name)?
                .ok_or_else(|| columns::missing(theirs, &source.key, &source.name))?;
            let from = all.len();
            all.extend(theirs.iter().map(|column| format!("{}.{column}", source.prefix)));
            tables.push(Loaded { source, key, by, from, found: HashMap::new() });
        }
        Ok(Self { rows, columns: all, own, tables, limits, faults: Vec::new() })
    }
}

impl Loaded {
    fn load(
        &mut self,
        wanted: &[bool],
        limits: Limits,
        bytes: &mut usize,
        faults: &mut Vec<Refusal>,
    ) -> Result<(), ImportError> {
        let mut mask = wanted.to_vec();
        mask[self.key] = true;
        self.source.rows.want(&mask)?;
        let mut fault = |place: u64, reason: &str| {
            if faults.len() < FAULTS {
                faults.push((String::new(), format!("{} {place}: {reason}", self.source.name)));
            }
        };
        let mut cells = Vec::new();
        while let Some(line) = self.source.rows.next(&mut cells)? {
            if let Some(reason) = line.broken {
                fault(line.place, &reason);
                continue;
            }
            let key = match &cells[self.key] {
                Cell::Text(key) => key.trim().to_owned(),
                Cell::Bad(reason) => {
                    fault(line.place, reason);
                    continue;
                }
                Cell::Nothing | Cell::Texts(_) => {
                    fault(line.place, "has no key");
                    continue;
                }
            };
            for (cell, wanted) in cells.iter_mut().zip(wanted) {
                if !wanted {
                    *cell = Cell::Nothing;
                }
            }
            let size = |cell: &Cell| match cell {
                Cell::Nothing => 0,
                Cell::Text(text) | Cell::Bad(text) => text.len(),
                Cell::Texts(texts) => texts.iter().map(|text| text.len() + size_of::<String>()).sum(),
            };
            *bytes += key.len() + 64 + cells.iter().map(|cell| size(cell) + size_of::<Cell>()).sum::<usize>();
            if *bytes > limits.lookup_bytes {
                let found = format!("its rows take more than {} bytes", limits.lookup_bytes);
                return Err(not(
                    &self.source.name,
                    "a file to look up in",
                    found,
                    "join the two files before the import",
                ));
            }
            match self.found.entry(key) {
                Entry::Occupied(there) => {
                    fault(line.place, &format!("key {:?} was in an earlier row", there.key()));
                }
                Entry::Vacant(place) => {
                    place.insert(std::mem::take(&mut cells).into_boxed_slice());
                }
            }
        }
        Ok(())
    }
}

impl Rows for Joined {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn want(&mut self, wanted: &[bool]) -> Result<(), ImportError> {
        let mut own = wanted[..self.own].to_vec();
        let mut bytes = 0;
        for table in &mut self.tables {
            own[table.by] = true;
            let theirs = &wanted[table.from..table.from + table.source.rows.columns().len()];
            table.load(theirs, self.limits, &mut bytes, &mut self.faults)?;
        }
        self.rows.want(&own)
    }

    fn next(&mut self, cells: &mut Vec<Cell>) -> Result<Option<Line>, ImportError> {
        let Some(mut line) = self.rows.next(cells)? else { return Ok(None) };
        line.notes.append(&mut self.faults);
        if line.broken.is_none() {
            for table in &self.tables {
                let found = match &cells[table.by] {
                    Cell::Text(key) => table.found.get(key.trim()),
                    _ => None,
                };
                match found {
                    Some(theirs) => cells.extend(theirs.iter().cloned()),
                    None => cells.resize(table.from + table.source.rows.columns().len(), Cell::Nothing),
                }
            }
        }
        Ok(Some(line))
    }
}
