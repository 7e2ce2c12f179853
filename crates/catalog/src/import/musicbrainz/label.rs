//! Labels. No table has them, and as artists they would be taken for such, so what CC0 says of one is told as an annotation,
//! as it is for Discogs' labels.

use fonoteca_model::Mbid;
use serde_json::Value;

use super::fields::{Fields, row_id};
use super::{CORE_LICENCE, SOURCE, raw, supplements};
use crate::schema::{Batch, Supplement};

pub(super) fn rows(mbid: &Mbid, mut fields: Fields<'_>, with_supplements: bool, rows: &mut Batch) {
    let id = row_id(mbid);
    let Some(name) = fields.text("name") else { return fields.reject_whole("has no name") };
    supplements::take(&mut fields, "label", id, with_supplements, rows);
    let sort_name = fields.text("sort-name").filter(|sort_name| *sort_name != name);
    let mut about = raw::pruned(fields.rest());
    about.extend(sort_name.map(|sort_name| ("sort-name".to_owned(), sort_name.into())));
    about.insert("id".to_owned(), mbid.as_str().into());
    about.insert("name".to_owned(), name.into());
    rows.supplements.push(Supplement {
        source: SOURCE.to_owned(),
        kind_of: "label".to_owned(),
        id,
        kind: "annotation".to_owned(),
        value: Value::Object(about).to_string(),
        licence: Some(CORE_LICENCE.to_owned()),
    });
}
