//! From keys as found to the fields that they mean. One table serves all formats, since their keys do not collide.

use std::collections::HashSet;

use fonoteca_model::{Iswc, Mbid};

use crate::lyrics::parse_lrc;
use crate::{Credit, Tags, chapters};

/// What the keys of ID3v1 begin with. They are cut at 30 bytes, so they count only where nothing better is there.
pub(super) const OLD_ID3: &str = "ID3v1:";

/// Understands raw keys and values, those that were `mended` by their place in `raw`; the raw ones stay as they were.
pub(super) fn from_raw(raw: Vec<(String, String)>, mended: &[(usize, String)]) -> Tags {
    let (mut tags, mut names) = (Tags::default(), Named::default());
    let (mut old, mut old_names) = (Tags::default(), Named::default());
    for (at, (key, value)) in raw.iter().enumerate() {
        let value = mended.binary_search_by_key(&at, |(place, _)| *place).map_or(value, |found| &mended[found].1);
        match key.strip_prefix(OLD_ID3) {
            Some(key) => take(&mut old, &mut old_names, key, value),
            None => take(&mut tags, &mut names, key, value),
        }
    }
    names.settle(&mut tags);
    old_names.settle(&mut old);
    tags.fill_from(old);
    let in_lrc = names.synced.as_ref().or(tags.lyrics.as_ref()).and_then(|text| parse_lrc(text.as_bytes()));
    tags.timed_lyrics = in_lrc.map(|lrc| lrc.lines).unwrap_or_default();
    tags.chapters = chapters::from_comments(&raw);
    tags.raw = raw;
    tags
}

impl Tags {
    /// Takes what is missing from an older tag of the same file.
    fn fill_from(&mut self, old: Self) {
        self.title = self.title.take().or(old.title);
        if self.artist.is_none() {
            (self.artist, self.artists) = (old.artist, [old.artists, std::mem::take(&mut self.artists)].concat());
        }
        self.album = self.album.take().or(old.album);
        self.date = self.date.take().or(old.date);
        self.comment = self.comment.take().or(old.comment);
        self.track_number = self.track_number.or(old.track_number);
        if self.genres.is_empty() {
            self.genres = old.genres;
        }
    }
}

/// What several keys say, to be weighed at the end.
#[derive(Default)]
struct Named {
    /// Values of the artist key: texts to show.
    shown: Vec<String>,
    /// Values of Picard's ARTISTS: one name each.
    single: Vec<String>,
    credits: Vec<Credit>,
    date: Option<String>,
    released: Option<String>,
    original: Option<String>,
    licence: Option<String>,
    /// Lyrics that are said to have times.
    synced: Option<String>,
    /// Notices that may name a licence.
    notices: Vec<String>,
}

impl Named {
    fn settle(&mut self, tags: &mut Tags) {
        let names = if self.single.is_empty() { &self.shown } else { &self.single };
        tags.artist = Some(if self.shown.is_empty() { names.join("; ") } else { self.shown.join("; ") })
            .filter(|artist| !artist.is_empty());
        tags.artists = names.iter().map(|name| Credit { name: name.clone(), role: "main".into() }).collect();
        tags.artists.append(&mut self.credits);
        let mut seen = HashSet::new();
        tags.artists.retain(|credit| seen.insert(credit.clone()));
        let mut seen = HashSet::new();
        tags.genres.retain(|genre| seen.insert(genre.clone()));
        tags.date = self.date.take().or(self.released.take()).or(self.original.take());
        tags.licence =
            self.licence.take().or_else(|| self.notices.iter().find(|notice| names_a_licence(notice)).cloned());
    }
}

/// Whether a notice says under which terms, not only who holds the rights.
fn names_a_licence(notice: &str) -> bool {
    let notice = notice.to_lowercase();
    [
        "http://",
        "https://",
        "creative commons",
        "creativecommons",
        "cc-by",
        "cc by",
        "cc0",
        "public domain",
        "licen",
        "gpl",
    ]
    .iter()
    .any(|sign| notice.contains(sign))
}

/// A key without what people and programs vary: case, blanks, dashes, underscores, and the wrapping of free-form keys.
fn plain(key: &str) -> String {
    let key = key.strip_prefix("TXXX:").or_else(|| key.strip_prefix("WXXX:")).unwrap_or(key);
    let key = key.strip_prefix("----:").map_or(key, |rest| rest.split_once(':').map_or(rest, |(_, name)| name));
    key.chars().filter(|c| !matches!(c, ' ' | '_' | '-' | '/')).flat_map(char::to_uppercase).collect()
}

