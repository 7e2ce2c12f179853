//! The raw record: what no column has, free of supplements, and no more than that, since it is kept for every row.

use serde_json::{Map, Value};

use super::supplements;

/// Entities within entities have records of their own: a raw record only names them.
const WITHIN: [&str; 17] = [
    "area",
    "artist",
    "begin-area",
    "begin_area",
    "end-area",
    "end_area",
    "event",
    "genre",
    "instrument",
    "label",
    "place",
    "recording",
    "release",
    "release-group",
    "release_group",
    "series",
    "work",
];

/// What such a name consists of.
const NAMED_BY: [&str; 9] =
    ["first-release-date", "id", "iso-3166-1-codes", "iswcs", "label-code", "name", "secondary-types", "title", "type"];

/// What says nothing about the entity: counts of lists, and how well a search matched.
const SAYS_NOTHING: [&str; 8] = [
    "release-count",
    "release-offset",
    "releases",
    "score",
    "sort-name",
    "source-credit",
    "target-credit",
    "track-count",
];

/// The raw record; None where nothing is left.
pub(super) fn of(rest: Map<String, Value>) -> Option<String> {
    let pruned = pruned(rest);
    (!pruned.is_empty()).then(|| Value::Object(pruned).to_string())
}

/// The same as an object.
pub(super) fn pruned(rest: Map<String, Value>) -> Map<String, Value> {
    prune(rest, true)
}

/// Leaves out supplements, what is null, empty or false, and the ids of words that stand beside them.
fn prune(object: Map<String, Value>, is_top: bool) -> Map<String, Value> {
    let has_word = |key: &str| {
        let word = key
            .strip_suffix("-ids")
            .map(|word| format!("{word}s"))
            .or_else(|| key.strip_suffix("-id").map(str::to_owned));
        word.is_some_and(|word| object.contains_key(&word))
    };
    let drops: Vec<String> = object
        .keys()
        .filter(|key| {
            let key = key.as_str();
            supplements::KEYS.contains(&key)
                || SAYS_NOTHING.contains(&key)
                || has_word(key)
                // The web service says some things twice, with a hyphen and with an underscore.
                || key.contains('_') && object.contains_key(&key.replace('_', "-"))
                || !is_top && key == "aliases"
        })
        .cloned()
        .collect();
    let mut kept = Map::new();
    for (key, value) in object {
        if drops.contains(&key) {
            continue;
        }
        let value = if WITHIN.contains(&key.as_str()) { named(value) } else { prune_value(value) };
        if !says_nothing(&value) {
            kept.insert(key, value);
        }
    }
    kept
}

fn prune_value(value: Value) -> Value {
    match value {
        Value::Object(object) => Value::Object(prune(object, false)),
        Value::Array(values) => values.into_iter().map(prune_value).filter(|value| !says_nothing(value)).collect(),
        other => other,
    }
}

fn named(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let named = object.into_iter().filter(|(key, _)| NAMED_BY.contains(&key.as_str())).collect();
            prune_value(Value::Object(named))
        }
        other => prune_value(other),
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(object) => object.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(value: Value) -> Option<Value> {
        let Value::Object(object) = value else { panic!("an object") };
        of(object).map(|text| serde_json::from_str(&text).expect("JSON"))
    }

    #[test]
    fn supplements_are_gone_at_every_depth_and_nothing_is_said_twice() {
        let found = raw(serde_json::json!({
            "tags": [{"name": "x"}], "user-ratings": {"value": 1}, "status": "Official", "status-id": "s",
            "secondary-types": ["Live"], "secondary-type-ids": ["l"], "packaging-id": "only the id",
            "a": {"b": [{"genres": [1], "rating": {"value": 3}, "keep": 1}, {"annotation": "y"}]},
            "begin_area": {"id": "1"}, "begin-area": {"id": "1", "name": "Here", "tags": [1]},
            "none": null, "empty": "", "list": [], "no": false,
        }));
        let wanted = serde_json::json!({
            "status": "Official", "secondary-types": ["Live"], "packaging-id": "only the id",
            "a": {"b": [{"keep": 1}]}, "begin-area": {"id": "1", "name": "Here"},
        });
        assert_eq!(found, Some(wanted));
        assert_eq!(raw(serde_json::json!({"genres": [1], "x": {"tags": [1]}, "y": [null, ""]})), None);
    }
}
