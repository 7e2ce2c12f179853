//! Releases with their media and tracks, and the groups that they belong to.

use fonoteca_model::fold::fold;
use fonoteca_model::{Id, Mbid};
use serde_json::{Map, Value};

use super::credits::Credits;
use super::fields::{Fields, id_in, row_id};
use super::{SOURCE, raw, supplements};
use crate::schema::{Album, Batch, Track};

/// What MusicBrainz writes where a release has no catalogue number.
const NO_NUMBER: &str = "[none]";

pub(super) fn rows(mbid: &Mbid, mut fields: Fields<'_>, with_supplements: bool, rows: &mut Batch) {
    let id = row_id(mbid);
    let Some(title) = fields.text("title") else { return fields.reject_whole("has no title") };
    supplements::take(&mut fields, "album", id, with_supplements, rows);
    let mut credits = Credits::take(&mut fields).unwrap_or_default();
    let kind = group_kind(&mut fields);
    let (label, catalogue_number) = label(&mut fields);
    let (language, script) = representation(&mut fields);
    if let Some(script) = script {
        fields.keep("script", script);
    }
    for (number, medium) in fields.objects("media").into_iter().enumerate() {
        let medium = fields.within(&format!("media[{number}]"), medium);
        let left = Medium { album: id, disc: number as i64 + 1, credits: &credits }.rows(medium, rows);
        if let Some(left) = left {
            let mut media = match fields.take("media") {
                Some(Value::Array(media)) => media,
                _ => Vec::new(),
            };
            media.push(left);
            fields.keep("media", media);
        }
    }
    credits.take_relations(&mut fields);
    rows.albums.push(Album {
        id,
        source: SOURCE.to_owned(),
        source_id: mbid.to_string(),
        fold: fold(&title),
        title,
        artist_credit: credits.text,
        artists: credits.artists,
        upc: fields.barcode("barcode"),
        mbid: Some(mbid.to_string()),
        label,
        catalogue_number,
        date: date(&mut fields),
        kind,
        language,
        cover_root: None,
        raw: raw::of(fields.rest()),
    });
}

/// A group of releases: their title, kind and first date; it has no tracks of its own.
pub(super) fn group_rows(mbid: &Mbid, mut fields: Fields<'_>, with_supplements: bool, rows: &mut Batch) {
    let id = row_id(mbid);
    let Some(title) = fields.text("title") else { return fields.reject_whole("has no title") };
    supplements::take(&mut fields, "album", id, with_supplements, rows);
    let mut credits = Credits::take(&mut fields).unwrap_or_default();
    credits.take_relations(&mut fields);
    let kind = kind(&mut fields);
    fields.keep("release-group", true);
    rows.albums.push(Album {
        id,
        source: SOURCE.to_owned(),
        source_id: mbid.to_string(),
        fold: fold(&title),
        title,
        artist_credit: credits.text,
        artists: credits.artists,
        upc: None,
        mbid: Some(mbid.to_string()),
        label: None,
        catalogue_number: None,
        date: fields.date("first-release-date"),
        kind,
        language: None,
        cover_root: None,
        raw: raw::of(fields.rest()),
    });
}

/// The date of the release, or the first of its events.
fn date(fields: &mut Fields<'_>) -> Option<String> {
    let own = fields.date("date");
    if own.is_some() {
        return own;
    }
    let events = fields.list("release-events");
    let first = events.iter().filter_map(|event| event.get("date")?.as_str()).filter(|date| !date.is_empty()).min();
    let first = first.and_then(fonoteca_model::PartialDate::lenient).map(|date| date.to_string());
    if !events.is_empty() {
        fields.keep("release-events", events);
    }
    first
}

/// What the release group of a release says about its kind. The group stays named, by its id.
fn group_kind(fields: &mut Fields<'_>) -> Option<String> {
    let group = fields.object("release-group")?;
    let mut group = fields.within("release-group", group);
    let kind = kind(&mut group);
    let mut left = group.rest();
    left.retain(|key, _| ["id", "first-release-date", "secondary-types"].contains(&key.as_str()));
    if !left.is_empty() {
        fields.keep("release-group", left);
    }
    kind
}

/// What tells most: a live album is `live`, an album without more is `album`. Further types stay.
fn kind(group: &mut Fields<'_>) -> Option<String> {
    let primary = group.text("primary-type");
    let secondary: Vec<Value> = group.list("secondary-types").into_iter().filter(Value::is_string).collect();
    let first = secondary.first().and_then(Value::as_str).map(str::to_owned);
    let kind = first.or_else(|| primary.clone()).map(|kind| kind.to_lowercase());
    group.take("primary-type-id");
    group.take("secondary-type-ids");
    if secondary.len() > 1 {
        group.keep("secondary-types", secondary);
    }
    if let Some(primary) = primary.filter(|primary| Some(primary.to_lowercase()) != kind) {
        group.keep("primary-type", primary);
    }
    kind
}

