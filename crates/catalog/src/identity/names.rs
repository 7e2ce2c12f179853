//! Titles and artist credits, read for comparison: what they say is kept apart from how they are written.
//!
//! A title is its words, without what does not make another recording (a remaster, a bonus track, guests), and with
//! what does (live, remix, instrumental …) as a set of kinds. A credit is the words of its artists, guests apart. Rules
//! and reasons: `docs/design/identity.md`.

use fonoteca_model::fold::fold;

use super::compare;

/// Words that say that this is another recording than the one without them. The bit is the word's kind; spellings share
/// it.
const KINDS: &[(&str, u32)] = &[
    ("live", 1),
    ("concert", 1),
    ("vivo", 1),
    ("remix", 1 << 1),
    ("remixed", 1 << 1),
    ("rmx", 1 << 1),
    ("rework", 1 << 1),
    ("reworked", 1 << 1),
    ("bootleg", 1 << 1),
    ("mashup", 1 << 1),
    ("mix", 1 << 2),
    ("version", 1 << 3),
    ("instrumental", 1 << 4),
    ("acoustic", 1 << 5),
    ("unplugged", 1 << 5),
    ("demo", 1 << 6),
    ("edit", 1 << 7),
    ("edited", 1 << 7),
    ("extended", 1 << 8),
    ("karaoke", 1 << 9),
    ("acapella", 1 << 10),
    ("acappella", 1 << 10),
    ("cappella", 1 << 10),
    ("cover", 1 << 11),
    ("reprise", 1 << 12),
    ("session", 1 << 13),
    ("sessions", 1 << 13),
    ("rehearsal", 1 << 14),
    ("take", 1 << 15),
    ("alternate", 1 << 16),
    ("alternative", 1 << 16),
    ("outtake", 1 << 17),
    ("orchestral", 1 << 18),
    ("clean", 1 << 19),
    ("mono", 1 << 20),
    ("dub", 1 << 21),
    ("radio", 1 << 22),
    ("single", 1 << 23),
    ("club", 1 << 24),
    ("vip", 1 << 25),
    ("intro", 1 << 26),
    ("outro", 1 << 27),
    ("interlude", 1 << 28),
    ("dj", 1 << 29),
];

/// Words of a bracket that leave the recording what it is.
const NEUTRAL: &[&str] = &[
    "remaster",
    "remastered",
    "remastering",
    "remasterizado",
    "stereo",
    "explicit",
    "bonus",
    "album",
    "lp",
    "original",
    "deluxe",
    "official",
    "hidden",
];
/// Words that may stand beside those.
const BESIDE: &[&str] = &[
    "digital",
    "digitally",
    "version",
    "mix",
    "track",
    "edition",
    "audio",
    "video",
    "anniversary",
    "the",
    "main",
    "hd",
    "hq",
];
/// What leads in a guest.
const GUEST: &[&str] = &["feat", "ft", "featuring", "guest"];
/// Words between artists.
const BETWEEN: &[&str] = &["and", "vs", "versus", "with", "x", "pres", "presents", "und", "y", "et", "e"];
/// Credits that name nobody.
const NOBODY: &[&str] = &[
    "",
    "various artists",
    "various",
    "various artist",
    "va",
    "v a",
    "varios artistas",
    "diverse",
    "unknown",
    "unknown artist",
    "artist unknown",
    "unbekannt",
    "anonymous",
    "traditional",
    "no artist",
    "n a",
];
/// Titles that many recordings of one artist have.
const GENERIC: &[&str] = &[
    "untitled",
    "intro",
    "outro",
    "interlude",
    "skit",
    "silence",
    "unknown",
    "track",
    "hidden track",
    "bonus track",
    "introduction",
    "prelude",
    "prologue",
    "epilogue",
    "overture",
    "no title",
    "theme",
    "main theme",
    "finale",
    "ending",
    "data track",
    "conclusion",
    "intermission",
    "reprise",
    "applause",
    "ohne titel",
    "sans titre",
    "sin titulo",
    "mix",
];
const NUMBERED: &[&str] =
    &["part", "volume", "chapter", "act", "movement", "no", "number", "disc", "side", "take", "episode"];
const COUNT: &[&str] = &["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
/// Words kept of a title or a credit; longer ones are cut.
const WORDS: usize = 48;

/// A title, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Title {
    /// Its words in order: folded, numerals as digits.
    pub words: Vec<String>,
    /// Which kinds of recording it says it is, a bit each.
    pub kinds: u32,
    /// The words of the guests it names.
    pub guests: Vec<String>,
}

