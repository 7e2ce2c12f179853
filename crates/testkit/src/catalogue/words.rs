//! The vocabulary: short lists of real words in several scripts, and coined ones that resemble them, since the words of a
//! large catalogue are mostly rare.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::random::Random;

/// Words of one language, the most frequent first, capitalised as titles have them.
pub(super) struct Language {
    /// ISO 639 code.
    pub(super) code: &'static str,
    /// Where its ISRCs are registered.
    pub(super) countries: &'static [&'static str],
    /// What stands between words.
    pub(super) gap: &'static str,
    pub(super) words: Vec<String>,
    /// Family names.
    pub(super) families: Vec<String>,
    /// Of 1,000 artists.
    share: usize,
}

pub(super) struct Vocabulary {
    pub(super) languages: Vec<Language>,
    pub(super) given: Vec<String>,
    pub(super) bands: Vec<String>,
}

/// Coined words a language, titles and family names each.
const COINED: usize = 24_000;

/// Code, countries, artists of 1,000, words. Chinese and Japanese are written without gaps.
type Source = (&'static str, &'static [&'static str], usize, &'static str);
const SOURCES: [Source; 15] = [
    ("en", &["US", "QZ", "GB", "CA", "AU", "QM"], 560, include_str!("words/en.txt")),
    ("es", &["ES", "MX", "AR", "CO"], 110, include_str!("words/es.txt")),
    ("pt", &["BR", "PT"], 60, include_str!("words/pt.txt")),
    ("de", &["DE", "AT", "CH"], 60, include_str!("words/de.txt")),
    ("fr", &["FR", "BE"], 50, include_str!("words/fr.txt")),
    ("it", &["IT"], 30, include_str!("words/it.txt")),
    ("pl", &["PL"], 15, include_str!("words/pl.txt")),
    ("tr", &["TR"], 15, include_str!("words/tr.txt")),
    ("ru", &["RU"], 25, include_str!("words/ru.txt")),
    ("uk", &["UA"], 5, include_str!("words/uk.txt")),
    ("el", &["GR"], 5, include_str!("words/el.txt")),
    ("ar", &["EG", "LB"], 10, include_str!("words/ar.txt")),
    ("he", &["IL"], 5, include_str!("words/he.txt")),
    ("hi", &["IN"], 15, include_str!("words/hi.txt")),
    ("ko", &["KR"], 10, include_str!("words/ko.txt")),
];
const GAPLESS: [Source; 2] =
    [("ja", &["JP"], 15, include_str!("words/ja.txt")), ("zh", &["CN", "TW", "HK"], 10, include_str!("words/zh.txt"))];

pub(super) static VOCABULARY: LazyLock<Vocabulary> = LazyLock::new(|| {
    let given = capitalised(include_str!("words/given.txt"));
    let spaced = SOURCES.iter().enumerate().map(|(at, (code, countries, share, text))| {
        let listed: Vec<&str> = text.split_whitespace().collect();
        let latin = listed[0].is_ascii();
        let names = if latin { include_str!("words/given.txt").split_whitespace().collect() } else { listed.clone() };
        let mut words = capitalised(text);
        words.extend(coined(&listed, COINED, at as u64));
        let families = coined(&names, COINED, 100 + at as u64);
        Language { code, countries, gap: " ", words, families, share: *share }
    });
    let gapless = GAPLESS.iter().map(|(code, countries, share, text)| {
        let words = capitalised(text);
        Language { code, countries, gap: "", families: words.clone(), words, share: *share }
    });
    let languages = spaced.chain(gapless).collect();
    Vocabulary { languages, given, bands: capitalised(include_str!("words/bands.txt")) }
});

impl Vocabulary {
    pub(super) fn language(&self, random: &mut Random) -> usize {
        let mut left = random.below(self.languages.iter().map(|language| language.share).sum());
        for (at, language) in self.languages.iter().enumerate() {
            if left < language.share {
                return at;
            }
            left -= language.share;
        }
        0
    }
}

fn capitalised(text: &str) -> Vec<String> {
    text.split_whitespace().map(capital).collect()
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Words that no list has, letter by letter: each letter is one that follows the two before it somewhere in `models`.
fn coined(models: &[&str], count: usize, seed: u64) -> Vec<String> {
    let mut after: HashMap<(char, char), Vec<char>> = HashMap::new();
    for word in models {
        let mut pair = (' ', ' ');
        for letter in word.chars().chain([' ']) {
            after.entry(pair).or_default().push(letter);
            pair = (pair.1, letter);
        }
    }
    let mut seen: HashSet<String> = HashSet::new();
    let mut words = Vec::with_capacity(count);
    let mut random = Random::at(0, 1, seed);
    // A short list may not have so many in it.
    for _ in 0..count * 4 {
        let (mut word, mut pair) = (String::new(), (' ', ' '));
        for _ in 0..14 {
            let letter = *random.of(&after[&pair]);
            // Two short words become one long one.
            if letter == ' ' && (word.chars().count() > 4 || random.chance(0.3)) {
                break;
            }
            pair = if letter == ' ' { (' ', ' ') } else { (pair.1, letter) };
            word.extend((letter != ' ').then_some(letter));
        }
        let word = capital(&word);
        if word.chars().count() > 2 && seen.insert(word.clone()) {
            words.push(word);
            if words.len() == count {
                break;
            }
        }
    }
    words
}
