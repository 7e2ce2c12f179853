//! The codes of the trade: ISRC, ISWC, UPC/EAN and MusicBrainz ids. Each type holds only what is well-formed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not the code it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not {what}")]
pub struct CodeError {
    what: &'static str,
    found: String,
}

impl CodeError {
    fn new(what: &'static str, found: &str) -> Self {
        Self { what, found: found.chars().take(60).collect() }
    }
}

macro_rules! code {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The canonical form.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

code!(
    /// An International Standard Recording Code (ISO 3901): 12 characters, upper case, without hyphens.
    Isrc
);
code!(
    /// An International Standard Musical Work Code (ISO 15707) whose check digit is right: `T` and ten digits.
    Iswc
);
code!(
    /// A UPC-A, EAN-8 or EAN-13 barcode whose check digit is right, as 8 or 13 digits (a UPC gets its leading zero).
    Upc
);
code!(
    /// A MusicBrainz identifier: a UUID in lower case with hyphens.
    Mbid
);

impl FromStr for Isrc {
    type Err = CodeError;
    /// Takes hyphens, spaces, an `ISRC` prefix and any case.
    fn from_str(text: &str) -> Result<Self, CodeError> {
        let error = || CodeError::new("an ISRC: two letters, three letters or digits, seven digits", text);
        let mut code: String = text.chars().filter(|c| !matches!(c, '-' | ' ' | ':')).collect();
        code.make_ascii_uppercase();
        // Iceland's codes may begin like the name of the code.
        let code = code.strip_prefix("ISRC").filter(|rest| rest.len() >= 12).map(str::to_owned).unwrap_or(code);
        let bytes = code.as_bytes();
        let well_formed = bytes.len() == 12
            && bytes[..2].iter().all(u8::is_ascii_uppercase)
            && bytes[2..5].iter().all(u8::is_ascii_alphanumeric)
            && bytes[5..].iter().all(u8::is_ascii_digit);
        if well_formed { Ok(Self(code)) } else { Err(error()) }
    }
}

impl FromStr for Iswc {
    type Err = CodeError;
    /// Takes hyphens, dots, spaces, an `ISWC` prefix and any case.
    fn from_str(text: &str) -> Result<Self, CodeError> {
        let error = || CodeError::new("an ISWC: T, nine digits and the right check digit", text);
        let mut code: String = text.chars().filter(|c| !matches!(c, '-' | '.' | ' ' | ':')).collect();
        code.make_ascii_uppercase();
        let code = code.strip_prefix("ISWC").map(str::to_owned).unwrap_or(code);
        let digits = code.strip_prefix('T').ok_or_else(error)?.as_bytes();
        if digits.len() != 10 || !digits.iter().all(u8::is_ascii_digit) {
            return Err(error());
        }
        // ISO 15707, annex A: 1 for the T, each digit by its place, and the check digit completes it to a multiple of 10.
        let sum: u32 = (1..).zip(&digits[..9]).map(|(place, digit)| place * u32::from(digit - b'0')).sum();
        let check = u32::from(digits[9] - b'0');
        if (1 + sum + check).is_multiple_of(10) { Ok(Self(code)) } else { Err(error()) }
    }
}

impl FromStr for Upc {
    type Err = CodeError;
    fn from_str(text: &str) -> Result<Self, CodeError> {
        let error = || CodeError::new("a barcode of 8, 12 or 13 digits with a valid check digit", text);
        let mut digits: String = text.chars().filter(|c| !matches!(c, '-' | ' ')).collect();
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(error());
        }
        if digits.len() == 12 {
            digits.insert(0, '0');
        }
        if digits.len() != 13 && digits.len() != 8 {
            return Err(error());
        }
        // GS1 General Specifications 7.9: weights 3 and 1 from the right.
        let sum: u32 = digits
            .bytes()
            .rev()
            .zip([1, 3].into_iter().cycle())
            .map(|(digit, weight)| u32::from(digit - b'0') * weight)
            .sum();
        if sum.is_multiple_of(10) { Ok(Self(digits)) } else { Err(error()) }
    }
}

impl FromStr for Mbid {
    type Err = CodeError;
    fn from_str(text: &str) -> Result<Self, CodeError> {
        let lower = text.trim().to_ascii_lowercase();
        let well_formed = lower.len() == 36
            && lower.bytes().enumerate().all(|(i, byte)| match i {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            });
        if well_formed { Ok(Self(lower)) } else { Err(CodeError::new("a MusicBrainz id (a UUID)", text)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn isrc_takes_the_spellings_found_in_tags() {
        for text in ["ZZFON2600001", "zz-fon-26-00001", "ISRC ZZ FON 26 00001"] {
            assert_eq!(text.parse::<Isrc>().expect(text).as_str(), "ZZFON2600001");
        }
        for text in ["ISRCX2600001", "IS-RCX-26-00001", "ISRC IS-RCX-26-00001"] {
            assert_eq!(text.parse::<Isrc>().expect(text).as_str(), "ISRCX2600001");
        }
        for wrong in ["", "ZZFON260000", "ZZFON26000011", "12FON2600001", "ZZFÖN2600001"] {
            assert!(wrong.parse::<Isrc>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn iswc_takes_the_spellings_found_in_tags_and_checks_its_digit() {
        for text in ["T-034.524.680-1", "t0345246801", "ISWC T-034524680-1", "T 034.524.680.1"] {
            assert_eq!(text.parse::<Iswc>().expect(text).as_str(), "T0345246801");
        }
        for wrong in ["", "T", "T-034.524.680-2", "T-304.524.680-1", "T-034.524.680", "0345246801", "T03452468011"] {
            assert!(wrong.parse::<Iswc>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn upc_checks_its_digit() {
        assert_eq!("036000291452".parse::<Upc>().expect("UPC-A").as_str(), "0036000291452");
        assert_eq!("4006381333931".parse::<Upc>().expect("EAN-13").as_str(), "4006381333931");
        assert!("4006381333932".parse::<Upc>().is_err());
        assert!("none".parse::<Upc>().is_err());
    }

    #[test]
    fn mbid_is_a_uuid() {
        assert_eq!(
            "B10BBBFC-CF9E-42E0-BE17-E2C3E1D2600D".parse::<Mbid>().expect("uuid").as_str(),
            "b10bbbfc-cf9e-42e0-be17-e2c3e1d2600d"
        );
        assert!("b10bbbfccf9e42e0be17e2c3e1d2600d".parse::<Mbid>().is_err());
    }
}
