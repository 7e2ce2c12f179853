//! What a file says about itself: every key and value as found, then the fields that they mean.
//!
//! Vorbis comments and MP4's item list are read here, since they are short formats and their values must be bounded before
//! they are in memory. ID3, APE and RIFF tags, whose many versions and encodings are a craft of their own, are read by
//! lofty.

mod fields;
mod id3;
pub(crate) mod ilst;
pub(crate) mod vorbis;

use crate::cover::image_mime;
use crate::{Limits, Picture, PictureKind, Tags};

pub use fields::{NamedWorks, named_works};
pub(crate) use id3::read as read_with_lofty;

/// Gathers keys, values and the cover within the limits, and notes what did not fit.
pub(crate) struct Collector {
    limits: Limits,
    raw: Vec<(String, String)>,
    bytes: usize,
    tags_seen: usize,
    cut: usize,
    repaired: usize,
    dropped: usize,
    cover: Option<Picture>,
    notes: Vec<String>,
}

impl Collector {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            raw: Vec::new(),
            bytes: 0,
            tags_seen: 0,
            cut: 0,
            repaired: 0,
            dropped: 0,
            cover: None,
            notes: Vec::new(),
        }
    }

    /// One more key and value.
    pub(crate) fn text(&mut self, key: &str, value: &str) {
        self.tags_seen += 1;
        let key = cut(key, 256);
        let value = value.trim_end_matches('\0').trim();
        let kept = cut(value, self.limits.tag_bytes);
        if value.is_empty() {
            return;
        }
        if self.raw.len() >= self.limits.tags || self.bytes + key.len() + kept.len() > self.limits.tags_bytes {
            self.dropped += 1;
            return;
        }
        self.cut += usize::from(kept.len() < value.len());
        self.repaired += usize::from(kept.contains('\u{fffd}'));
        self.bytes += key.len() + kept.len();
        self.raw.push((key.to_owned(), kept.to_owned()));
    }

    /// Whether one more key and value has a place.
    pub(crate) fn is_full(&self) -> bool {
        self.raw.len() >= self.limits.tags
    }

    /// Tags that exist but were not read, because there is no place for them.
    pub(crate) fn passed_over(&mut self, count: usize) {
        self.tags_seen += count;
        self.dropped += count;
    }

    /// Whether a picture of so many bytes is wanted; notes it if it is too large.
    pub(crate) fn wants_picture(&mut self, bytes: u64) -> bool {
        let fits = bytes <= self.limits.picture_bytes as u64;
        if !fits {
            self.note(format!(
                "cover of {} ignored: limit {}",
                megabytes(bytes),
                megabytes(self.limits.picture_bytes as u64)
            ));
        }
        fits
    }

    /// One more picture. The first front cover stays, otherwise the first picture.
    pub(crate) fn picture(&mut self, kind: PictureKind, data: Vec<u8>) {
        if data.is_empty() || !self.wants_picture(data.len() as u64) {
            return;
        }
        let Some(mime) = image_mime(&data) else {
            self.note(format!("embedded picture of {} bytes ignored: not JPEG, PNG, WebP or GIF", data.len()));
            return;
        };
        let better =
            self.cover.as_ref().is_none_or(|cover| cover.kind != PictureKind::Front && kind == PictureKind::Front);
        if better {
            self.cover = Some(Picture { mime: mime.into(), data, kind });
        }
    }

    /// Something worth knowing. Repeated or endless notes are not kept.
    pub(crate) fn note(&mut self, note: String) {
        if self.notes.len() < 32 && !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The fields, the cover and the notes.
    pub(crate) fn finish(mut self) -> (Tags, Option<Picture>, Vec<String>) {
        if self.dropped > 0 {
            self.notes.push(format!("{} tags, {} kept: limits reached", self.tags_seen, self.raw.len()));
        }
        if self.cut > 0 {
            self.notes.push(format!("{} long tags cut at {} bytes", self.cut, self.limits.tag_bytes));
        }
        if self.repaired > 0 {
            self.notes.push(format!("{} tags repaired: their text is not valid Unicode", self.repaired));
        }
        (fields::from_raw(self.raw), self.cover, self.notes)
    }
}

/// A number of bytes in the unit that people use for pictures.
fn megabytes(bytes: u64) -> String {
    if bytes >= 1 << 20 { format!("{} MiB", bytes >> 20) } else { format!("{bytes} bytes") }
}

/// The longest beginning of a text of at most so many bytes.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// A picture's kind by the number that ID3v2's APIC and FLAC's PICTURE share.
pub(crate) const fn picture_kind(number: u32) -> PictureKind {
    match number {
        3 => PictureKind::Front,
        4 => PictureKind::Back,
        _ => PictureKind::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_and_are_noted() {
        let limits = Limits { tags: 2, tag_bytes: 5, picture_bytes: 10, ..Limits::default() };
        let mut tags = Collector::new(&limits);
        tags.text("TITLE", "Ünïcödé");
        tags.text("ARTIST", " a \0");
        tags.text("EMPTY", " ");
        tags.text("MORE", "b");
        tags.picture(PictureKind::Front, vec![0xff; 11]);
        let (tags, cover, notes) = tags.finish();
        assert_eq!(tags.raw, [("TITLE".into(), "Ünï".into()), ("ARTIST".into(), "a".into())]);
        assert_eq!(cover, None);
        assert_eq!(
            notes,
            [
                "cover of 11 bytes ignored: limit 10 bytes",
                "4 tags, 2 kept: limits reached",
                "1 long tags cut at 5 bytes"
            ]
        );
    }
}