fn take(tags: &mut Tags, names: &mut Named, key: &str, value: &str) {
    let first = |field: &mut Option<String>| {
        field.get_or_insert_with(|| value.to_owned());
    };
    let mut credit = |role: &str| names.credits.push(Credit { name: value.to_owned(), role: role.into() });
    match plain(key).as_str() {
        "TITLE" | "TIT2" | "©NAM" | "INAM" | "NAME" => first(&mut tags.title),
        "ARTIST" | "TPE1" | "©ART" | "IART" | "AUTH" => names.shown.push(value.to_owned()),
        "ARTISTS" => names.single.push(value.to_owned()),
        "ALBUM" | "TALB" | "©ALB" | "IPRD" => first(&mut tags.album),
        "ALBUMARTIST" | "TPE2" | "AART" | "ENSEMBLE" => first(&mut tags.album_artist),
        "COMPOSER" | "TCOM" | "©WRT" | "IMUS" => credit("composer"),
        "PERFORMER" => credit("performer"),
        "REMIXER" | "TPE4" | "MIXARTIST" | "TIPL:REMIXER" => credit("remixer"),
        "CONDUCTOR" | "TPE3" | "©CON" => credit("conductor"),
        "LYRICIST" | "TEXT" => credit("lyricist"),
        "ARRANGER" | "TIPL:ARRANGER" | "©ARG" => credit("arranger"),
        "PRODUCER" | "TIPL:PRODUCER" | "©PRD" | "IPRO" => credit("producer"),
        "WRITER" | "IWRI" => credit("writer"),
        "ENGINEER" | "TIPL:ENGINEER" | "IENG" => credit("engineer"),
        "MIXER" | "TIPL:MIX" | "TIPL:MIXER" => credit("mixer"),
        "DJMIXER" | "TIPL:DJMIX" => credit("dj-mixer"),
        "TRACKNUMBER" | "TRACK" | "TRCK" | "TRKN" | "ITRK" | "IPRT" => {
            pair(value, &mut tags.track_number, &mut tags.track_total);
        }
        "TRACKTOTAL" | "TOTALTRACKS" => tags.track_total = number(value).or(tags.track_total),
        "DISCNUMBER" | "DISC" | "TPOS" | "DISK" => pair(value, &mut tags.disc_number, &mut tags.disc_total),
        "DISCTOTAL" | "TOTALDISCS" => tags.disc_total = number(value).or(tags.disc_total),
        "DATE" | "TDRC" | "©DAY" | "YEAR" | "TYER" | "ICRD" => first(&mut names.date),
        "TDRL" | "RELEASEDATE" => first(&mut names.released),
        "ORIGINALDATE" | "TDOR" | "ORIGINALYEAR" | "BEXT:ORIGINATIONDATE" => first(&mut names.original),
        "ISRC" | "TSRC" => first(&mut tags.isrc),
        "BARCODE" | "UPC" | "EAN" | "UPCEAN" | "EANUPN" => first(&mut tags.barcode),
        "LABEL" | "ORGANIZATION" | "PUBLISHER" | "TPUB" | "©PUB" => first(&mut tags.label),
        "CATALOGNUMBER" | "CATALOGUENUMBER" | "LABELNO" | "CATALOG" => first(&mut tags.catalogue_number),
        "LANGUAGE" | "TLAN" | "ILNG" => first(&mut tags.language),
        "COPYRIGHT" | "TCOP" | "CPRT" | "©CPY" | "ICOP" | "(C)" => {
            first(&mut tags.copyright);
            names.notices.push(value.to_owned());
        }
        "LICENSE" | "LICENCE" | "WCOP" | "LICENSEURL" | "LICENCEURL" => first(&mut names.licence),
        "GENRE" | "TCON" | "©GEN" | "GNRE" | "IGNR" => tags.genres.push(value.to_owned()),
        "COMMENT" | "COMMENTS" | "DESCRIPTION" | "COMM" | "BEXT:DESCRIPTION" | "IXML:NOTE" | "©CMT" | "ICMT"
        | "ANNO" => {
            first(&mut tags.comment);
            names.notices.extend((value.contains("creativecommons.org/")).then(|| value.to_owned()));
        }
        "LYRICS" | "UNSYNCEDLYRICS" | "USLT" | "©LYR" => first(&mut tags.lyrics),
        "SYNCEDLYRICS" => first(&mut names.synced),
        "COMPILATION" | "TCMP" | "CPIL" => tags.compilation |= matches!(value, "1" | "true" | "yes"),
        // iTunes: 1 (once 4) is explicit, 2 is cleaned, 0 is neither.
        "RTNG" | "ITUNESADVISORY" => {
            tags.explicit = tags.explicit.or(match value {
                "1" | "4" => Some(true),
                "2" => Some(false),
                _ => None,
            });
        }
        "EXPLICIT" => tags.explicit = tags.explicit.or(Some(matches!(value, "1" | "true" | "yes"))),
        // Vorbis and MP4 call the recording a track; the track proper came later and is the release track.
        "MUSICBRAINZTRACKID" | "MUSICBRAINZRECORDINGID" | "UFID:HTTP:MUSICBRAINZ.ORG" => {
            first(&mut tags.mbid_recording);
        }
        "MUSICBRAINZALBUMID" | "MUSICBRAINZRELEASEID" => first(&mut tags.mbid_release),
        "MUSICBRAINZARTISTID" => {
            tags.mbid_artist.extend(ids(value));
        }
        "MUSICBRAINZALBUMARTISTID" => tags.mbid_album_artist.extend(ids(value)),
        "MUSICBRAINZRELEASEGROUPID" => first(&mut tags.mbid_release_group),
        "MUSICBRAINZRELEASETRACKID" => first(&mut tags.mbid_track),
        "ACOUSTIDID" => first(&mut tags.acoustid),
        "REPLAYGAINTRACKGAIN" => tags.replaygain_track_gain_db = tags.replaygain_track_gain_db.or(decimal(value)),
        "REPLAYGAINTRACKPEAK" => tags.replaygain_track_peak = tags.replaygain_track_peak.or(decimal(value)),
        "REPLAYGAINALBUMGAIN" => tags.replaygain_album_gain_db = tags.replaygain_album_gain_db.or(decimal(value)),
        "REPLAYGAINALBUMPEAK" => tags.replaygain_album_peak = tags.replaygain_album_peak.or(decimal(value)),
        "R128TRACKGAIN" => tags.r128_track_gain = tags.r128_track_gain.or(value.trim().parse().ok()),
        "R128ALBUMGAIN" => tags.r128_album_gain = tags.r128_album_gain.or(value.trim().parse().ok()),
        key if key.starts_with("TMCL:") => credit("performer"),
        key if key.starts_with("COMM:") && !key.starts_with("COMM:ITUN") => first(&mut tags.comment),
        key if key.starts_with("USLT:") => first(&mut tags.lyrics),
        _ => {}
    }
}

