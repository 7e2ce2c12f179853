//! From text to the words it is found by. Documents and queries go through the same folding, so they can only meet.
//!
//! On top of [`fonoteca_model::fold::fold`] come the letters that change their shape with their place (Greek final sigma,
//! Hebrew final letters) or that people type in two ways (Arabic ya and ta marbuta, Persian kaf and ya, the tatweel).
//! Scripts that put no spaces between words are cut into overlapping bigrams, as Lucene's CJK analyser does; the last
//! character of such a run is a word of its own, so that every single character starts some word and is found as a prefix.
//! Cyrillic, Greek and kana are found in Latin letters as well ([`super::latin`]).

use std::collections::BTreeSet;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

use super::latin::latin_words;

/// Words of one text that are indexed; a text with more is not a name.
const MAX_WORDS: usize = 256;
/// Characters of one word that count.
const MAX_WORD_CHARS: usize = 40;
/// Words of one query that count.
const MAX_QUERY_WORDS: usize = 16;

/// Words that a name may begin with or not: "The Beatles", "Beatles". One list for all languages, because a title does not
/// say which one it is in.
const ARTICLES: [&str; 18] = [
    "the", "a", "an", "der", "die", "das", "ein", "eine", "le", "la", "les", "l", "un", "une", "el", "los", "las", "il",
];
/// Folding makes one word of "don't" and "d'été"; people also type "don t" and "été".
const APOSTROPHES: [char; 4] = ['\'', '’', 'ʼ', '`'];

/// One word of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// Folded.
    pub text: String,
    /// What may stand for it.
    pub match_by: MatchBy,
}

/// How a query's word may be met by a document's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MatchBy {
    /// Exactly, as a prefix when it is the last one, or with so many typos.
    Spelling {
        /// Letters that may be wrong, missing, too many or swapped: 0 to 2.
        typos: u8,
    },
    /// Exactly: a bigram, which has neighbours that hold it in place.
    Exact,
    /// As a prefix always: a single character of an unspaced script.
    Prefix,
}

/// A query read in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// What an exact title would be, folded.
    pub title: String,
    /// The words, all of which must be met.
    pub words: Vec<Word>,
    /// The title's words, each once: a title with these and no others is the one that was typed.
    pub whole: BTreeSet<String>,
    /// The terms of [`title_terms`] of which an exact title has one.
    pub exact_terms: Vec<String>,
}

/// Marks a term that is no word: how many words the title has …
const WHOLE: char = '\u{1}';
/// … how many without its leading article …
const WITHOUT_ARTICLE: char = '\u{2}';
/// … and, where there are other names, a title as a whole.
const TITLE: char = '\u{3}';

fn count_term(mark: char, count: usize) -> String {
    format!("{mark}{}", count.min(MAX_WORDS))
}

/// The term that a document with this title has when it has several.
pub(crate) fn title_term(title: &str) -> String {
    format!("{TITLE}{}", title.replace(|c: char| c.is_ascii_whitespace(), "_"))
}

/// Terms among the words of a title that tell whether it was typed in full. A count is enough where there is one title
/// only, and takes next to no room: whoever has all its words, and so many, has typed it. Of several titles each is a term.
pub(crate) fn title_terms(title: &str, others: &[&str]) -> Vec<String> {
    if !others.is_empty() {
        let keys = std::iter::once(&title).chain(others).flat_map(|title| title_keys(title));
        return keys.map(|key| title_term(&key)).collect::<BTreeSet<_>>().into_iter().collect();
    }
    let joined = joined_words(title);
    let may_have_article = joined.first().is_some_and(|first| ARTICLES.contains(&first.as_str()));
    let count = |mut words: Vec<String>| {
        words.sort_unstable();
        words.dedup();
        words.len()
    };
    let mut terms = vec![count_term(WHOLE, count(joined))];
    if may_have_article && let Some(bare) = without_leading_article(&normal(title)) {
        terms.push(count_term(WITHOUT_ARTICLE, count(joined_words(bare))));
    }
    terms
}