/// An artist credit, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Artists {
    /// Each artist's words; empty where the credit names nobody (`Various Artists`).
    pub names: Vec<Vec<String>>,
    /// The words of the guests.
    pub guests: Vec<String>,
}

impl Title {
    /// Reads a title as printed.
    pub fn read(text: &str) -> Self {
        let (outside, segments) = split_brackets(text);
        let mut title = Self::default();
        let mut dashed = outside.split(" - ");
        let first = dashed.next().unwrap_or_default();
        let mut kept: Vec<String> = title.take_words(first);
        for part in dashed.chain(segments.iter().map(String::as_str)) {
            let words = title.take_words(part);
            if !is_neutral(&words) {
                kept.extend(words);
            }
        }
        title.words = numbered(&without_articles(without_tail(kept)));
        title.words.truncate(WORDS);
        for word in &title.words {
            title.kinds |= KINDS.iter().filter(|(known, _)| known == word).fold(0, |kinds, (_, bit)| kinds | bit);
        }
        title
    }

    /// The words of a part, those of guests put aside.
    fn take_words(&mut self, part: &str) -> Vec<String> {
        let mut words = words_of(part);
        if let Some(at) = words.iter().position(|word| GUEST.contains(&word.as_str())) {
            let guests = words.split_off(at);
            self.guests.extend(guests.into_iter().skip(1).filter(|word| !BETWEEN.contains(&word.as_str())));
        }
        words
    }

    /// Whether many recordings of one artist have this title: then it says little.
    pub fn is_generic(&self) -> bool {
        let named = self.words.iter().filter(|word| !is_number(word)).map(String::as_str).collect::<Vec<_>>().join(" ");
        named.is_empty() || GENERIC.contains(&named.as_str())
    }

    /// Letters and digits of all words.
    pub fn letters(&self) -> usize {
        self.words.iter().map(|word| word.chars().count()).sum()
    }
}

impl Artists {
    /// Reads a credit as printed.
    pub fn read(text: &str) -> Self {
        if NOBODY.contains(&fold(text).as_str()) {
            return Self::default();
        }
        let (outside, segments) = split_brackets(text);
        let mut artists = Self::default();
        let mut as_guest = false;
        let marked = outside.replace(['&', ';', '/', '+', ',', '·', '|'], "\u{1}");
        for part in marked.split('\u{1}') {
            let mut name = Vec::new();
            for word in words_of(part) {
                if GUEST.contains(&word.as_str()) {
                    artists.add(std::mem::take(&mut name), as_guest);
                    as_guest = true;
                } else if BETWEEN.contains(&word.as_str()) {
                    artists.add(std::mem::take(&mut name), as_guest);
                } else {
                    name.push(word);
                }
            }
            artists.add(name, as_guest);
        }
        // "(feat. Somebody)"; other brackets are part of a name ("(Val)liam") or tell a namesake ("Apollo (2)").
        for segment in segments {
            let mut words = words_of(&segment);
            if words.first().is_some_and(|word| GUEST.contains(&word.as_str())) {
                artists.guests.extend(words.drain(1..).filter(|word| !BETWEEN.contains(&word.as_str())));
            } else if words.iter().any(|word| !has_digit(word)) {
                artists.add(words, false);
            }
        }
        if artists.names.is_empty() {
            let guests = std::mem::take(&mut artists.guests);
            artists.add(guests, false);
        }
        artists
    }

    fn add(&mut self, mut words: Vec<String>, as_guest: bool) {
        if words.iter().any(|word| word != "the") {
            words.retain(|word| word != "the");
        }
        words.truncate(WORDS);
        if words.is_empty() || !self.names.is_empty() && words.iter().all(|word| word == "the") {
            return;
        }
        if as_guest { self.guests.extend(words) } else { self.names.push(words) }
    }

    /// Whether it names anybody.
    pub fn is_known(&self) -> bool {
        !self.names.is_empty()
    }

    /// The words of all artists but guests, sorted.
    pub fn words(&self) -> Vec<&str> {
        let mut words: Vec<&str> = self.names.iter().flatten().map(String::as_str).collect();
        words.sort_unstable();
        words
    }
}

/// Whether a word holds a digit.
pub fn has_digit(word: &str) -> bool {
    word.chars().any(char::is_numeric)
}

