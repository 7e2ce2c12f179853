//! Genres, tags, ratings and annotations: what is under a licence of its own.

use fonoteca_model::Id;
use serde_json::Value;

use super::fields::Fields;
use super::{SOURCE, SUPPLEMENTS_LICENCE};
use crate::schema::{Batch, Supplement};

/// The keys of what may not stay in a raw record, at any depth. The `user-` ones are private to whoever asked.
pub(super) const KEYS: [&str; 9] =
    ["genres", "tags", "rating", "ratings", "annotation", "user-genres", "user-tags", "user-rating", "user-ratings"];

/// Takes an entity's supplements, whether they are wanted or not. Those of entities within it are in their own dump.
pub(super) fn take(fields: &mut Fields<'_>, kind_of: &str, id: Id, wanted: bool, rows: &mut Batch) {
    let mut told: Vec<(&str, String)> = Vec::new();
    for (kind, key) in [("genre", "genres"), ("tag", "tags")] {
        for object in fields.objects(key) {
            // Voted down: MusicBrainz does not show them either.
            let is_voted_down = object.get("count").and_then(Value::as_i64).is_some_and(|count| count <= 0);
            match object.get("name").and_then(Value::as_str) {
                Some(name) if !is_voted_down && !name.is_empty() => told.push((kind, name.to_owned())),
                _ => {}
            }
        }
    }
    if let Some(rating) = fields.object("rating") {
        let value = rating.get("value").and_then(Value::as_f64);
        told.extend(value.map(|value| ("rating", value.to_string())));
    }
    told.extend(fields.text("annotation").map(|text| ("annotation", text)));
    if !wanted {
        return;
    }
    rows.supplements.extend(told.into_iter().map(|(kind, value)| Supplement {
        source: SOURCE.to_owned(),
        kind_of: kind_of.to_owned(),
        id,
        kind: kind.to_owned(),
        value,
        licence: Some(SUPPLEMENTS_LICENCE.to_owned()),
    }));
}
