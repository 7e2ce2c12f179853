//! What is asked: keys and searches, drawn from the rows that were loaded, the same for all sides.

use anyhow::Result;
use fonoteca_catalog::arrow::array::AsArray as _;
use fonoteca_catalog::arrow::datatypes::Int64Type;
use fonoteca_model::Id;
use fonoteca_model::fold::fold;

use crate::bench::Bench;
use fonoteca_testkit::catalogue::STRETCH;

/// Stretches that keys are drawn from, and keys of each.
const PLACES: usize = 100;
const KEYS_A_PLACE: usize = 20;
/// Queries of a class; there are four.
pub const QUERIES: usize = 125;

/// A track by each of its keys.
pub struct Key {
    pub id: Id,
    pub source_id: String,
    pub isrc: String,
}

/// Tracks from all over the catalogue, in no order.
pub fn keys(bench: &Bench) -> Vec<Key> {
    let mut keys = Vec::new();
    for place in bench.places(PLACES) {
        let first = place * STRETCH;
        let tracks = bench.catalogue().rows(first..bench.rows.min(first + STRETCH)).tracks;
        let (ids, source_ids) = (tracks["id"].as_primitive::<Int64Type>(), tracks["source_id"].as_string::<i32>());
        let isrcs = tracks["isrc"].as_string::<i32>();
        for at in (0..tracks.num_rows()).step_by((tracks.num_rows() / KEYS_A_PLACE).max(1)) {
            keys.push(Key {
                id: Id(ids.value(at)),
                source_id: source_ids.value(at).to_owned(),
                isrc: isrcs.value(at).to_owned(),
            });
        }
    }
    // Neighbours in the list are not to be neighbours on disk.
    let count = keys.len();
    let mut scattered: Vec<usize> = (0..count).collect();
    scattered.sort_by_key(|at| (*at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut keys: Vec<Option<Key>> = keys.into_iter().map(Some).collect();
    scattered.into_iter().filter_map(|at| keys[at].take()).collect()
}

/// Prints the keys as JSON, for sides that are not part of this program.
pub fn print(bench: &Bench) -> Result<()> {
    let keys = keys(bench);
    let of = |key: fn(&Key) -> &String| keys.iter().map(|one| key(one).clone()).collect::<Vec<_>>();
    println!("{}", serde_json::json!({ "id": of(|key| &key.source_id), "isrc": of(|key| &key.isrc) }));
    Ok(())
}

/// Queries by class: `common`, `words`, `prefix`, `typo`; folded, words parted by single spaces.
pub fn searches(bench: &Bench) -> Vec<(&'static str, Vec<String>)> {
    let (mut common, mut words, mut prefix, mut typo) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (turn, place) in bench.places(4 * QUERIES).into_iter().enumerate() {
        let at = (place * STRETCH + (turn as u64 * 7_919) % STRETCH).min(bench.rows - 1);
        let one = bench.catalogue().rows(at..at + 1);
        let title = fold(one.tracks["title"].as_string::<i32>().value(0));
        let artist = fold(one.tracks["artist_credit"].as_string::<i32>().value(0));
        // Half of the queries of two and three words mix title and artist, as people do.
        let said: Vec<&str> = title.split(' ').filter(|word| word.chars().count() > 1).collect();
        let sung: Vec<&str> = artist.split(' ').filter(|word| word.chars().count() > 1 && *word != "feat").collect();
        let Some(longest) = said.iter().chain(&sung).max_by_key(|word| word.chars().count()).copied() else { continue };
        match turn % 4 {
            // The vocabulary's list begins with the words that most titles have.
            0 => common.push(COMMON[turn / 4 % COMMON.len()].to_owned()),
            1 => {
                let mut query: Vec<&str> = said.iter().copied().take(2).collect();
                query.extend(sung.iter().copied().take(if turn % 8 == 1 { 1 } else { 3 - query.len().min(2) }));
                words.push(query.join(" "));
            }
            2 => {
                let letters = 2 + turn / 4 % 4;
                let start: String = longest.chars().take(letters).collect();
                let before = said.first().filter(|word| turn % 8 == 2 && **word != longest);
                prefix.push(before.map_or_else(|| start.clone(), |word| format!("{word} {start}")));
            }
            _ => {
                let mut letters: Vec<char> = longest.chars().collect();
                if letters.len() < 5 {
                    letters = "dreaming".chars().collect();
                }
                let middle = letters.len() / 2;
                letters[middle] = if letters[middle] == 'e' { 'a' } else { 'e' };
                let wrong: String = letters.into_iter().collect();
                let other = sung.iter().find(|word| **word != longest);
                typo.push(
                    other.filter(|_| turn % 8 == 3).map_or_else(|| wrong.clone(), |word| format!("{wrong} {word}")),
                );
            }
        }
    }
    vec![("common", common), ("words", words), ("prefix", prefix), ("typo", typo)]
}

const COMMON: [&str; 25] = [
    "the", "of", "you", "in", "me", "love", "night", "time", "live", "remix", "de", "amor", "la", "el", "dream", "day",
    "heart", "world", "blue", "dance", "nacht", "coeur", "noche", "home", "rain",
];