fn words_of(text: &str) -> Vec<String> {
    let folded = fold(text);
    folded.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Without articles and "and", wherever they stand; but "part A" keeps its letter, and a title of nothing else itself.
fn without_articles(words: Vec<String>) -> Vec<String> {
    let says = |at: usize| match words[at].as_str() {
        "the" | "and" | "an" => false,
        "a" => at + 1 == words.len() && at > 0,
        _ => true,
    };
    let kept: Vec<String> = (0..words.len()).filter(|at| says(*at)).map(|at| words[at].clone()).collect();
    if kept.is_empty() { words } else { kept }
}

/// Whether a word is nothing but a number.
pub fn is_number(word: &str) -> bool {
    word.chars().all(char::is_numeric)
}

fn is_year(word: &str) -> bool {
    word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Without "bonus track", "album version", "original mix" and "2009 remaster" at the end, where no brackets set them
/// off.
fn without_tail(mut words: Vec<String>) -> Vec<String> {
    let ends = |words: &[String]| {
        let last: Vec<&str> = words.iter().rev().take(2).map(String::as_str).collect();
        match last.as_slice() {
            ["track", "bonus"] | ["version", "album" | "lp" | "original"] | ["mix", "original"] => 2,
            ["remaster" | "remastered", year] if is_year(year) => 2,
            [year, "remaster" | "remastered"] if is_year(year) => 2,
            ["remaster" | "remastered", ..] => 1,
            _ => 0,
        }
    };
    let tail = ends(&words);
    if tail > 0 && words.len() > tail {
        words.truncate(words.len() - tail);
    }
    words
}

fn is_neutral(words: &[String]) -> bool {
    // A typo in one of these words is none in the title.
    let is = |list: &[&str], word: &String| {
        list.contains(&word.as_str())
            || word.len() > 4 && list.iter().any(|known| compare::typos(word, known) == Some(1.0))
    };
    let year = |word: &String| is_year(word);
    words.iter().any(|word| is(NEUTRAL, word))
        && words.iter().all(|word| is(NEUTRAL, word) || is(BESIDE, word) || year(word))
}

/// `pt` as `part`, roman numerals and counting words after `part` as digits, without leading zeros.
fn numbered(words: &[String]) -> Vec<String> {
    let mut read: Vec<String> = Vec::with_capacity(words.len());
    for (at, word) in words.iter().enumerate() {
        let counts = at > 0 && read.last().is_some_and(|before| NUMBERED.contains(&before.as_str()));
        let word = match word.as_str() {
            "pt" | "pts" | "parte" | "teil" => "part".to_owned(),
            "vol" => "volume".to_owned(),
            "nr" | "num" => "no".to_owned(),
            text if text.len() > 1 && text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) => {
                let digits = text.trim_start_matches('0');
                if digits.is_empty() { "0".to_owned() } else { digits.to_owned() }
            }
            text => {
                let count = COUNT.iter().position(|name| *name == text).filter(|_| counts).map(|at| at as u32 + 1);
                let last = at + 1 == words.len() && at > 0;
                let roman = roman(text).filter(|_| counts || last || text.len() > 1);
                count.or(roman).map_or_else(|| text.to_owned(), |number| number.to_string())
            }
        };
        read.push(word);
    }
    read
}

/// A roman numeral up to 39.
fn roman(text: &str) -> Option<u32> {
    (1..40).find(|number| to_roman(*number) == text)
}

fn to_roman(mut number: u32) -> String {
    let mut text = String::new();
    for (value, digits) in [(10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")] {
        while number >= value {
            text.push_str(digits);
            number -= value;
        }
    }
    text
}

/// The text outside of brackets, and what each pair of brackets holds. Brackets within a word are part of it:
/// `(Val)liam`.
fn split_brackets(text: &str) -> (String, Vec<String>) {
    let chars: Vec<char> = text.chars().collect();
    let (mut outside, mut segments) = (String::with_capacity(text.len()), Vec::new());
    let mut at = 0;
    while at < chars.len() {
        let opens = CLOSING.iter().find(|(open, _)| *open == chars[at]);
        let end = opens.and_then(|(open, close)| closing(&chars, at, *open, *close));
        let apart = |end: usize| {
            let before = at == 0 || !chars[at - 1].is_alphanumeric();
            before && chars.get(end + 1).is_none_or(|next| !next.is_alphanumeric())
        };
        match end.filter(|end| apart(*end)) {
            Some(end) => {
                segments.push(chars[at + 1..end].iter().collect());
                outside.push(' ');
                at = end + 1;
            }
            None => {
                outside.push(chars[at]);
                at += 1;
            }
        }
    }
    // Nothing but brackets: then they are the name.
    if outside.chars().any(char::is_alphanumeric) { (outside, segments) } else { (text.to_owned(), Vec::new()) }
}

const CLOSING: &[(char, char)] =
    &[('(', ')'), ('[', ']'), ('{', '}'), ('<', '>'), ('（', '）'), ('【', '】'), ('「', '」'), ('『', '』')];

fn closing(chars: &[char], from: usize, open: char, close: char) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in chars.iter().enumerate().skip(from) {
        if *c == open {
            depth += 1;
        } else if *c == close {
            depth -= 1;
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        Title::read(text).words.join(" ")
    }

    #[test]
    fn what_makes_no_other_recording_is_left_out() {
        for text in [
            "Blue Monday",
            "BLUE MONDAY!",
            "Blue Monday (Remastered 2009)",
            "Blue Monday - 2011 Remaster",
            "Blue Monday [Album Version]",
            "Blue Monday (feat. Somebody Else)",
            "Blue Monday ft. Somebody",
            "Blue Monday (Bonus Track)",
            "blue monday 2009 remaster",
            "Blue Monday (Remstered)",
            "The Blue Monday",
            "Blue Monday (Original Mix)",
            "Blue Monday (Explicit)",
        ] {
            assert_eq!((words(text).as_str(), Title::read(text).kinds), ("blue monday", 0), "{text}");
        }
        assert_eq!(Title::read("A Song (feat. Bo & Mia)").guests, ["bo", "mia"]);
        assert_eq!(words("(Remastered)"), "remastered", "a title of nothing else keeps it");
    }

    #[test]
    fn what_makes_another_recording_is_a_kind() {
        let plain = Title::read("Blue Monday");
        for text in [
            "Blue Monday (Live)",
            "Blue Monday - Live at Wembley",
            "Blue Monday remix",
            "Blue Monday (Instrumental)",
            "Blue Monday (Acoustic Version)",
            "Blue Monday (Demo)",
            "Blue Monday (Radio Edit)",
            "Blue Monday (Mono)",
            "Blue Monday (Extended Mix)",
            "Blue Monday (Karaoke Version)",
            "Blue Monday (Clean)",
            "Blue Monday (Reprise)",
        ] {
            assert_ne!(Title::read(text).kinds, plain.kinds, "{text}");
        }
        assert_eq!(Title::read("Song (Foo Rmx)").kinds, Title::read("Song [Foo Remix]").kinds);
    }

    #[test]
    fn parts_are_numbers_however_they_are_written() {
        for text in ["Suite, Part 2", "Suite pt. II", "Suite (Part Two)", "Suite Pt 02"] {
            assert_eq!(words(text), "suite part 2", "{text}");
        }
        assert_eq!(words("Ghosts IV"), "ghosts 4");
        assert_eq!(words("I Want You"), "i want you");
        assert!(Title::read("Untitled 3").is_generic() && Title::read("Track 01").is_generic());
        assert!(!Title::read("Third Track").is_generic());
    }

    #[test]
    fn credits_are_names_in_any_order() {
        let sorted = |text: &str| Artists::read(text).words().join(" ");
        for (one, other) in [
            ("Simon & Garfunkel", "Garfunkel and Simon"),
            ("Beethoven, Ludwig van", "Ludwig van Beethoven"),
            ("The Beatles", "Beatles, The"),
            ("A Band vs. Bo", "Bo / A Band"),
        ] {
            assert_eq!(sorted(one), sorted(other), "{one} / {other}");
        }
        let with_guest = Artists::read("Daft Punk feat. Pharrell Williams");
        assert_eq!((with_guest.words().join(" ").as_str(), with_guest.guests.len()), ("daft punk", 2));
        assert_eq!(Artists::read("Daft Punk (ft. Pharrell)").guests, ["pharrell"]);
        assert!(!Artists::read("Various Artists").is_known() && !Artists::read("").is_known());
        assert_eq!(sorted("(Val)liam"), "liam val");
        assert_eq!(sorted("Apollo (2)"), "apollo");
        assert_eq!(sorted("The The"), "the the");
    }
}
