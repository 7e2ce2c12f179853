//! What a file says about itself: every key and value as found, then the fields that they mean.
//!
//! Vorbis comments and MP4's item list are read here, since they are short formats and their values must be bounded before
//! they are in memory. ID3, APE and RIFF tags, whose many versions and encodings are a craft of their own, are read by
//! lofty.

pub(crate) mod bwf;
mod fields;
mod id3;
pub(crate) mod ilst;
pub(crate) mod vorbis;
mod weigh;

use crate::cover::image_mime;
use crate::cue::Sheet;
use crate::{Chapter, Limits, Picture, PictureKind, Tags, TimedLine, text};

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
    /// Values by their place in `raw` that are not what their encoding made of them.
    mended: Vec<(usize, String)>,
    old_encodings: usize,
    timed_lyrics: Vec<TimedLine>,
    chapters: Vec<Chapter>,
    cuesheet: Option<Sheet>,
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
            mended: Vec::new(),
            old_encodings: 0,
            timed_lyrics: Vec::new(),
            chapters: Vec::new(),
            cuesheet: None,
            dropped: 0,
            cover: None,
            notes: Vec::new(),
        }
    }

    /// One more key and value.
    pub(crate) fn text(&mut self, key: &str, value: &str) {
        self.keep(key, value.trim_end_matches('\0').trim());
    }

    fn keep(&mut self, key: &str, value: &str) {
        self.tags_seen += 1;
        let key = cut(key, 256);
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

    /// One more key and value, declared to be Latin-1. Where its bytes are UTF-8 beyond ASCII, they are understood as that:
    /// no text in Latin-1 looks so by chance.
    pub(crate) fn latin1(&mut self, key: &str, value: &str) {
        let value = value.trim_end_matches('\0').trim_matches(|letter: char| letter.is_ascii_whitespace());
        let Some(mended) = mend(value) else { return self.text(key, value) };
        let before = self.raw.len();
        self.keep(key, value);
        if self.raw.len() > before {
            self.mended.push((before, cut(mended.trim(), self.limits.tag_bytes).to_owned()));
        }
    }

    /// One more key, and the bytes of a value of no declared encoding: UTF-8 if they are that, or else Windows-1252.
    pub(crate) fn bytes(&mut self, key: &str, value: &[u8]) {
        let mut kept = &value[..value.len().min(self.limits.tag_bytes + 4)];
        if kept.len() < value.len()
            && let Err(error) = std::str::from_utf8(kept)
            && error.error_len().is_none()
        {
            kept = &kept[..error.valid_up_to()];
        }
        let value = kept;
        let end = value.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        let decoded = text::decode(&value[..end]);
        self.old_encodings += usize::from(decoded.note.is_some());
        self.text(key, &decoded.text);
    }

    /// One more line of words.
    pub(crate) fn timed_line(&mut self, line: TimedLine) {
        if self.timed_lyrics.len() < self.limits.tags {
            self.timed_lyrics.push(line);
        }
    }

    /// The tracks that a block of the file's own names; `None` for a block that is damaged.
    pub(crate) fn cuesheet(&mut self, sheet: Option<Sheet>) {
        match sheet {
            Some(sheet) => self.cuesheet = Some(sheet),
            None => self.note("the CUESHEET block was left: it is damaged".into()),
        }
    }

    /// The same, once.
    pub(crate) fn take_cuesheet(&mut self) -> Option<Sheet> {
        self.cuesheet.take()
    }

    /// Chapters that stand for all that came before.
    pub(crate) fn chapters(&mut self, chapters: Vec<Chapter>) {
        self.chapters.clear();
        chapters.into_iter().for_each(|chapter| self.chapter(chapter));
    }

    /// One more chapter.
    pub(crate) fn chapter(&mut self, chapter: Chapter) {
        if self.chapters.len() < self.limits.tags {
            self.chapters.push(chapter);
        }
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
        if !self.mended.is_empty() {
            let count = self.mended.len();
            self.notes.push(format!("{count} tags declared as Latin-1 are UTF-8 and were understood as that"));
        }
        if self.old_encodings > 0 {
            self.notes.push(format!("{} tags are not UTF-8 and were read as Windows-1252", self.old_encodings));
        }
        let mut tags = fields::from_raw(self.raw, &self.mended);
        if !self.timed_lyrics.is_empty() {
            self.timed_lyrics.sort_by_key(|line| line.at_ms);
            tags.timed_lyrics = self.timed_lyrics;
        }
        if !self.chapters.is_empty() {
            self.chapters.sort_by_key(|chapter| chapter.start_ms);
            self.chapters.dedup();
            tags.chapters = self.chapters;
        }
        (tags, self.cover, self.notes)
    }
}

/// What a text is whose bytes in Latin-1 are UTF-8 with letters beyond ASCII; `None` for any other.
fn mend(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let bytes: Vec<u8> = text.chars().map(|letter| u8::try_from(u32::from(letter)).ok()).collect::<Option<_>>()?;
    String::from_utf8(bytes).ok()
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
    fn only_certain_encodings_are_mended() {
        let mut tags = Collector::new(&Limits::default());
        tags.latin1("TIT2", "CafÃ© com aÃ§Ãºcar");
        tags.latin1("TPE1", "Zoë Ãngel");
        tags.latin1("TALB", "é");
        tags.latin1("TCOM", "voilÃ\u{a0}");
        tags.text("TXXX:ISRC", "Ã©");
        tags.bytes("INAM", b"Zo\xeb\0\0");
        let (tags, _, notes) = tags.finish();
        assert_eq!(tags.title.as_deref(), Some("Café com açúcar"));
        assert_eq!((tags.artist.as_deref(), tags.album.as_deref()), (Some("Zoë Ãngel"), Some("é")));
        assert_eq!(tags.isrc.as_deref(), Some("Ã©"), "declared as Unicode, so meant");
        assert_eq!(tags.raw[0].1, "CafÃ© com aÃ§Ãºcar", "kept as it was");
        assert_eq!(tags.artists[1].name, "voilà");
        assert_eq!(tags.raw[5].1, "Zoë");
        assert_eq!(
            notes,
            [
                "2 tags declared as Latin-1 are UTF-8 and were understood as that",
                "1 tags are not UTF-8 and were read as Windows-1252"
            ]
        );
    }

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