/// The words that a document with this text is found by, in the order of the text, repetitions included.
pub(crate) fn words(text: &str) -> Vec<String> {
    let mut found = joined_words(text);
    if text.contains(APOSTROPHES) {
        found.extend(joined_words(&text.replace(APOSTROPHES, " ")));
    }
    found.extend(latin_words(text).iter().map(|word| clipped(word)));
    found.truncate(MAX_WORDS);
    found
}

fn joined_words(text: &str) -> Vec<String> {
    if text.is_ascii()
        && let Some(found) = ascii_words(text)
    {
        return found;
    }
    let mut found = Vec::new();
    for word in normal(text).split(' ').filter(|word| !word.is_empty()).take(MAX_WORDS) {
        for run in runs(word) {
            if is_unspaced(run) {
                let chars: Vec<char> = run.chars().take(MAX_WORDS).collect();
                found.extend(chars.windows(2).map(|pair| pair.iter().collect()));
                found.extend(chars.last().map(char::to_string));
            } else {
                found.push(clipped(run));
                found.extend(without_arabic_article(run).map(clipped));
            }
        }
    }
    found.truncate(MAX_WORDS);
    found
}

/// What [`joined_words`] gives, for most of the texts there are; None where nothing is a letter or a digit.
fn ascii_words(text: &str) -> Option<Vec<String>> {
    let mut found: Vec<String> = Vec::with_capacity(8);
    let mut word = String::new();
    let mut has_any = false;
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            has_any = true;
            if word.len() < MAX_WORD_CHARS {
                word.push(char::from(byte.to_ascii_lowercase()));
            }
        } else if !matches!(byte, b'\'' | b'`') && !word.is_empty() {
            found.push(std::mem::take(&mut word));
            if found.len() == MAX_WORDS {
                return Some(found);
            }
        }
    }
    if !word.is_empty() {
        found.push(word);
    }
    has_any.then_some(found)
}

/// The folded forms under which a title counts as typed in full: as it is, and without a leading article.
pub(crate) fn title_keys(title: &str) -> Vec<String> {
    let whole = clipped_title(&normal(title));
    let bare = without_leading_article(&whole).map(str::to_owned);
    std::iter::once(whole).chain(bare).filter(|key| !key.is_empty()).collect()
}

/// The ways in which a query may be meant: as typed, then without articles and apostrophes where it has any.
pub(crate) fn readings(query: &str) -> Vec<Reading> {
    let typed = clipped_title(&normal(query));
    if typed.is_empty() {
        return Vec::new();
    }
    let apart = clipped_title(&normal(&query.replace(APOSTROPHES, " ")));
    let bare = without_leading_article(&apart).unwrap_or(&apart);
    let bare: Vec<&str> = bare.split(' ').map(|word| without_arabic_article(word).unwrap_or(word)).collect();
    let bare = bare.join(" ");
    let mut readings = vec![reading(&typed)];
    if bare != typed {
        readings.push(reading(&bare));
    }
    readings
}

fn reading(text: &str) -> Reading {
    let mut words = Vec::new();
    for run in text.split(' ').flat_map(runs) {
        if is_unspaced(run) {
            let chars: Vec<char> = run.chars().collect();
            if let [single] = chars[..] {
                words.push(Word { text: single.to_string(), match_by: MatchBy::Prefix });
            }
            words.extend(chars.windows(2).map(|pair| Word { text: pair.iter().collect(), match_by: MatchBy::Exact }));
        } else {
            let text = clipped(run);
            let letters = text.chars().count();
            // A digit is never a slip of the finger for another: 1968 is not 1969.
            let typos = match letters {
                _ if text.chars().any(char::is_numeric) => 0,
                0..4 => 0,
                4..8 => 1,
                _ => 2,
            };
            words.push(Word { text, match_by: MatchBy::Spelling { typos } });
        }
    }
    // Its last pair of syllables may be on the way to another: 겨우 to 겨울.
    if let Some(last) = words.last_mut().filter(|last| is_unspaced(&last.text) && ends_openly(&last.text)) {
        last.match_by = MatchBy::Prefix;
    }
    words.truncate(MAX_QUERY_WORDS);
    let whole: BTreeSet<String> = joined_words(text).into_iter().collect();
    let mut exact_terms = vec![count_term(WHOLE, whole.len())];
    if without_leading_article(text).is_none() && !ARTICLES.contains(&text) {
        exact_terms.push(count_term(WITHOUT_ARTICLE, whole.len()));
    }
    Reading { title: text.to_owned(), words, whole, exact_terms }
}

