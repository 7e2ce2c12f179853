//! Chapters of a long file, from whichever of the schemes it has.

use serde::{Deserialize, Serialize};

/// A chapter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chapter {
    /// Where it begins, in milliseconds.
    pub start_ms: i64,
    /// Where it ends, where that is said.
    pub end_ms: Option<i64>,
    /// Its title.
    pub title: Option<String>,
}

/// Chapters in Vorbis comments: `CHAPTER001=00:01:02.345` and `CHAPTER001NAME=Title` (xiph wiki, Chapter Extension).
pub(crate) fn from_comments(raw: &[(String, String)]) -> Vec<Chapter> {
    let numbered = |key: &str, ending: &str| {
        let digits = key.strip_prefix("CHAPTER")?.strip_suffix(ending)?;
        (digits.len() == 3).then(|| digits.parse::<u16>().ok()).flatten()
    };
    let title = |number: u16| {
        let value = raw.iter().find(|(key, _)| numbered(key, "NAME") == Some(number)).map(|(_, value)| value.clone());
        value.filter(|title| !title.is_empty())
    };
    // A thousand of them exist at most, since numbers have three digits; the first of each counts.
    let mut starts: Vec<(u16, i64)> =
        raw.iter().filter_map(|(key, value)| Some((numbered(key, "")?, time(value)?))).collect();
    starts.sort_by_key(|(number, _)| *number);
    starts.dedup_by_key(|(number, _)| *number);
    let mut chapters: Vec<Chapter> =
        starts.into_iter().map(|(number, start_ms)| Chapter { start_ms, end_ms: None, title: title(number) }).collect();
    // Nothing says that they are numbered in the order of their times.
    chapters.sort_by_key(|chapter| chapter.start_ms);
    chapters
}

/// `HH:MM:SS.mmm` in milliseconds.
fn time(text: &str) -> Option<i64> {
    let (clock, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
    let mut parts = clock.split(':').map(|part| {
        let fits = (1..=4).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| part.parse::<i64>().ok()).flatten()
    });
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let ms = format!("{:0<3}", fraction.get(..fraction.len().min(3))?).parse::<u16>().ok()?;
    (parts.next().is_none() && minutes < 60 && seconds < 60)
        .then_some(((hours * 60 + minutes) * 60 + seconds) * 1000 + i64::from(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chapters_in_comments_by_number() {
        let raw: Vec<(String, String)> = [
            ("CHAPTER002", "01:00:00.5"),
            ("CHAPTER001", "00:00:00.000"),
            ("CHAPTER001NAME", "Beginning"),
            ("CHAPTER001URL", "https://example.org"),
            ("CHAPTER002", "02:00:00.000"),
            ("CHAPTER003", "00:61:00.000"),
            ("CHAPTER4", "00:00:01.000"),
            ("CHAPTER", "x"),
        ]
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect();
        let found = from_comments(&raw);
        let first = Chapter { start_ms: 0, end_ms: None, title: Some("Beginning".into()) };
        assert_eq!(found, [first, Chapter { start_ms: 3_600_500, end_ms: None, title: None }]);
        assert_eq!(time("00:00:00.é"), None);
    }

    #[test]
    fn chapters_numbered_backwards_are_in_order_of_time() {
        let raw = [("CHAPTER000".to_owned(), "00:01:00.000".to_owned()), ("CHAPTER001".into(), "00:00:00.000".into())];
        assert_eq!(from_comments(&raw).iter().map(|chapter| chapter.start_ms).collect::<Vec<_>>(), [0, 60_000]);
    }
}
