//! Who took part: artist credits with their join phrases, and relations, which say as what.

use std::collections::HashSet;

use fonoteca_model::{Id, Mbid};
use serde_json::{Map, Value};

use super::fields::{Fields, id_in, row_id};
use crate::schema::Credit;

/// The credit as it is printed, and who is in it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Credits {
    pub text: String,
    pub artists: Vec<Credit>,
}

impl Credits {
    /// Takes the artist credit of an entity; None where it has none.
    pub(super) fn take(fields: &mut Fields<'_>) -> Option<Self> {
        let mut credits = Self::default();
        let mut role = "main";
        for (number, part) in fields.objects("artist-credit").into_iter().enumerate() {
            let mut part = fields.within(&format!("artist-credit[{number}]"), part);
            let artist = part.object("artist");
            let own_name = artist.as_ref().and_then(|artist| artist.get("name")?.as_str()).map(str::to_owned);
            let name = part.text("name").or(own_name);
            let phrase = join_phrase(&mut part);
            let Some(name) = name else { continue };
            credits.text.push_str(&name);
            credits.text.push_str(&phrase);
            match artist.as_ref().and_then(id_in) {
                Some(id) => credits.add(&id, role, &name),
                None => part.reject("artist.id", format!("{name:?} has no MusicBrainz id, and is in the text alone")),
            }
            // Everybody behind a "feat." is featured.
            if is_featuring(&phrase) {
                role = "featured";
            }
        }
        (!credits.text.is_empty()).then_some(credits)
    }

    fn add(&mut self, id: &Mbid, role: &str, name: &str) {
        let credit = Credit { artist_id: row_id(id), role: role.to_owned(), name: name.to_owned() };
        let is_there = |known: &Credit| (known.artist_id, &known.role) == (credit.artist_id, &credit.role);
        if !self.artists.iter().any(is_there) {
            self.artists.push(credit);
        }
    }

    /// Takes the relations to artists, those of a performed work included: composers, producers, instruments. Other relations
    /// stay.
    pub(super) fn take_relations(&mut self, fields: &mut Fields<'_>) {
        let mut known: HashSet<(Id, String)> =
            self.artists.iter().map(|credit| (credit.artist_id, credit.role.clone())).collect();
        let mut rest = Vec::new();
        for relation in fields.objects("relations") {
            if let Some(Value::Object(work)) = relation.get("work") {
                let of_work = work.get("relations").and_then(Value::as_array).into_iter().flatten();
                for relation in of_work.filter_map(Value::as_object) {
                    self.artists.extend(credit_of(relation).filter(|credit| is_new(&mut known, credit)));
                }
            }
            match credit_of(&relation) {
                Some(credit) => self.artists.extend(Some(credit).filter(|credit| is_new(&mut known, credit))),
                None => rest.push(Value::Object(relation)),
            }
        }
        if !rest.is_empty() {
            fields.keep("relations", rest);
        }
    }
}

fn is_new(known: &mut HashSet<(Id, String)>, credit: &Credit) -> bool {
    known.insert((credit.artist_id, credit.role.clone()))
}

/// Spaces count, so it is not read as other texts are.
fn join_phrase(part: &mut Fields<'_>) -> String {
    match part.take("joinphrase") {
        Some(Value::String(phrase)) => phrase,
        _ => String::new(),
    }
}

fn is_featuring(phrase: &str) -> bool {
    phrase
        .split(|c: char| !c.is_alphabetic())
        .any(|word| ["feat", "ft", "featuring"].iter().any(|featuring| word.eq_ignore_ascii_case(featuring)))
}

/// A relation to an artist. What was played or sung is more exact than that somebody did.
fn credit_of(relation: &Map<String, Value>) -> Option<Credit> {
    let artist = relation.get("artist")?.as_object()?;
    let id = id_in(artist)?;
    let text = |object: &Map<String, Value>, key: &str| {
        object.get(key)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let name = text(relation, "target-credit").or_else(|| text(artist, "name"))?;
    let kind = text(relation, "type")?;
    let attributes: Vec<&str> =
        relation.get("attributes").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let role = match kind.as_str() {
        "instrument" | "vocal" if !attributes.is_empty() => attributes.join(", "),
        _ => kind,
    };
    Some(Credit { artist_id: row_id(&id), role, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn feat_is_a_word_of_its_own() {
        for phrase in [" feat. ", " ft ", " (Featuring ", " FEAT "] {
            assert!(is_featuring(phrase), "{phrase}");
        }
        for phrase in [" & ", "", " defeat ", ", ", " with "] {
            assert!(!is_featuring(phrase), "{phrase}");
        }
    }
}
