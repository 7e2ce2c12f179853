//! Positions as releases print them: `A1`, `2-05`, `CD2-03`, `LP-A1`, `A1.a`, `1-5.7`, `6 (b)`.

/// What a position says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// What stands before the dash: the number of a disc, or a medium such as `CD2`; upper case.
    pub medium: Option<String>,
    /// The letters of a side, upper case.
    pub side: Option<String>,
    /// The number on the disc or side.
    pub number: Option<u32>,
    /// What tells parts of one track apart: `a`, `2`.
    pub part: Option<String>,
}

/// Words that name a medium and no side, when they stand without a dash: `CD1`, `DVD`.
const MEDIA: &[&str] =
    &["CD", "CDR", "DVD", "SACD", "VHS", "BD", "MP", "WAV", "FLAC", "FILE", "VIDEO", "DATA", "MC", "LP", "EP"];

impl Position {
    /// Reads a position; `None` where it has no form that is known, which is no fault: it is printed matter.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text: String = text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect();
        if text.is_empty() || text.chars().count() > 40 {
            return None;
        }
        let (medium, rest) = match text.rsplit_once('-') {
            Some((medium, rest)) if !medium.is_empty() && !rest.is_empty() => (Some(medium.to_owned()), rest),
            _ => (None, text.as_str()),
        };
        let letters = rest.chars().take_while(char::is_ascii_uppercase).count();
        let (letters, after) = rest.split_at(letters);
        let after = if letters.is_empty() { after } else { after.trim_start_matches('.') };
        let digits = after.chars().take_while(char::is_ascii_digit).count();
        let (digits, part) = after.split_at(digits);
        let part = part.trim_matches(['.', '(', ')']);
        let known = digits.len() <= 6
            && part.len() <= 4
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && (digits.is_empty() || letters.len() <= 2 || MEDIA.contains(&letters))
            && !(letters.is_empty() && digits.is_empty());
        // A word such as `Video` names a track that is no audio; before it the medium may still say which disc.
        if !known || (digits.is_empty() && letters.len() > 2) {
            return medium.map(|medium| Self { medium: Some(medium), ..Self::default() });
        }
        let (medium, side) = match letters {
            "" => (medium, None),
            letters if medium.is_none() && letters.len() > 1 && MEDIA.contains(&letters) => {
                (Some(letters.to_owned()), None)
            }
            letters => (medium, Some(letters.to_owned())),
        };
        let part = Some(part.to_ascii_lowercase()).filter(|part| !part.is_empty());
        Some(Self { medium, side, number: digits.parse().ok(), part })
    }
}

/// A position in the form in which two are compared: no blanks, one case, no leading zeros.
pub(super) fn key(text: &str) -> String {
    let mut key = String::with_capacity(text.len());
    for c in text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase) {
        if key.ends_with('0')
            && c.is_ascii_digit()
            && !key.trim_end_matches('0').ends_with(|c: char| c.is_ascii_digit())
        {
            key.pop();
        }
        key.push(c);
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<String>, Option<String>, Option<u32>, Option<String>) {
        let found = Position::read(text).unwrap_or_else(|| panic!("{text} is not understood"));
        (found.medium, found.side, found.number, found.part)
    }

    fn some(text: &str) -> Option<String> {
        (!text.is_empty()).then(|| text.to_owned())
    }

    #[test]
    fn the_forms_that_releases_print() {
        for (text, medium, side, number, part) in [
            ("A1", "", "A", 1, ""),
            ("b12", "", "B", 12, ""),
            ("7", "", "", 7, ""),
            ("1-05", "1", "", 5, ""),
            ("CD2-03", "CD2", "", 3, ""),
            ("LP-A1", "LP", "A", 1, ""),
            ("AA1", "", "AA", 1, ""),
            ("A1a", "", "A", 1, "a"),
            ("A1.a", "", "A", 1, "a"),
            ("A6 (b)", "", "A", 6, "b"),
            ("A.1", "", "A", 1, ""),
            ("A..5", "", "A", 5, ""),
            ("B. 4", "", "B", 4, ""),
            ("11.3", "", "", 11, "3"),
            ("1-5.7", "1", "", 5, "7"),
            ("1-9d", "1", "", 9, "d"),
            ("9a", "", "", 9, "a"),
            ("CD3", "CD", "", 3, ""),
            ("DVD-12", "DVD", "", 12, ""),
            ("A2 ", "", "A", 2, ""),
        ] {
            assert_eq!(read(text), (some(medium), some(side), Some(number), some(part)), "{text}");
        }
        assert_eq!(read("A"), (None, some("A"), None, None));
        assert_eq!(read("CD1-Video"), (some("CD1"), None, None, None));
        for unknown in ["", "Video", "1/2", "Bonus Track", "♫", "99999999"] {
            assert_eq!(Position::read(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn positions_compare_without_case_blanks_and_leading_zeros() {
        assert_eq!(key("cd2-03"), key("CD2-3"));
        assert_eq!(key("A 1"), key("a1"));
        assert_ne!(key("10"), key("1"));
        assert_ne!(key("100"), key("10"));
        assert_eq!(key("1-10"), "1-10");
        assert_eq!(key("0"), "0");
    }
}
