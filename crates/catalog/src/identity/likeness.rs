//! How alike two single tracks are, for whoever matches one by one: the rules of [`super::find`], and what is in doubt.

use std::collections::HashMap;

use fonoteca_model::Id;

use super::compare::{artists, by_isrc, by_mbid, by_names, by_place, plain, told_apart};
use super::ends;
use super::features::{Features, Row};
use crate::error::CatalogError;
use crate::schema::{Link, LinkEntity, Track};
use crate::snapshot::Snapshot;

/// Below, two tracks by names alone are not even in doubt.
const DOUBTFUL: f32 = 0.6;
/// Names alone that the rules do not join are no surer than this.
const DOUBTFUL_NAMES: f32 = 0.85;

/// What speaks for two tracks being one recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Likeness {
    /// One of [`super::REASONS`].
    pub reason: &'static str,
    /// How sure, 0 to 1.
    pub score: f64,
    /// The rules join them; otherwise a person has to say.
    pub sure: bool,
}

impl From<&Track> for Features {
    fn from(track: &Track) -> Self {
        let row = Row {
            id: track.id.0,
            source: track.source.clone(),
            title: track.title.clone(),
            artist_credit: track.artist_credit.clone(),
            artists: track.artists.clone(),
            album_id: track.album_id.map(|id| id.0),
            disc: track.disc,
            number: track.number,
            duration_ms: track.duration_ms,
            isrc: track.isrc.clone(),
            mbid: track.mbid.clone(),
        };
        Self::read(row, true, &HashMap::new())
    }
}

/// What speaks for two tracks being one recording; `same_place`: they are at one place of albums with one barcode. None
/// where too little does, or MusicBrainz says that they are two.
pub fn likeness(a: &Track, b: &Track, same_place: bool) -> Option<Likeness> {
    let (a, b) = (Features::from(a), Features::from(b));
    if told_apart(&a, &b) || a.album.is_some() && a.album == b.album {
        return None;
    }
    let same = |one: u64, other: u64| one != 0 && one == other;
    let found = |reason: &'static str, score: f32, sure: bool| {
        Some(Likeness { reason, score: f64::from((score * 1000.0).round() / 1000.0), sure })
    };
    let plain = plain(&a, &b);
    // With a code in common somebody once said that they are one, however wrongly.
    let coded = 0.5 + 0.4 * plain;
    if same(a.mbid, b.mbid) {
        return by_mbid(&a, &b).map_or_else(|| found("mbid", coded, false), |score| found("mbid", score, true));
    }
    if same(a.isrc, b.isrc) {
        return by_isrc(&a, &b).map_or_else(|| found("isrc", coded, false), |score| found("isrc", score, true));
    }
    if same_place {
        let sure = by_place(&a, &b);
        return sure.map_or_else(|| found("upc-position", coded, false), |score| found("upc-position", score, true));
    }
    if let Some(score) = by_names(&a, &b) {
        return found("artist-title-duration", score, true);
    }
    let doubtful = plain >= DOUBTFUL && a.title.kinds == b.title.kinds && artists(&a, &b) > 0.0;
    doubtful.then(|| found("artist-title-duration", plain.min(DOUBTFUL_NAMES), false)).flatten()
}

/// Pairs of recordings of which somebody said that they are not one, by the links that lead from `ids`.
pub async fn taken_apart(snapshot: &Snapshot, ids: &[Id]) -> Result<Vec<(Id, Id)>, CatalogError> {
    let mut links: Vec<Link> = snapshot.rows_by("from_id", ids).await?;
    links.retain(|link| link.entity == LinkEntity::Recording);
    Ok(ends::taken_apart(&links))
}