/// The syllables of Hangul that a letter becomes as more is typed (The Unicode Standard, section 3.12): one without a final
/// consonant those with one, a leading consonant all that begin with it.
pub(super) fn becomes(last: char) -> Option<Range<u32>> {
    const FIRST: u32 = '가' as u32;
    const FINALS: u32 = 28;
    const OF_A_CONSONANT: u32 = 21 * FINALS;
    let code = u32::from(last);
    match last {
        '가'..='힣' if (code - FIRST).is_multiple_of(FINALS) => Some(code..code + FINALS),
        '\u{1100}'..='\u{1112}' => {
            let first = FIRST + (code - 0x1100) * OF_A_CONSONANT;
            Some(first..first + OF_A_CONSONANT)
        }
        _ => None,
    }
}

/// Whether a word ends with a syllable that is being typed.
fn ends_openly(word: &str) -> bool {
    word.chars().next_back().and_then(becomes).is_some()
}

/// Folds a text. What folds to nothing but is something (the band "!!!") stands for itself.
fn normal(text: &str) -> String {
    let folded = fonoteca_model::fold::fold(text);
    if folded.is_empty() {
        return text.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    if folded.is_ascii() {
        return folded;
    }
    // Folding decomposes; composing again makes one character of a Hangul syllable.
    folded.nfc().filter_map(letter).collect()
}

fn letter(c: char) -> Option<char> {
    Some(match c {
        'ς' => 'σ',
        'ך' => 'כ',
        'ם' => 'מ',
        'ן' => 'נ',
        'ף' => 'פ',
        'ץ' => 'צ',
        'ى' | 'ی' => 'ي',
        'ة' => 'ه',
        'ک' => 'ك',
        '\u{640}' => return None,
        c => c,
    })
}

/// Cuts a word where it changes between a script that spaces its words and one that does not.
fn runs(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c| unspaced(c) != unspaced(first)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        Some(run)
    })
}

fn is_unspaced(run: &str) -> bool {
    run.chars().next().is_some_and(unspaced)
}

/// Scripts that put no spaces between words, and Korean, whose words carry their particles.
const fn unspaced(c: char) -> bool {
    matches!(
        c,
        '\u{e00}'..='\u{eff}'        // Thai, Lao
        | '\u{1000}'..='\u{109f}'    // Myanmar
        | '\u{1780}'..='\u{17ff}'    // Khmer
        | '\u{3005}'..='\u{3007}'    // iteration mark, closing mark, zero
        | '\u{3040}'..='\u{30ff}'    // Hiragana, Katakana
        | '\u{3100}'..='\u{312f}'    // Bopomofo
        | '\u{31f0}'..='\u{31ff}'    // Katakana extensions
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{ac00}'..='\u{d7a3}'    // Hangul syllables
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}'
    )
}

fn without_leading_article(text: &str) -> Option<&str> {
    text.split_once(' ').filter(|(first, _)| ARTICLES.contains(first)).map(|(_, rest)| rest)
}

/// Arabic writes its article on to the word; two letters at least must remain.
fn without_arabic_article(word: &str) -> Option<&str> {
    word.strip_prefix("ال").filter(|rest| rest.chars().nth(1).is_some())
}

fn clipped(word: &str) -> String {
    word.chars().take(MAX_WORD_CHARS).collect()
}

