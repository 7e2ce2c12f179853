//! Artists.

use fonoteca_model::Mbid;
use fonoteca_model::fold::fold;

use super::fields::{Fields, row_id};
use super::{SOURCE, raw, supplements};
use crate::schema::{Artist, Batch};

pub(super) fn rows(mbid: &Mbid, mut fields: Fields<'_>, with_supplements: bool, rows: &mut Batch) {
    let id = row_id(mbid);
    let Some(name) = fields.text("name") else { return fields.reject_whole("has no name") };
    supplements::take(&mut fields, "artist", id, with_supplements, rows);
    rows.artists.push(Artist {
        id,
        source: SOURCE.to_owned(),
        source_id: mbid.to_string(),
        fold: fold(&name),
        sort_name: fields.text("sort-name").filter(|sort_name| *sort_name != name),
        disambiguation: fields.text("disambiguation"),
        aliases: fields.aliases(&name),
        mbid: Some(mbid.to_string()),
        name,
        raw: raw::of(fields.rest()),
    });
}
