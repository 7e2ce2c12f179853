//! Tracks, albums and artists as OpenSubsonic's `Child`, `AlbumID3` and `ArtistID3`.

use fonoteca_catalog::{Credit, File};
use fonoteca_model::Timestamp;

use super::ids::WireId;
use super::node::Node;
use crate::library::{AlbumItem, ArtistItem, Song};
use crate::playing::sent_as;

/// A `Child`.
pub(super) fn song(song: &Song) -> Node {
    let (track, file) = (&song.track, &song.file);
    let id = WireId::Track(track.id).to_string();
    let (mime, suffix) = sent_as(song);
    let mut node = Node::new()
        .with("id", id.as_str())
        .with_some("parent", track.album_id.map(|id| WireId::Album(id).to_string()))
        .with("isDir", false)
        .with("title", track.title.as_str())
        .with_some("album", song.album.as_ref().map(|album| album.title.as_str()))
        .with("artist", track.artist_credit.as_str())
        .with_some("track", track.number.map(i64::from))
        .with_some("year", year(track.date.as_deref()).or_else(|| year(song.album.as_ref()?.date.as_deref())))
        .with_some("genre", song.genres.first().map(String::as_str))
        .with_some("coverArt", song.cover_root().map(|_| id.as_str()))
        .with("size", song.bytes())
        .with("contentType", mime)
        .with("suffix", suffix)
        .with("duration", seconds(song.duration_ms()))
        .with_some("bitRate", file.bit_rate.map(|bits| i64::from(bits) / 1000))
        .with_some("bitDepth", file.bit_depth.map(i64::from))
        .with("samplingRate", i64::from(file.sample_rate))
        .with("channelCount", i64::from(file.channels))
        .with("path", path(song))
        .with("isVideo", false)
        .with_some("discNumber", track.disc.map(i64::from))
        .with("created", time(file.at))
        .with_some("albumId", track.album_id.map(|id| WireId::Album(id).to_string()))
        .with_some("artistId", main_artist(&track.artists).map(|id| id.to_string()))
        .with("type", "music")
        .with("mediaType", "song")
        .with_some("musicBrainzId", track.mbid.as_deref())
        .with("displayArtist", track.artist_credit.as_str())
        .with_some("displayAlbumArtist", song.album.as_ref().map(|album| album.artist_credit.as_str()))
        .with_some("explicitStatus", track.explicit.map(|explicit| if explicit { "explicit" } else { "clean" }))
        .scalars("isrc", track.isrc.as_deref())
        .many("genres", genres(&song.genres))
        .many("artists", main_artists(&track.artists))
        .many("contributors", contributors(&track.artists));
    if let Some(album) = &song.album {
        node = node.many("albumArtists", main_artists(&album.artists));
    }
    if let Some(gain) = replay_gain(file) {
        node = node.one("replayGain", gain);
    }
    node
}

/// An `AlbumID3`.
pub(super) fn album(item: &AlbumItem) -> Node {
    let album = &item.album;
    let id = WireId::Album(album.id).to_string();
    let mut node = Node::new()
        .with("id", id.as_str())
        .with("name", album.title.as_str())
        .with("artist", album.artist_credit.as_str())
        .with_some("artistId", main_artist(&album.artists).map(|id| id.to_string()))
        .with_some("coverArt", item.has_cover.then_some(id.as_str()))
        .with("songCount", item.song_count)
        .with("duration", seconds(item.duration_ms))
        .with("created", time(item.added))
        .with_some("year", year(album.date.as_deref()))
        .with_some("musicBrainzId", album.mbid.as_deref())
        .with("displayArtist", album.artist_credit.as_str())
        .with("isCompilation", album.kind.as_deref() == Some("compilation"))
        .many("artists", main_artists(&album.artists))
        .many("recordLabels", album.label.as_deref().map(|name| Node::new().with("name", name)))
        .scalars("releaseTypes", album.kind.as_deref());
    if let Some(date) = album.date.as_deref().and_then(item_date) {
        node = node.one("releaseDate", date);
    }
    node
}