/// Label and catalogue number of the first label; all of them stay, with their ids.
fn label(fields: &mut Fields<'_>) -> (Option<String>, Option<String>) {
    let infos = fields.objects("label-info");
    let name = |info: &Map<String, Value>| Some(info.get("label")?.get("name")?.as_str()?.to_owned());
    let number = |info: &Map<String, Value>| {
        info.get("catalog-number")?
            .as_str()
            .filter(|number| !number.is_empty() && *number != NO_NUMBER)
            .map(str::to_owned)
    };
    let first = infos.iter().find(|info| name(info).is_some() || number(info).is_some());
    let found = (first.and_then(name), first.and_then(number));
    let has_ids = infos.iter().any(|info| info.get("label").is_some_and(|label| label["id"].is_string()));
    if infos.len() > 1 || has_ids {
        fields.keep("label-info", infos.into_iter().map(Value::Object).collect::<Vec<_>>());
    }
    found
}

fn representation(fields: &mut Fields<'_>) -> (Option<String>, Option<String>) {
    let Some(object) = fields.object("text-representation") else { return (None, None) };
    let mut representation = fields.within("text-representation", object);
    (representation.text("language"), representation.text("script"))
}

/// One disc of a release.
struct Medium<'a> {
    album: Id,
    disc: i64,
    /// The release's, for tracks without a credit of their own.
    credits: &'a Credits,
}

impl Medium<'_> {
    /// Adds the rows of its tracks, and returns what else it says.
    fn rows(mut self, mut medium: Fields<'_>, rows: &mut Batch) -> Option<Value> {
        self.disc = medium.number("position").filter(|disc| *disc > 0).unwrap_or(self.disc);
        if let Some(pregap) = medium.object("pregap") {
            self.track(medium.within("pregap", pregap), 0, false, rows);
        }
        let mut last = 0;
        // Search answers say `track`, everything else `tracks`.
        for (list, is_data) in [("tracks", false), ("track", false), ("data-tracks", true)] {
            for (number, track) in medium.objects(list).into_iter().enumerate() {
                last += 1;
                self.track(medium.within(&format!("{list}[{number}]"), track), last, is_data, rows);
            }
        }
        medium.take("track-offset");
        medium.take("track-count");
        let discs: Vec<Value> = medium.list("discs").iter().filter_map(|disc| disc.get("id").cloned()).collect();
        if !discs.is_empty() {
            medium.keep("discs", discs);
        }
        let left = medium.rest();
        let says_something = left.values().any(|value| !matches!(value, Value::Null) && value.as_str() != Some(""));
        says_something.then_some(Value::Object(left))
    }

    /// Adds a track's row. `place` is where it stands on the disc; 0 is what is hidden before the first.
    fn track(&self, mut track: Fields<'_>, place: i64, is_data: bool, rows: &mut Batch) {
        let Some(mbid) = track.own_id() else { return };
        let object = track.object("recording").unwrap_or_default();
        let recording_id = id_in(&object);
        let own_length = track.duration("length");
        let own_credits = Credits::take(&mut track);
        let own_title = track.text("title");
        let position = track.number("position").filter(|position| *position >= 0).unwrap_or(place);
        // `A1`, `2.3`: what is printed, where that is not the place.
        if let Some(printed) = track.text("number").filter(|printed| *printed != position.to_string()) {
            track.keep("number", printed);
        }
        if is_data {
            track.keep("data-track", true);
        }
        let mut recording = track.within("recording", object);
        recording.take("id");
        let title = recording.text("title");
        let length = recording.duration("length");
        let credits = Credits::take(&mut recording);
        let mut credits = own_credits.or(credits).unwrap_or_else(|| {
            let main = |credit: &&crate::schema::Credit| credit.role == "main" || credit.role == "featured";
            let artists = self.credits.artists.iter().filter(main).cloned().collect();
            Credits { text: self.credits.text.clone(), artists }
        });
        credits.take_relations(&mut recording);
        let isrc = recording.isrcs("isrcs");
        let date = recording.date("first-release-date");
        // What else there is to say about it is said by the recording's own record.
        let left: Map<String, Value> = recording
            .rest()
            .into_iter()
            .filter(|(key, _)| ["isrcs", "video", "disambiguation"].contains(&key.as_str()))
            .collect();
        let Some(title) = own_title.or(title) else { return track.reject("title", "the track has none") };
        let mut rest = track.rest();
        rest.extend(left);
        rows.tracks.push(Track {
            id: row_id(&mbid),
            source: SOURCE.to_owned(),
            source_id: mbid.to_string(),
            title,
            artist_credit: credits.text,
            artists: credits.artists,
            album_id: Some(self.album),
            disc: i32::try_from(self.disc).ok(),
            number: i32::try_from(position).ok(),
            duration_ms: own_length.or(length),
            isrc,
            mbid: recording_id.map(|id| id.to_string()),
            date,
            label: None,
            language: None,
            explicit: None,
            raw: raw::of(rest),
        });
    }
}
