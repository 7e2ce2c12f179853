//! What follows from another column of its row. The tables do not state it twice: it is left out where rows go into them, and
//! filled in where rows come out as structs, so that only who reads the columns themselves has to know.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, ListArray, RecordBatch, StringArray, StructArray};
use arrow::buffer::OffsetBuffer;
use arrow::error::ArrowError;
use fonoteca_model::credit::name_in;
use fonoteca_model::fold::fold;

use crate::schema::{LOCAL, Table};

/// The name of the `at`-th of `of` artists in a row: the tables leave it empty where it is what the text of the credit says
/// there.
pub(crate) fn name_of<'a>(name: &'a str, credit: &'a str, (at, of): (usize, usize)) -> &'a str {
    if name.is_empty() { name_in(credit, at, of) } else { name }
}

/// One of the two directions.
struct Way {
    /// What becomes of an artist's name, where the text of the credit says `said`.
    name: for<'a> fn(name: &'a str, said: &'a str) -> &'a str,
    /// What becomes of the folded name of something that `source` calls `name`.
    fold: for<'a> fn(folded: &'a str, name: &str, source: &str) -> Cow<'a, str>,
}

const LEAVE_OUT: Way = Way {
    name: |name, said| if name == said { "" } else { name },
    // What is ingested finds its artists and albums by it.
    fold: |folded, _, source| if source == LOCAL { folded.into() } else { "".into() },
};
const FILL_IN: Way = Way {
    name: |name, said| if name.is_empty() { said } else { name },
    fold: |folded, name, _| if folded.is_empty() { fold(name).into() } else { folded.into() },
};

/// Rows as the tables have them. Of rows that are so already nothing more is left out.
pub(crate) fn left_out(table: Table, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    LEAVE_OUT.go(table, rows)
}

/// Rows with nothing left out. Those that were written before anything was are so already.
pub(crate) fn filled_in(table: Table, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    FILL_IN.go(table, rows)
}

impl Way {
    /// The columns must have the types that the table declares.
    fn go(&self, table: Table, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let schema = rows.schema();
        let mut columns = rows.columns().to_vec();
        if matches!(table, Table::Albums | Table::Tracks) {
            let artists = self.credits(rows["artists"].as_list(), rows["artist_credit"].as_string())?;
            columns[schema.index_of("artists")?] = Arc::new(artists);
        }
        if matches!(table, Table::Artists | Table::Albums) {
            let name = if table == Table::Artists { "name" } else { "title" };
            let [folded, names, sources] = ["fold", name, "source"].map(|name| rows[name].as_string::<i32>());
            let all = folded.iter().zip(names).zip(sources);
            let new = all.map(|((folded, name), source)| Some((self.fold)(folded?, name?, source?)));
            columns[schema.index_of("fold")?] = Arc::new(new.collect::<StringArray>());
        }
        RecordBatch::try_new(schema, columns)
    }

    fn credits(&self, credits: &ListArray, texts: &StringArray) -> Result<ListArray, ArrowError> {
        let (element, offsets, entries, nulls) = credits.clone().into_parts();
        // Rows that were cut out of a larger batch share its entries.
        let (first, last) = (offsets[0] as usize, offsets[credits.len()] as usize);
        let (fields, columns, no_entries) = entries.slice(first, last - first).as_struct().clone().into_parts();
        let said_of_entries = || {
            let of_rows = texts.iter().map(Option::unwrap_or_default).zip(offsets.lengths());
            of_rows.flat_map(|(text, entries)| (0..entries).map(move |at| name_in(text, at, entries)))
        };
        let columns = fields.iter().zip(columns).map(|(field, column)| -> ArrayRef {
            if field.name() != "name" {
                return column;
            }
            let names = column.as_string::<i32>().iter().zip(said_of_entries());
            Arc::new(names.map(|(name, said)| Some((self.name)(name?, said))).collect::<StringArray>())
        });
        let entries = StructArray::try_new(fields.clone(), columns.collect(), no_entries)?;
        ListArray::try_new(element, OffsetBuffer::from_lengths(offsets.lengths()), Arc::new(entries), nulls)
    }
}

#[cfg(test)]
mod tests {
    use fonoteca_model::Id;

    use super::*;
    use crate::rows::{decode, encode};
    use crate::schema::{Credit, Track};

    fn tracks() -> Vec<Track> {
        let credit = |name: &str| Credit { artist_id: Id(1), role: "main".into(), name: name.into() };
        let track = |text: &str, names: &[&str]| Track {
            id: Id(0),
            source: "dump".into(),
            source_id: String::new(),
            title: String::new(),
            artist_credit: text.into(),
            artists: names.iter().map(|name| credit(name)).collect(),
            album_id: None,
            disc: None,
            number: None,
            duration_ms: None,
            isrc: None,
            mbid: None,
            date: None,
            label: None,
            language: None,
            explicit: None,
            raw: None,
        };
        vec![track("A", &["A"]), track("A, B", &["A", "B"]), track("nobody", &[]), track("B", &["b", "B"])]
    }

    #[test]
    fn a_part_of_a_batch_is_as_its_rows_are() {
        let whole = encode(&tracks()).expect("rows");
        let less = left_out(Table::Tracks, &whole).expect("rows");
        assert_ne!(less, whole);
        assert_eq!(left_out(Table::Tracks, &less).expect("rows"), less, "twice is once");
        assert_eq!(left_out(Table::Tracks, &filled_in(Table::Tracks, &less).expect("rows")).expect("rows"), less);
        for (from, rows) in [(0, 4), (1, 3), (1, 1), (2, 2), (3, 1), (4, 0)] {
            let part = left_out(Table::Tracks, &whole.slice(from, rows)).expect("rows");
            assert_eq!(part, less.slice(from, rows));
            for written in [part, less.slice(from, rows), whole.slice(from, rows)] {
                assert_eq!(decode::<Track>(&written).expect("rows"), tracks()[from..from + rows]);
            }
        }
    }
}