/// The ids in a value: ID3v2.3 knows no lists, so writers join them.
fn ids(value: &str) -> impl Iterator<Item = String> {
    value.split(['/', ';', ',']).map(str::trim).filter(|id| !id.is_empty()).map(str::to_owned)
}

/// The musical works that tags name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedWorks {
    /// By ISWC.
    pub iswcs: Vec<Iswc>,
    /// By MusicBrainz work id.
    pub mbids: Vec<Mbid>,
}

/// The works that tags name, from [`Tags::raw`](crate::Tags::raw). What is not well-formed names nothing.
pub fn named_works(raw: &[(String, String)]) -> NamedWorks {
    let mut works = NamedWorks::default();
    for (key, value) in raw {
        // A medley has several, which writers of ID3v2.3 join.
        let values = value.split(['/', ';', ',']);
        match plain(key).as_str() {
            "ISWC" => works.iswcs.extend(values.filter_map(|value| value.parse().ok())),
            "MUSICBRAINZWORKID" => works.mbids.extend(values.filter_map(|value| value.parse().ok())),
            _ => {}
        }
    }
    works
}

/// A number from the beginning of a text; zero says nothing.
fn number(text: &str) -> Option<i32> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).map_or(text, |end| &text[..end]);
    digits.parse().ok().filter(|number| *number > 0)
}

/// `3/12`, or only `3`.
fn pair(text: &str, of: &mut Option<i32>, total: &mut Option<i32>) {
    let (left, right) = text.split_once('/').unwrap_or((text, ""));
    *of = of.or(number(left));
    *total = total.or(number(right));
}

