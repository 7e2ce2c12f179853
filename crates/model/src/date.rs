//! Dates of a stated precision: a year, a month or a day, and nothing pretended beyond that.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A release or recording date; orders with the unknown parts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartialDate {
    year: u16,
    month: Option<u8>,
    day: Option<u8>,
}

/// Why a text is not a date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a date: write YYYY, YYYY-MM or YYYY-MM-DD")]
pub struct DateError(String);

impl PartialDate {
    /// The year, 1 to 9999.
    pub const fn year(self) -> u16 {
        self.year
    }

    /// Reads what tags and dumps hold: `1999`, `1999-05`, `1999-05-00`, `1999-05-03T00:00:00Z`, `19990503`.
    /// Parts that cannot be are dropped with all that is finer; a year that cannot be is no date.
    pub fn lenient(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        let parts: Vec<&str> = if digits.len() == 8 {
            vec![&digits[..4], &digits[4..6], &digits[6..8]]
        } else {
            text.split(['T', ' ']).next().unwrap_or_default().split(['-', '/', '.']).collect()
        };
        let year =
            parts.first().filter(|year| year.len() == 4)?.parse().ok().filter(|year| (1..=9999).contains(year))?;
        let month = parts.get(1).and_then(|month| month.parse().ok()).filter(|month| (1..=12).contains(month));
        let day = month
            .and_then(|month| parts.get(2)?.parse().ok().filter(|day| (1..=days_in_month(year, month)).contains(day)));
        Some(Self { year, month, day })
    }
}

fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 31,
    }
}

impl fmt::Display for PartialDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        if let Some(month) = self.month {
            write!(f, "-{month:02}")?;
        }
        if let Some(day) = self.day {
            write!(f, "-{day:02}")?;
        }
        Ok(())
    }
}

impl FromStr for PartialDate {
    type Err = DateError;
    /// Strict: exactly what [`fmt::Display`] writes.
    fn from_str(text: &str) -> Result<Self, DateError> {
        Self::lenient(text)
            .filter(|date| date.to_string() == text)
            .ok_or_else(|| DateError(text.chars().take(40).collect()))
    }
}

impl Serialize for PartialDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PartialDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_precision_it_finds() {
        for (found, kept) in [
            ("1999", "1999"),
            ("1999-05", "1999-05"),
            ("1999-05-00", "1999-05"),
            ("1999-00-00", "1999"),
            ("1999-02-30", "1999-02"),
            ("2000-02-29", "2000-02-29"),
            ("19990503", "1999-05-03"),
            ("1999-05-03T10:00:00Z", "1999-05-03"),
            (" 2004/7/9 ", "2004-07-09"),
        ] {
            assert_eq!(PartialDate::lenient(found).map(|date| date.to_string()).as_deref(), Some(kept), "{found}");
        }
        for wrong in ["", "0000", "0000-13-99", "99", "May 1999", "12345"] {
            assert_eq!(PartialDate::lenient(wrong), None, "{wrong}");
        }
        assert!("1999-5".parse::<PartialDate>().is_err());
    }
}
