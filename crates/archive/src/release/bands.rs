//! Popularity bands: a torrent never mixes two, so that a mirror can begin at the top.

use std::fmt;
use std::str::FromStr;

use fonoteca_catalog::BANDS;
use serde::{Deserialize, Serialize};

use crate::error::ArchiveError;

/// The bands that a release is cut along, most popular first, each with its lowest and highest popularity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bands(Vec<(i32, i32)>);

impl Default for Bands {
    fn default() -> Self {
        Self(BANDS.to_vec())
    }
}

impl Bands {
    /// Most popular first: the lowest and the highest popularity of each.
    pub fn iter(&self) -> impl Iterator<Item = (i32, i32)> {
        self.0.iter().copied()
    }

    /// The band that a popularity lies in.
    pub fn of(&self, popularity: i32) -> (i32, i32) {
        let within = |(low, high): &(i32, i32)| (*low..=*high).contains(&popularity);
        self.0.iter().copied().find(within).or_else(|| self.0.last().copied()).unwrap_or((0, 100))
    }
}

impl fmt::Display for Bands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let edges: Vec<String> = self.0.iter().map(|(low, _)| low.to_string()).collect();
        f.write_str(edges.join(",").strip_suffix(",0").unwrap_or("0"))
    }
}

impl FromStr for Bands {
    type Err = ArchiveError;

    /// Reads the lowest popularity of each band, falling, as in `75,50,25,1`; what is below the last is a band, too.
    fn from_str(text: &str) -> Result<Self, ArchiveError> {
        let wrong = || {
            ArchiveError::Usage(format!(
                "{text:?} are no bands: write the lowest popularity of each, falling, 0 to 100, as in 75,50,25,1"
            ))
        };
        let mut high = 100;
        let mut bands = Vec::new();
        for edge in text.split(',') {
            let low: i32 = edge.trim().parse().map_err(|_| wrong())?;
            if !(0..=high).contains(&low) {
                return Err(wrong());
            }
            bands.push((low, high));
            high = low - 1;
        }
        if high >= 0 {
            bands.push((0, high));
        }
        Ok(Self(bands))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_popularity_lies_in_one_band() {
        assert_eq!("75,50,25,1".parse::<Bands>().expect("bands"), Bands::default());
        for (text, bands) in [
            ("75,50,25,1", &[(75, 100), (50, 74), (25, 49), (1, 24), (0, 0)][..]),
            ("90", &[(90, 100), (0, 89)]),
            ("0", &[(0, 100)]),
            ("100, 1", &[(100, 100), (1, 99), (0, 0)]),
        ] {
            let read: Bands = text.parse().expect("bands");
            assert_eq!(read.0, bands, "{text}");
            assert_eq!(read.to_string().parse::<Bands>().expect("bands"), read, "{text}");
            for popularity in 0..=100 {
                let found = read.iter().filter(|(low, high)| (*low..=*high).contains(&popularity)).count();
                assert_eq!(found, 1, "{text}: {popularity}");
            }
        }
        for wrong in ["", "a", "50,50", "25,75", "101", "-1", "75,,1", "0,0"] {
            assert!(wrong.parse::<Bands>().is_err(), "{wrong}");
        }
    }
}