/// A decimal number before an optional unit.
fn decimal(text: &str) -> Option<f64> {
    let text = text.trim();
    let text = text.strip_suffix("dB").or_else(|| text.strip_suffix("db")).unwrap_or(text);
    text.trim().replace(',', ".").parse().ok().filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(raw: &[(&str, &str)]) -> Tags {
        from_raw(raw.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(), &[])
    }

    #[test]
    fn the_same_fields_from_every_format() {
        let vorbis = tags(&[("MUSICBRAINZ_TRACKID", "r"), ("TRACKNUMBER", "03/12"), ("ISRC", "i")]);
        let id3 = tags(&[("UFID:http://musicbrainz.org", "r"), ("TRCK", "3/12"), ("TSRC", "i")]);
        let ffmpeg = tags(&[("TXXX:MUSICBRAINZ_TRACKID", "r"), ("TXXX:track", "3/12"), ("TXXX:ISRC", "i")]);
        let mp4 = tags(&[
            ("----:com.apple.iTunes:MusicBrainz Track Id", "r"),
            ("trkn", "3/12"),
            ("----:com.apple.iTunes:ISRC", "i"),
        ]);
        for found in [vorbis, id3, ffmpeg, mp4] {
            assert_eq!(found.mbid_recording.as_deref(), Some("r"), "{found:?}");
            assert_eq!((found.track_number, found.track_total), (Some(3), Some(12)), "{found:?}");
            assert_eq!(found.isrc.as_deref(), Some("i"), "{found:?}");
        }
    }

    #[test]
    fn works_by_every_spelling() {
        let id = "b10bbbfc-cf9e-42e0-be17-e2c3e1d2600d";
        for (key, value) in [
            ("ISWC", "T-034.524.680-1"),
            ("TXXX:ISWC", "T0345246801/T-034.524.680-2"),
            ("----:com.apple.iTunes:ISWC", "t0345246801"),
        ] {
            let found = named_works(&[(key.to_owned(), value.to_owned())]);
            assert_eq!(found.iswcs.iter().map(Iswc::as_str).collect::<Vec<_>>(), ["T0345246801"], "{key}");
        }
        for key in ["MUSICBRAINZ_WORKID", "TXXX:MusicBrainz Work Id", "----:com.apple.iTunes:MusicBrainz Work Id"] {
            let found = named_works(&[(key.to_owned(), format!("{id}; {}", id.to_uppercase()))]);
            assert_eq!(found.mbids.iter().map(Mbid::as_str).collect::<Vec<_>>(), [id, id], "{key}");
        }
        assert_eq!(named_works(&[("WORK".to_owned(), id.to_owned())]), NamedWorks::default());
    }

    #[test]
    fn several_artists_and_roles() {
        let found = tags(&[("ARTIST", "A"), ("ARTIST", "B"), ("COMPOSER", "C"), ("COMPOSER", "C")]);
        assert_eq!(found.artist.as_deref(), Some("A; B"));
        let roles: Vec<_> = found.artists.iter().map(|credit| (credit.name.as_str(), credit.role.as_str())).collect();
        assert_eq!(roles, [("A", "main"), ("B", "main"), ("C", "composer")]);
        let found = tags(&[("ARTIST", "A feat. B"), ("ARTISTS", "A"), ("ARTISTS", "B")]);
        assert_eq!(found.artist.as_deref(), Some("A feat. B"));
        assert_eq!(found.artists.len(), 2);
    }

    #[test]
    fn a_licence_is_told_from_a_notice() {
        assert_eq!(tags(&[("COPYRIGHT", "© 2020 Somebody")]).licence, None);
        let link = "https://creativecommons.org/licenses/by/4.0/";
        assert_eq!(tags(&[("TCOP", &format!("2020 X, {link}"))]).licence, Some(format!("2020 X, {link}")));
        assert_eq!(tags(&[("COPYRIGHT", "GPL"), ("LICENSE", "CC0")]).licence.as_deref(), Some("CC0"));
        assert_eq!(tags(&[("WCOP", link)]).licence.as_deref(), Some(link));
    }

    #[test]
    fn numbers_that_are_none() {
        let found = tags(&[("TRACKNUMBER", "0"), ("DISCNUMBER", "99999999999"), ("REPLAYGAIN_TRACK_GAIN", "NaN dB")]);
        assert_eq!((found.track_number, found.disc_number, found.replaygain_track_gain_db), (None, None, None));
        assert_eq!(tags(&[("REPLAYGAIN_TRACK_GAIN", "-7,03 dB")]).replaygain_track_gain_db, Some(-7.03));
    }
}
