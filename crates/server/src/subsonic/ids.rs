//! Ids on the wire: what kind of thing it is, and its id. Subsonic's clients hand any of them to `getCoverArt`.

use std::fmt;

use fonoteca_model::Id;

use super::params::Params;
use super::reply::Failure;

/// A track, album or artist as clients name it: `tr-`, `al-` or `ar-` and 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum WireId {
    Track(Id),
    Album(Id),
    Artist(Id),
}

impl fmt::Display for WireId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Track(id) => write!(f, "tr-{id}"),
            Self::Album(id) => write!(f, "al-{id}"),
            Self::Artist(id) => write!(f, "ar-{id}"),
        }
    }
}

impl WireId {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once('-')?;
        let id = id.parse().ok()?;
        match kind {
            "tr" => Some(Self::Track(id)),
            "al" => Some(Self::Album(id)),
            "ar" => Some(Self::Artist(id)),
            _ => None,
        }
    }
}

/// The parameter `id` as a track, an album or an artist; what is none names nothing.
pub(super) fn track(params: &Params) -> Result<Id, Failure> {
    match WireId::parse(params.required("id")?) {
        Some(WireId::Track(id)) => Ok(id),
        _ => Err(Failure::not_found("song")),
    }
}

pub(super) fn album(params: &Params) -> Result<Id, Failure> {
    match WireId::parse(params.required("id")?) {
        Some(WireId::Album(id)) => Ok(id),
        _ => Err(Failure::not_found("album")),
    }
}

pub(super) fn artist(params: &Params) -> Result<Id, Failure> {
    match WireId::parse(params.required("id")?) {
        Some(WireId::Artist(id)) => Ok(id),
        _ => Err(Failure::not_found("artist")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_say_what_they_are_of() {
        for id in [WireId::Track(Id(-1)), WireId::Album(Id(7)), WireId::Artist(Id(i64::MIN))] {
            assert_eq!(WireId::parse(&id.to_string()), Some(id));
        }
        for wrong in ["", "tr-", "tr-1", "ffffffffffffffff", "xx-ffffffffffffffff", "tr-fffffffffffffff\u{e9}"] {
            assert_eq!(WireId::parse(wrong), None, "{wrong}");
        }
    }
}