/// An `ArtistID3`.
pub(super) fn artist(item: &ArtistItem) -> Node {
    let artist = &item.artist;
    Node::new()
        .with("id", WireId::Artist(artist.id).to_string())
        .with("name", artist.name.as_str())
        .with_some("albumCount", item.album_count)
        .with_some("musicBrainzId", artist.mbid.as_deref())
        .with_some("sortName", artist.sort_name.as_deref())
        .with_some("disambiguation", artist.disambiguation.as_deref())
}

/// Whole seconds, as players count.
fn seconds(ms: i64) -> i64 {
    (ms + 500).div_euclid(1000)
}

fn time(at: Timestamp) -> String {
    at.to_string()
}

fn year(date: Option<&str>) -> Option<i64> {
    date?.get(..4)?.parse().ok()
}

/// The parts of `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
fn item_date(date: &str) -> Option<Node> {
    let parts: Vec<i64> = date.split('-').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    Some(
        Node::new()
            .with_some("year", parts.first().copied())
            .with_some("month", parts.get(1).copied())
            .with_some("day", parts.get(2).copied()),
    )
}

fn main_artist(credits: &[Credit]) -> Option<WireId> {
    let main = credits.iter().find(|credit| credit.role == "main").or(credits.first());
    main.map(|credit| WireId::Artist(credit.artist_id))
}

fn main_artists(credits: &[Credit]) -> impl Iterator<Item = Node> {
    credits.iter().filter(|credit| matches!(credit.role.as_str(), "main" | "featured")).map(reference)
}

fn contributors(credits: &[Credit]) -> impl Iterator<Item = Node> {
    let others = credits.iter().filter(|credit| !matches!(credit.role.as_str(), "main" | "featured"));
    others.map(|credit| Node::new().with("role", credit.role.as_str()).one("artist", reference(credit)))
}

fn reference(credit: &Credit) -> Node {
    Node::new().with("id", WireId::Artist(credit.artist_id).to_string()).with("name", credit.name.as_str())
}

fn genres(genres: &[String]) -> impl Iterator<Item = Node> {
    genres.iter().map(|name| Node::new().with("name", name.as_str()))
}

/// ReplayGain 2.0: what the file says, or what follows from its measured loudness.
fn replay_gain(file: &File) -> Option<Node> {
    const REFERENCE_LUFS: f64 = -18.0;
    let measured = file.loudness_lufs.map(|loudness| REFERENCE_LUFS - loudness);
    let gain = file.replaygain_track_gain_db.or(measured).filter(|gain| gain.is_finite())?;
    let measured = file.true_peak_dbtp.map(|peak| 10_f64.powf(peak / 20.0));
    let peak = file.replaygain_track_peak.or(measured).filter(|peak| peak.is_finite());
    let rounded = |value: f64, digits: f64| (value * digits).round() / digits;
    let node = Node::new().with("trackGain", rounded(gain, 100.0));
    Some(node.with_some("trackPeak", peak.map(|peak| rounded(peak, 1_000_000.0))))
}

/// A path as apps show it and name their downloads by; nothing on disk is called so.
fn path(song: &Song) -> String {
    let clean = |text: &str| -> String {
        text.chars().map(|c| if c == '/' || c.is_control() { '_' } else { c }).take(100).collect()
    };
    let artist = song.album.as_ref().map_or(song.track.artist_credit.as_str(), |album| album.artist_credit.as_str());
    let album = song.album.as_ref().map_or("", |album| album.title.as_str());
    let number = song.track.number.map_or_else(String::new, |number| format!("{number:02} "));
    let (_, suffix) = sent_as(song);
    format!("{}/{}/{number}{}.{suffix}", clean(artist), clean(album), clean(&song.track.title))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dates_of_any_precision() {
        let node = |date| item_date(date).map(|node| node.json());
        assert_eq!(node("1999"), Some(json!({"year": 1999})));
        assert_eq!(node("1999-07"), Some(json!({"year": 1999, "month": 7})));
        assert_eq!(node("1999-07-31"), Some(json!({"year": 1999, "month": 7, "day": 31})));
        assert_eq!(node("long ago"), None);
        assert_eq!((year(Some("1999-07")), year(Some("199")), year(None)), (Some(1999), None, None));
    }

    #[test]
    fn seconds_are_rounded() {
        assert_eq!((seconds(499), seconds(500), seconds(61_499)), (0, 1, 61));
    }
}
