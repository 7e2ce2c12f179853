//! Recordings: what was recorded, wherever it was released.

use fonoteca_model::Mbid;

use super::credits::Credits;
use super::fields::{Fields, row_id};
use super::{SOURCE, raw, supplements};
use crate::schema::{Batch, Track};

pub(super) fn rows(mbid: &Mbid, mut fields: Fields<'_>, with_supplements: bool, rows: &mut Batch) {
    let id = row_id(mbid);
    let Some(title) = fields.text("title") else { return fields.reject_whole("has no title") };
    supplements::take(&mut fields, "track", id, with_supplements, rows);
    let mut credits = Credits::take(&mut fields).unwrap_or_default();
    credits.take_relations(&mut fields);
    rows.tracks.push(Track {
        id,
        source: SOURCE.to_owned(),
        source_id: mbid.to_string(),
        title,
        artist_credit: credits.text,
        artists: credits.artists,
        album_id: None,
        disc: None,
        number: None,
        duration_ms: fields.duration("length"),
        isrc: fields.isrcs("isrcs"),
        mbid: Some(mbid.to_string()),
        date: fields.date("first-release-date"),
        label: None,
        language: None,
        explicit: None,
        raw: raw::of(fields.rest()),
    });
}
