//! Columns while they grow.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Array, ListArray, RecordBatch, StringArray, StringBuilder, StructArray, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};

/// A table's columns in order.
pub(super) struct Columns {
    rows: usize,
    fields: Vec<Field>,
    arrays: Vec<ArrayRef>,
}

impl Columns {
    pub(super) fn new(rows: usize) -> Self {
        Self { rows, fields: Vec::new(), arrays: Vec::new() }
    }

    /// A column without nulls.
    pub(super) fn with(self, name: &str, array: impl arrow::array::Array + 'static) -> Self {
        self.push(name, Arc::new(array), false)
    }

    /// One that may have nulls.
    pub(super) fn with_nullable(self, name: &str, array: impl arrow::array::Array + 'static) -> Self {
        self.push(name, Arc::new(array), true)
    }

    /// A text that stands in every row.
    pub(super) fn with_same(self, name: &str, text: &str) -> Self {
        let array: StringArray = std::iter::repeat_n(Some(text), self.rows).collect();
        self.with(name, array)
    }

    /// Texts that are in no row.
    pub(super) fn with_nothing(self, names: &[&str]) -> Self {
        let nulls = new_null_array(&DataType::Utf8, self.rows);
        names.iter().fold(self, |columns, name| columns.push(name, Arc::clone(&nulls), true))
    }

    fn push(mut self, name: &str, array: ArrayRef, nullable: bool) -> Self {
        self.fields.push(Field::new(name, array.data_type().clone(), nullable));
        self.arrays.push(array);
        self
    }

    pub(super) fn finish(self) -> RecordBatch {
        RecordBatch::try_new(Arc::new(Schema::new(self.fields)), self.arrays).expect("columns of one length")
    }
}

/// The type of moments.
pub(super) fn moments(values: Vec<i64>) -> arrow::array::TimestampMicrosecondArray {
    let array = arrow::array::TimestampMicrosecondArray::from(values).with_timezone("UTC");
    debug_assert_eq!(
        arrow::array::Array::data_type(&array),
        &DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
    );
    array
}

/// A list of texts that is empty in every row.
pub(super) fn empty_lists(rows: usize) -> ListArray {
    let field = Arc::new(Field::new("element", DataType::Utf8, false));
    let values: ArrayRef = Arc::new(StringArray::from(Vec::<&str>::new()));
    ListArray::new(field, OffsetBuffer::new_zeroed(rows), values, None)
}

/// Lists of credits.
#[derive(Default)]
pub(super) struct Credits {
    lengths: Vec<usize>,
    ids: Vec<i64>,
    roles: StringBuilder,
    names: StringBuilder,
}

impl Credits {
    /// The credits of the next row: id, role, name; where the artists as printed are that one name, the tables leave it out.
    pub(super) fn push(&mut self, printed: &str, credits: &[(i64, &str, &str)]) {
        self.lengths.push(credits.len());
        for (at, (id, role, name)) in credits.iter().enumerate() {
            self.ids.push(*id);
            self.roles.append_value(role);
            let said = fonoteca_model::credit::name_in(printed, at, credits.len());
            self.names.append_value(if *name == said { "" } else { name });
        }
    }

    pub(super) fn finish(mut self) -> ListArray {
        let fields = Fields::from(vec![
            Field::new("artist_id", DataType::Int64, false),
            Field::new("role", DataType::Utf8, false),
            Field::new("name", DataType::Utf8, false),
        ]);
        let columns: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from(self.ids)), Arc::new(self.roles.finish()), Arc::new(self.names.finish())];
        let element = Arc::new(Field::new("element", DataType::Struct(fields.clone()), false));
        let values = Arc::new(StructArray::new(fields, columns, None));
        ListArray::new(element, OffsetBuffer::from_lengths(self.lengths), values, None)
    }
}
