//! JSON, with the keys that come twice: `serde_json` alone would take the last one without a word.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// What a text says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parsed {
    pub value: Value,
    /// Keys that came twice in one object.
    pub repeated: Vec<String>,
}

/// Parses one value; nothing but spaces may follow.
pub(super) fn parse(text: &str) -> serde_json::Result<Parsed> {
    let mut repeated = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Seed(&mut repeated).deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(Parsed { value, repeated })
}

struct Seed<'a>(&'a mut Vec<String>);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element_seed(Seed(&mut *self.0))? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(Seed(&mut *self.0))?;
            if object.contains_key(&key) {
                self.0.push(key.clone());
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_serde_json_says_and_keys_that_come_twice_are_told() {
        let text = r#" {"a": [1, -2, 2.5, null, true, "x\u00e9"], "b": {"c": {}, "d": []}} "#;
        let parsed = parse(text).expect("JSON");
        assert_eq!(parsed.value, serde_json::from_str::<Value>(text).expect("JSON"));
        assert!(parsed.repeated.is_empty());
        let twice = parse(r#"{"a": 1, "b": {"a": 2, "c": 3, "c": 4}, "a": 5}"#).expect("JSON");
        assert_eq!(twice.repeated, ["c", "a"]);
        assert_eq!(twice.value["a"], 5);
        for wrong in ["", "{", "{\"a\":", "{} x", "[1,]", &"[".repeat(100_000)] {
            assert!(parse(wrong).is_err(), "{wrong:.20}");
        }
    }
}
