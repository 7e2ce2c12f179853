//! Which batches a compacted file has, kept in its entry in the Delta log.
//!
//! The tag `fonoteca.batches` is JSON: `[["<job>", <first>, <last>], …]`, runs of batches that all have rows in the file.
//! Whoever compacts a table with another program leaves it out, and then two columns of the file are read instead.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::Int64Type;

use super::batches::BatchKey;
use crate::schema::JOB_COLUMNS;

/// The name of the tag.
const TAG: &str = "fonoteca.batches";
/// A tag that is longer is left out: it would be read with every opening.
const TAG_BYTES: usize = 256 << 10;
/// Batches that a tag may stand for; more is nonsense.
const MOST_BATCHES: i64 = 10_000_000;

/// The batches of the rows seen so far.
#[derive(Default)]
pub(crate) struct Collected(BTreeMap<String, BTreeSet<i64>>);

impl Collected {
    /// Looks at some rows, whose columns `job` and `batch` are text and numbers.
    pub(crate) fn add(&mut self, rows: &RecordBatch) {
        let column = |name| rows.column_by_name(name);
        let (Some(jobs), Some(numbers)) = (column(JOB_COLUMNS[0]), column(JOB_COLUMNS[1])) else { return };
        let (jobs, numbers) = (jobs.as_string::<i32>(), numbers.as_primitive::<Int64Type>());
        let mut last = None;
        for row in (0..rows.num_rows()).filter(|row| jobs.is_valid(*row) && numbers.is_valid(*row)) {
            let key = (jobs.value(row), numbers.value(row));
            if last != Some(key) {
                self.0.entry(key.0.to_owned()).or_default().insert(key.1);
                last = Some(key);
            }
        }
    }

    /// As an entry in the log has it.
    pub(crate) fn tags(&self) -> Option<HashMap<String, Option<String>>> {
        let mut runs: Vec<(&str, i64, i64)> = Vec::new();
        for (job, numbers) in &self.0 {
            for number in numbers {
                match runs.last_mut() {
                    Some((of, _, last)) if *of == job && *last + 1 == *number => *last = *number,
                    _ => runs.push((job, *number, *number)),
                }
            }
        }
        let text = serde_json::to_string(&runs).ok().filter(|text| text.len() <= TAG_BYTES)?;
        Some(HashMap::from([(TAG.to_owned(), Some(text))]))
    }
}

/// What the tag of a file says; none where it has none, or nonsense.
pub(super) fn read(tags: Option<&HashMap<String, Option<String>>>) -> Option<Vec<BatchKey>> {
    let text = tags?.get(TAG)?.as_deref()?;
    let runs: Vec<(String, i64, i64)> = serde_json::from_str(text).ok()?;
    let mut left = MOST_BATCHES;
    for (_, first, last) in &runs {
        left = left.checked_sub(last.checked_sub(*first)?)?.checked_sub(1)?;
        if first > last || left < 0 {
            return None;
        }
    }
    Some(runs.into_iter().flat_map(|(job, first, last)| (first..=last).map(move |n| (job.clone(), n))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> HashMap<String, Option<String>> {
        HashMap::from([(TAG.to_owned(), Some(text.to_owned()))])
    }

    #[test]
    fn runs_are_written_and_read_again() {
        let mut collected = Collected::default();
        collected.0.insert("a".to_owned(), BTreeSet::from([0, 1, 2, 7]));
        collected.0.insert("b".to_owned(), BTreeSet::from([3]));
        let tags = collected.tags().expect("short");
        assert_eq!(tags[TAG].as_deref(), Some(r#"[["a",0,2],["a",7,7],["b",3,3]]"#));
        let read = read(Some(&tags)).expect("read");
        let expected = [("a", 0), ("a", 1), ("a", 2), ("a", 7), ("b", 3)];
        assert_eq!(read, expected.map(|(job, number)| (job.to_owned(), number)));
    }

    #[test]
    fn a_file_without_batches_says_so() {
        let tags = Collected::default().tags();
        assert_eq!(read(tags.as_ref()), Some(vec![]));
    }

    #[test]
    fn nonsense_is_not_believed() {
        for text in
            ["", "[]x", r#"[["a",5,1]]"#, r#"[["a",0,9223372036854775807]]"#, r#"[["a",-9223372036854775808,9]]"#]
        {
            assert_eq!(read(Some(&tag(text))), None, "{text}");
        }
        assert_eq!(read(None), None);
    }
}
