//! Which audio of a torrent a mirror is for: `genre:jazz`, `label:Harbour`, `licence:CC0-1.0`, by the rows that came with the
//! release. They are what the origin says, and decide only what is fetched.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::str::FromStr;

use fonoteca_model::fold::fold;
use fonoteca_model::licence::{self, LicenceMatch};
use fonoteca_model::{BlobId, Id};
use serde::{Deserialize, Serialize};

use crate::release::Parts;

/// What a term asks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Genre,
    Label,
    Licence,
    Artist,
    Codec,
}

const NAMES: [(Key, &str); 5] = [
    (Key::Genre, "genre"),
    (Key::Label, "label"),
    (Key::Licence, "licence"),
    (Key::Artist, "artist"),
    (Key::Codec, "codec"),
];

/// One condition, `kind:value`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Term {
    key: Key,
    value: String,
}

impl FromStr for Term {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text:?} is no condition: write genre:, label:, licence:, artist: or codec: and a value");
        let (name, value) = text.split_once(':').ok_or_else(wrong)?;
        let (key, _) = NAMES.iter().find(|(_, known)| *known == name.trim()).ok_or_else(wrong)?;
        let value = value.trim();
        if value.is_empty() { Err(wrong()) } else { Ok(Self { key: *key, value: value.to_owned() }) }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(key, _)| *key == self.key).map_or("", |(_, name)| name);
        write!(f, "{name}:{}", self.value)
    }
}

impl TryFrom<String> for Term {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Term> for String {
    fn from(term: Term) -> Self {
        term.to_string()
    }
}

/// What is known of one file.
#[derive(Default)]
struct Facts {
    values: BTreeMap<Key, HashSet<String>>,
}

impl Facts {
    fn add(&mut self, key: Key, text: &str) {
        self.values.entry(key).or_default().insert(normal(key, text));
    }

    fn matches(&self, terms: &BTreeMap<Key, Vec<String>>) -> bool {
        terms.iter().all(|(key, wanted)| {
            let Some(found) = self.values.get(key) else { return false };
            // Genres and credits have more in them than what is looked for: `Acid Jazz`, `A feat. B`.
            let within = matches!(key, Key::Genre | Key::Artist);
            let is = |found: &String, wanted: &String| {
                if within { format!(" {found} ").contains(&format!(" {wanted} ")) } else { found == wanted }
            };
            wanted.iter().any(|wanted| found.iter().any(|found| is(found, wanted)))
        })
    }
}

/// The audio that all terms hold for; of one kind, any of them.
pub(super) fn matching(parts: &Parts, terms: &[Term]) -> HashSet<BlobId> {
    let mut wanted: BTreeMap<Key, Vec<String>> = BTreeMap::new();
    for term in terms {
        wanted.entry(term.key).or_default().push(normal(term.key, &term.value));
    }
    let albums: HashMap<Id, &str> =
        parts.albums.iter().filter_map(|album| Some((album.id, album.label.as_deref()?))).collect();
    let mut facts: HashMap<BlobId, Facts> = HashMap::new();
    for file in &parts.files {
        let facts = facts.entry(file.root).or_default();
        facts.add(Key::Codec, &file.codec);
        let tags: Vec<(String, String)> = serde_json::from_str(&file.tags).unwrap_or_default();
        for (_, genre) in tags.iter().filter(|(name, _)| name.eq_ignore_ascii_case("genre")) {
            facts.add(Key::Genre, genre);
        }
    }
    let tracks: HashMap<Id, &fonoteca_catalog::Track> = parts.tracks.iter().map(|track| (track.id, track)).collect();
    for holding in &parts.holdings {
        let Some(track) = tracks.get(&holding.track_id) else { continue };
        let facts = facts.entry(holding.root).or_default();
        facts.add(Key::Artist, &track.artist_credit);
        let of_album = track.album_id.and_then(|album| albums.get(&album).copied());
        for label in track.label.as_deref().into_iter().chain(of_album) {
            facts.add(Key::Label, label);
        }
    }
    for row in &parts.rights {
        let Ok(root) = row.subject.parse::<BlobId>() else { continue };
        let said = row.licence.as_deref().filter(|licence| !licence.is_empty()).unwrap_or(&row.basis);
        facts.entry(root).or_default().add(Key::Licence, said);
    }
    let audio: HashSet<BlobId> = parts.files.iter().map(|file| file.root).collect();
    facts
        .into_iter()
        .filter(|(root, facts)| audio.contains(root) && facts.matches(&wanted))
        .map(|(root, _)| root)
        .collect()
}

/// How a value is compared.
fn normal(key: Key, text: &str) -> String {
    match key {
        Key::Licence => match licence::read(text) {
            LicenceMatch::Known { spdx: Some(spdx), .. } => spdx,
            LicenceMatch::Known { uri, .. } => uri,
            LicenceMatch::Unknown | LicenceMatch::Empty => text.to_ascii_lowercase(),
        },
        _ => fold(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_of_one_kind_are_alternatives_and_kinds_add_up() {
        let terms = |texts: &[&str]| {
            let mut all: BTreeMap<Key, Vec<String>> = BTreeMap::new();
            for text in texts {
                let term: Term = text.parse().expect("a term");
                all.entry(term.key).or_default().push(normal(term.key, &term.value));
            }
            all
        };
        let mut facts = Facts::default();
        facts.add(Key::Genre, "Acid Jazz");
        facts.add(Key::Label, "Harbour Records");
        facts.add(Key::Licence, "https://creativecommons.org/publicdomain/zero/1.0/");
        facts.add(Key::Artist, "Clara Monté feat. Tower");
        for (texts, matches) in [
            (&["genre:JAZZ"][..], true),
            (&["genre:blues", "genre:acid jazz"], true),
            (&["genre:jaz"], false),
            (&["genre:jazz", "label:harbour records"], true),
            (&["genre:jazz", "label:Harbour"], false),
            (&["licence:CC0-1.0"], true),
            (&["licence:CC-BY-4.0"], false),
            (&["artist:clara monte"], true),
            (&["codec:flac"], false),
            (&[], true),
        ] {
            assert_eq!(facts.matches(&terms(texts)), matches, "{texts:?}");
        }
        for wrong in ["jazz", "mood:sad", "genre:", ""] {
            assert!(wrong.parse::<Term>().is_err(), "{wrong}");
        }
        assert_eq!("genre: Jazz".parse::<Term>().expect("a term").to_string(), "genre:Jazz");
    }
}
