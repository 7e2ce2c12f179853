//! What a listen names its track by.

use fonoteca_model::fold::fold;
use fonoteca_model::{Isrc, Mbid};
use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

/// One line of a ListenBrainz dump, as far as it matters here.
#[derive(Deserialize)]
struct Listen {
    track_metadata: TrackMetadata,
}

#[derive(Deserialize)]
struct TrackMetadata {
    #[serde(default)]
    artist_name: Option<Loose>,
    #[serde(default)]
    track_name: Option<Loose>,
    #[serde(default)]
    additional_info: Option<AdditionalInfo>,
    #[serde(default)]
    mbid_mapping: Option<MbidMapping>,
}

#[derive(Deserialize)]
struct AdditionalInfo {
    #[serde(default)]
    isrc: Option<Loose>,
    #[serde(default)]
    recording_mbid: Option<Loose>,
}

#[derive(Deserialize)]
struct MbidMapping {
    #[serde(default)]
    recording_mbid: Option<Loose>,
}

/// Clients write what they like: a list of ISRCs, a number for a title. What is no text names nothing.
#[derive(Deserialize)]
#[serde(untagged)]
enum Loose {
    Text(String),
    Other(IgnoredAny),
}

impl Loose {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other(_) => None,
        }
    }
}

/// By what a track is named, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Isrc = 0,
    Mbid = 1,
    Name = 2,
}

/// 126 bits of a hash of the name, below two that say of which kind it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(pub(super) u128);

impl Key {
    fn of(kind: Kind, parts: [&str; 2]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let hash = digest.finalize();
        let bits = u128::from_be_bytes(*hash.first_chunk::<16>().expect("SHA-256 has 32 bytes"));
        Self((bits >> 2) | ((kind as u128) << 126))
    }

    /// An ISRC, written without hyphens.
    pub(super) fn isrc(isrc: &str) -> Self {
        Self::of(Kind::Isrc, [isrc, ""])
    }

    /// A MusicBrainz recording.
    pub(super) fn mbid(mbid: &str) -> Self {
        Self::of(Kind::Mbid, [mbid, ""])
    }

    /// Artist and title, compared as names are.
    pub(super) fn name(artist: &str, title: &str) -> Self {
        Self::of(Kind::Name, [&fold(artist), &fold(title)])
    }

    /// Of which kind it is.
    pub(super) fn kind(self) -> Kind {
        match self.0 >> 126 {
            0 => Kind::Isrc,
            1 => Kind::Mbid,
            _ => Kind::Name,
        }
    }
}

/// The surest name that a line has.
pub(super) fn of_line(line: &[u8]) -> Result<Key, String> {
    let listen: Listen = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let track = &listen.track_metadata;
    let info = track.additional_info.as_ref();
    let text = |field: Option<&Option<Loose>>| field.and_then(|field| field.as_ref()?.text().map(str::to_owned));
    if let Some(isrc) = text(info.map(|info| &info.isrc)).and_then(|isrc| isrc.parse::<Isrc>().ok()) {
        return Ok(Key::isrc(&isrc.to_string()));
    }
    let given = text(info.map(|info| &info.recording_mbid));
    let mapped = || text(track.mbid_mapping.as_ref().map(|mapping| &mapping.recording_mbid));
    let mbid = given.and_then(|mbid| mbid.parse::<Mbid>().ok());
    if let Some(mbid) = mbid.or_else(|| mapped()?.parse().ok()) {
        return Ok(Key::mbid(&mbid.to_string()));
    }
    match (text(Some(&track.artist_name)), text(Some(&track.track_name))) {
        (Some(artist), Some(title)) => Ok(Key::name(&artist, &title)),
        _ => Err("names neither an ISRC, nor a MusicBrainz recording, nor artist and title".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(metadata: &str) -> Result<Key, String> {
        of_line(format!("{{\"listened_at\":1,\"track_metadata\":{metadata}}}").as_bytes())
    }

    #[test]
    fn the_surest_name_counts() {
        const MBID: &str = "b10bbbfc-cf9e-42e0-be17-e2c3e1d2600d";
        let isrc = of(r#"{"artist_name":"A","track_name":"B","additional_info":{"isrc":"GB-AYE-06-01477"}}"#);
        assert_eq!(isrc, Ok(Key::isrc("GBAYE0601477")));
        let given = of(&format!(r#"{{"additional_info":{{"isrc":null,"recording_mbid":"{MBID}"}}}}"#));
        assert_eq!(given, Ok(Key::mbid(MBID)));
        let mapped = of(&format!(
            r#"{{"additional_info":{{"recording_mbid":""}},"mbid_mapping":{{"recording_mbid":"{MBID}"}}}}"#
        ));
        assert_eq!(mapped, Ok(Key::mbid(MBID)));
        let name = of(r#"{"artist_name":"ÁNA","track_name":"b  c","additional_info":{"isrc":"nonsense"}}"#);
        assert_eq!(name, Ok(Key::name("ana", "B c")));
        assert_eq!(isrc.map(Key::kind), Ok(Kind::Isrc));
        assert_eq!(name.map(Key::kind), Ok(Kind::Name));
    }

    #[test]
    fn what_is_no_text_names_nothing() {
        let listed = of(r#"{"artist_name":"A","track_name":"B","additional_info":{"isrc":["GBAYE0601477"]}}"#);
        assert_eq!(listed, Ok(Key::name("A", "B")));
        assert!(of(r#"{"artist_name":5,"track_name":"B"}"#).is_err());
        assert!(
            of("{}").is_err() && of_line(b"[]").is_err() && of_line(b"{\"a\"").is_err() && of_line(b"\xff").is_err()
        );
    }

    #[test]
    fn parts_do_not_run_together() {
        assert_ne!(Key::name("ab", "c"), Key::name("a", "bc"));
    }
}