fn clipped_title(text: &str) -> String {
    text.chars().take(MAX_WORD_CHARS * MAX_QUERY_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fall_into_words() {
        for (text, expected) in [
            ("Stop! (Remastered 2011)", vec!["stop", "remastered", "2011"]),
            ("Don’t", vec!["dont", "don", "t"]),
            ("東京事変", vec!["東京", "京事", "事変", "変"]),
            ("桜", vec!["桜"]),
            (
                "Perfumeのニューアルバム",
                vec!["perfume", "のニ", "ニュ", "ュー", "ーア", "アル", "ルハ", "ハム", "ム", "nonyuarubamu"],
            ),
            ("사랑", vec!["사랑", "랑"]),
            ("Коробе́йники", vec!["коробеиники", "korobeiniki"]),
            ("ΟΔΟΣ οδος", vec!["οδοσ", "οδοσ", "odos", "odos"]),
            ("שלום", vec!["שלומ"]),
            ("الحُبّ", vec!["الحب", "حب"]),
            ("!!!", vec!["!!!"]),
            ("  ", vec![]),
        ] {
            assert_eq!(words(text), expected, "{text}");
        }
    }

    #[test]
    fn plain_texts_are_read_as_all_others_are() {
        let slowly = |text: &str| -> Vec<String> {
            normal(text).split(' ').filter(|word| !word.is_empty()).take(MAX_WORDS).map(clipped).collect()
        };
        let long = "Ab".repeat(40) + " c";
        let many = "x' ".repeat(300);
        for text in ["", "Don't `Stop` (Live) - 7\" Mix", "a--b__c", "!!!", "' '", &long, &many, "A\tB\nC", "9/11"] {
            assert_eq!(joined_words(text), slowly(text), "{text}");
        }
    }

    #[test]
    fn articles_do_not_matter() {
        assert_eq!(title_keys("The Beatles"), ["the beatles", "beatles"]);
        assert_eq!(title_keys("The The"), ["the the", "the"]);
        assert_eq!(title_keys("Help!"), ["help"]);
        let meant: Vec<String> = readings("The Beatles").into_iter().map(|reading| reading.title).collect();
        assert_eq!(meant, ["the beatles", "beatles"]);
        assert_eq!(readings("L'amour")[1].title, "amour");
        assert_eq!(readings("beatles").len(), 1);
        assert_eq!(readings(" \t").len(), 0);
    }

    #[test]
    fn long_words_may_have_more_typos() {
        let typos = |text: &str| match readings(text)[0].words[0].match_by {
            MatchBy::Spelling { typos } => Some(typos),
            MatchBy::Exact | MatchBy::Prefix => None,
        };
        for (word, expected) in [
            ("abc", Some(0)),
            ("abcd", Some(1)),
            ("abcdefg", Some(1)),
            ("abcdefgh", Some(2)),
            ("1969", Some(0)),
            ("桜", None),
        ] {
            assert_eq!(typos(word), expected, "{word}");
        }
    }

    #[test]
    fn a_syllable_of_hangul_may_not_be_finished() {
        let last = |text: &str| readings(text)[0].words.last().map(|word| (word.text.clone(), word.match_by));
        assert_eq!(last("겨우"), Some(("겨우".to_owned(), MatchBy::Prefix)));
        assert_eq!(last("\u{1100}\u{1167}\u{110b}\u{116e}"), last("겨우"), "in letters as in syllables");
        assert_eq!(last("겨울"), Some(("겨울".to_owned(), MatchBy::Exact)));
    }

    #[test]
    fn a_hostile_text_stays_small() {
        assert_eq!(words(&"x ".repeat(100_000)).len(), MAX_WORDS);
        assert_eq!(words(&"あ".repeat(100_000)).len(), MAX_WORDS);
        assert_eq!(readings(&"x ".repeat(100_000))[0].words.len(), MAX_QUERY_WORDS);
        assert_eq!(words(&"x".repeat(100_000))[0].len(), MAX_WORD_CHARS);
    }
}
