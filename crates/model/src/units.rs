//! Units that people read: bytes, durations, moments.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A moment: microseconds since 1970-01-01T00:00:00Z. Where it comes from is the caller's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// From whole milliseconds.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1000))
    }

    /// From whole seconds.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// Whole milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Whole seconds since the epoch.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The moment `seconds` later.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }
}

/// A moment as whole milliseconds, as JSON has it everywhere: `#[serde(with = "millis")]`.
pub mod millis {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Timestamp;

    /// Writes it.
    pub fn serialize<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(moment.as_millis())
    }

    /// Reads it.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(deserializer).map(Timestamp::from_millis)
    }
}

/// The same for a moment that may be missing.
pub mod optional_millis {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Timestamp;

    /// Writes it, or `null`.
    pub fn serialize<S: Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        moment.map(Timestamp::as_millis).serialize(serializer)
    }

    /// Reads it.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(deserializer)?.map(Timestamp::from_millis))
    }
}

/// RFC 3339 in UTC, to the second: `2026-03-01T12:00:00Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.as_seconds();
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
    }
}

/// The proleptic Gregorian date of a day number, by Howard Hinnant's `civil_from_days`.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// Bytes for people: `1.5 GB`, in powers of ten, as disks are sold.
#[derive(Debug, Clone, Copy)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
        if self.0 < 1000 {
            return write!(f, "{} B", self.0);
        }
        let mut value = self.0 as f64;
        let mut unit = 0;
        value /= 1000.0;
        while value >= 999.95 && unit + 1 < UNITS.len() {
            value /= 1000.0;
            unit += 1;
        }
        write!(f, "{value:.1} {}", UNITS[unit])
    }
}

/// Why a text is not the size, rate or span that it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnitError(String);

/// `4TB`, `500 GB`, `32GiB`, `1000000`; at least 1 byte.
impl FromStr for Bytes {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let (number, unit) = number_and_unit(text);
        let factor: u64 = match unit.as_str() {
            "" | "b" => 1,
            "k" | "kb" => 1_000,
            "m" | "mb" => 1_000_000,
            "g" | "gb" => 1_000_000_000,
            "t" | "tb" => 1_000_000_000_000,
            "p" | "pb" => 1_000_000_000_000_000,
            "e" | "eb" => 1_000_000_000_000_000_000,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            "tib" => 1 << 40,
            "pib" => 1 << 50,
            "eib" => 1 << 60,
            _ => {
                let unit: String = unit.chars().take(20).collect();
                let units = "write B, kB, MB, GB, TB, PB, EB, KiB, MiB, GiB, TiB, PiB or EiB";
                return Err(UnitError(format!("{unit:?} is no unit of size: {units}")));
            }
        };
        let number = number.ok_or_else(|| UnitError("write a size as in 500MB, 4TB or 32GiB".to_owned()))?;
        let bytes = number * factor as f64;
        if (1.0..9e18).contains(&bytes) {
            Ok(Self(bytes.round() as u64))
        } else {
            Err(UnitError("a size is at least 1 byte".to_owned()))
        }
    }
}

/// Bytes a second: `50MB/s`, or `50MB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Rate(pub u64);

impl FromStr for Rate {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        Bytes::from_str(text.trim().trim_end_matches("/s")).map(|bytes| Self(bytes.0))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", Bytes(self.0))
    }
}

/// A span of whole seconds: `30d`, `12h`, `2w`, `90min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    /// Its seconds, at least 1.
    pub seconds: i64,
}

const SPANS: [(&str, i64); 5] = [("w", 7 * 86_400), ("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)];

impl FromStr for Span {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let wrong = || UnitError("write a span of time as in 30d, 12h, 2w or 90min".to_owned());
        let (number, unit) = number_and_unit(text);
        let (_, seconds) = SPANS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let seconds = number.ok_or_else(wrong)? * *seconds as f64;
        if (1.0..1e10).contains(&seconds) { Ok(Self { seconds: seconds.round() as i64 }) } else { Err(wrong()) }
    }
}

/// In the largest unit that it is a whole number of.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = SPANS.iter().find(|(_, seconds)| self.seconds % seconds == 0);
        let (unit, seconds) = whole.unwrap_or(&("s", 1));
        write!(f, "{}{unit}", self.seconds / seconds)
    }
}

impl TryFrom<String> for Rate {
    type Error = UnitError;
    fn try_from(text: String) -> Result<Self, UnitError> {
        text.parse()
    }
}

/// Exactly, for files.
impl From<Rate> for String {
    fn from(rate: Rate) -> Self {
        format!("{}B/s", rate.0)
    }
}

impl TryFrom<String> for Span {
    type Error = UnitError;
    fn try_from(text: String) -> Result<Self, UnitError> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

/// The number that a text begins with, and what follows in lower case.
fn number_and_unit(text: &str) -> (Option<f64>, String) {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (text[..digits].parse().ok(), text[digits..].trim().to_ascii_lowercase())
}

/// A duration in milliseconds for people: `3:07`, `1:02:03`.
#[derive(Debug, Clone, Copy)]
pub struct Duration(pub i64);

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = (self.0 + 500).div_euclid(1000);
        let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if hours > 0 { write!(f, "{hours}:{minutes:02}:{seconds:02}") } else { write!(f, "{minutes}:{seconds:02}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_print_as_rfc_3339() {
        assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Timestamp::from_seconds(951_782_400).to_string(), "2000-02-29T00:00:00Z");
        assert_eq!(Timestamp::from_seconds(-1).to_string(), "1969-12-31T23:59:59Z");
        assert_eq!(Timestamp::from_seconds(1_793_620_805).to_string(), "2026-11-02T12:00:05Z");
    }

    #[test]
    fn rates_and_spans_are_read_and_written() {
        assert_eq!("50MB/s".parse(), Ok(Rate(50_000_000)));
        assert_eq!("1.5 MiB/s".parse(), Ok(Rate(3 << 19)));
        assert!("50 m/h".parse::<Rate>().is_err() && "0".parse::<Rate>().is_err());
        assert_eq!(String::from(Rate(1_234_567)).parse(), Ok(Rate(1_234_567)));
        for (text, seconds, told) in [
            ("30d", 30 * 86_400, "30d"),
            ("14 d", 14 * 86_400, "2w"),
            ("90min", 5400, "90min"),
            ("36h", 129_600, "36h"),
        ] {
            let span: Span = text.parse().expect(text);
            assert_eq!((span.seconds, span.to_string()), (seconds, told.to_owned()));
        }
        for wrong in ["", "30", "d", "-1d", "0d", "1e9d", "99999999999w", "3 moons"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_and_durations_read_well() {
        assert_eq!(Bytes(999).to_string(), "999 B");
        assert_eq!(Bytes(1_500_000_000).to_string(), "1.5 GB");
        assert_eq!(Bytes(999_999).to_string(), "1.0 MB");
        for bytes in [1, 999, 1_500_000, 1_500_000_000_000_000, 8_000_000_000_000_000_000] {
            assert_eq!(Bytes(bytes).to_string().parse::<Bytes>().expect("a size").0, bytes);
        }
        let error = "1 x".repeat(1000).parse::<Bytes>().expect_err("no unit").to_string();
        assert!(error.len() < 200, "{error}");
        assert_eq!(Duration(187_000).to_string(), "3:07");
        assert_eq!(Duration(3_723_000).to_string(), "1:02:03");
    }
}
