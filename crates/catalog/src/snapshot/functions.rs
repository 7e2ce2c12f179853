//! SQL functions of our own: ids as people see them, and names as they are compared.
//!
//! - `hex_id(bigint) → text`: the 16 hex digits of an id.
//! - `parse_id(text) → bigint`: the id that 16 hex digits are; an error for anything else.
//! - `fold(text) → text`: a name folded, as the tables have it of `local` artists and albums alone.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray as _, Int64Array, StringArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::DataFusionError;
use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
use datafusion::prelude::SessionContext;
use fonoteca_model::Id;

type Work = fn(&ArrayRef) -> Result<ArrayRef, DataFusionError>;

/// Makes the functions known.
pub(super) fn register(context: &SessionContext) {
    let functions: [(&str, DataType, DataType, Work); 3] = [
        ("hex_id", DataType::Int64, DataType::Utf8, hex_ids),
        ("parse_id", DataType::Utf8, DataType::Int64, parse_ids),
        ("fold", DataType::Utf8, DataType::Utf8, folded),
    ];
    for (name, from, to, work) in functions {
        let run = move |arguments: &[ColumnarValue]| on_array(&arguments[0], work);
        context.register_udf(create_udf(name, vec![from], to, Volatility::Immutable, Arc::new(run)));
    }
}

/// Constants stay constants, so that a look-up by `parse_id('…')` is one by a number.
fn on_array(value: &ColumnarValue, work: Work) -> Result<ColumnarValue, DataFusionError> {
    match value {
        ColumnarValue::Array(array) => work(array).map(ColumnarValue::Array),
        ColumnarValue::Scalar(scalar) => {
            let one = work(&scalar.to_array()?)?;
            datafusion::common::ScalarValue::try_from_array(&one, 0).map(ColumnarValue::Scalar)
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "one shape for all functions")]
fn hex_ids(ids: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    let ids = ids.as_primitive::<Int64Type>();
    Ok(Arc::new(ids.iter().map(|id| id.map(|id| Id(id).to_string())).collect::<StringArray>()))
}

#[expect(clippy::unnecessary_wraps, reason = "one shape for all functions")]
fn folded(texts: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    let texts = texts.as_string::<i32>();
    Ok(Arc::new(texts.iter().map(|text| text.map(fonoteca_model::fold::fold)).collect::<StringArray>()))
}

fn parse_ids(texts: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    let parse = |text: &str| {
        let parsed = text.parse::<Id>().map_err(|error| DataFusionError::Execution(format!("parse_id: {error}")))?;
        Ok::<_, DataFusionError>(parsed.0)
    };
    let ids = texts.as_string::<i32>().iter().map(|text| text.map(parse).transpose());
    Ok(Arc::new(ids.collect::<Result<Int64Array, _>>()?))
}
