//! Names in other scripts as people type them on a Latin keyboard: Cyrillic, Greek and kana, letter by letter.
//!
//! It is no standard's transliteration, and need not be: what is typed otherwise is a typo or two away. A title is found by
//! these words as well as by its own; what is shown stays as it is.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The Latin words of a text's Cyrillic and Greek words and of its runs of kana; none for most texts.
pub(super) fn latin_words(text: &str) -> Vec<String> {
    let has_any = |c: char| cyrillic(c).is_some() || greek(c).is_some() || is_kana(c);
    if text.is_ascii() || !text.nfkd().flat_map(char::to_lowercase).any(has_any) {
        return Vec::new();
    }
    let mut words = letters(text);
    words.extend(kana_words(text));
    words
}

fn letters(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut is_foreign = false;
    let folded = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    for c in folded.chain([' ']) {
        if let Some(latin) = cyrillic(c).or_else(|| greek(c)) {
            // Omicron and ypsilon together are one vowel.
            if c == 'υ' && word.ends_with('o') {
                word.push('u');
            } else {
                word.push_str(latin);
            }
            is_foreign = true;
        } else if c.is_ascii_alphanumeric() {
            word.push(c);
        } else {
            let done = std::mem::take(&mut word);
            if std::mem::take(&mut is_foreign) && !done.is_empty() {
                words.push(done);
            }
        }
    }
    words
}

const fn cyrillic(c: char) -> Option<&'static str> {
    Some(match c {
        'а' => "a",
        'б' => "b",
        'в' => "v",
        'г' | 'ґ' => "g",
        'д' => "d",
        'е' | 'э' => "e",
        'ж' => "zh",
        'з' => "z",
        'и' | 'і' => "i",
        'ј' => "j",
        'к' => "k",
        'л' => "l",
        'м' => "m",
        'н' => "n",
        'о' => "o",
        'п' => "p",
        'р' => "r",
        'с' => "s",
        'т' => "t",
        'у' => "u",
        'ф' => "f",
        'х' => "kh",
        'ц' => "ts",
        'ч' => "ch",
        'ш' => "sh",
        'щ' => "shch",
        'ъ' | 'ь' => "",
        'ы' => "y",
        'ю' => "yu",
        'я' => "ya",
        'є' => "ye",
        'ђ' => "dj",
        'љ' => "lj",
        'њ' => "nj",
        'ћ' => "c",
        'џ' => "dz",
        _ => return None,
    })
}

const fn greek(c: char) -> Option<&'static str> {
    Some(match c {
        'α' => "a",
        'β' => "v",
        'γ' => "g",
        'δ' => "d",
        'ε' => "e",
        'ζ' => "z",
        'η' | 'ι' => "i",
        'θ' => "th",
        'κ' => "k",
        'λ' => "l",
        'μ' => "m",
        'ν' => "n",
        'ξ' => "x",
        'ο' | 'ω' => "o",
        'π' => "p",
        'ρ' => "r",
        'σ' | 'ς' => "s",
        'τ' => "t",
        'υ' => "y",
        'φ' => "f",
        'χ' => "ch",
        'ψ' => "ps",
        _ => return None,
    })
}

const fn is_kana(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{3096}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}')
}

/// Syllables from small a to small ke, in the order of their code points; empty where another rule applies.
const KANA: [&str; 86] = [
    "a", "a", "i", "i", "u", "u", "e", "e", "o", "o", "ka", "ga", "ki", "gi", "ku", "gu", "ke", "ge", "ko", "go", "sa",
    "za", "shi", "ji", "su", "zu", "se", "ze", "so", "zo", "ta", "da", "chi", "ji", "", "tsu", "zu", "te", "de", "to",
    "do", "na", "ni", "nu", "ne", "no", "ha", "ba", "pa", "hi", "bi", "pi", "fu", "bu", "pu", "he", "be", "pe", "ho",
    "bo", "po", "ma", "mi", "mu", "me", "mo", "ya", "ya", "yu", "yu", "yo", "yo", "ra", "ri", "ru", "re", "ro", "wa",
    "wa", "i", "e", "o", "n", "vu", "ka", "ke",
];

/// Each run of kana as one word, by Hepburn's rules without long vowels.
fn kana_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut doubled = false;
    for c in text.nfkc().chain([' ']) {
        if !is_kana(c) {
            doubled = false;
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            continue;
        }
        if c == 'ー' {
            continue;
        }
        // Katakana lie in the same order as hiragana.
        let place = if c >= '\u{30a1}' { c as usize - 0x30a1 } else { c as usize - 0x3041 };
        let syllable = KANA.get(place).copied().unwrap_or_default();
        let is_small_y = matches!(place, 66 | 68 | 70);
        if is_small_y && word.ends_with('i') {
            word.pop();
            let soft = word.ends_with("sh") || word.ends_with("ch") || word.ends_with('j');
            word.push_str(if soft { &syllable[1..] } else { syllable });
        } else if syllable.is_empty() {
            doubled = true;
        } else {
            if std::mem::take(&mut doubled) {
                word.extend(syllable.chars().next());
            }
            word.push_str(syllable);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_typed_in_latin() {
        for (text, expected) in [
            ("Коробе́йники", vec!["korobeiniki"]),
            ("Группа «Щука» live", vec!["gruppa", "shchuka"]),
            ("Їжак", vec!["izhak"]),
            ("Ο δρόμος της θάλασσας", vec!["o", "dromos", "tis", "thalassas"]),
            ("Ουρανός", vec!["ouranos"]),
            ("さくらさくら", vec!["sakurasakura"]),
            ("東京ナイト", vec!["naito"]),
            ("ガッコー きゃく しゅう", vec!["gakko", "kyaku", "shuu"]),
            ("ﾊﾟﾘ", vec!["pari"]),
            ("plain", vec![]),
            ("Straße", vec![]),
            ("桜", vec![]),
        ] {
            assert_eq!(latin_words(text), expected, "{text}");
        }
    }
}
