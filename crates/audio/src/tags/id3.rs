//! ID3v1, ID3v2 and APE tags, by lofty, flattened to keys and values.
//!
//! The key is the frame's id; `TXXX`, `WXXX`, `COMM`, `USLT` and `UFID` add their description after a colon. lofty's own
//! mapping to common keys is not used: it misses what ffmpeg writes as `TXXX`.

use std::io::{BufReader, Seek};

use lofty::TextEncoding;
use lofty::config::{GlobalOptions, ParseOptions, apply_global_options};
use lofty::file::AudioFile;
use lofty::id3::v2::{Frame, FrameFlags, Id3v2Tag, SyncTextContentType, SynchronizedTextFrame, TimestampFormat};
use lofty::mpeg::MpegFile;
use lofty::tag::ItemValue;

use super::fields::OLD_ID3;
use super::weigh::{DEEP_STACK_BYTES, MAX_FRAMES, Weight, weigh};
use super::{Collector, picture_kind};
use crate::bytes::{File, View};
use crate::{Chapter, Limits, TimedLine};

/// Largest run of ID3v2 tags that is read.
const MAX_LEADING_BYTES: u64 = 257 << 20;

/// Reads the tags in a stretch of a file: a whole MP3 file, or the one ID3v2 tag that another format carries.
pub(crate) fn read(file: File, start: u64, end: u64, leading: u64, limits: &Limits, tags: &mut Collector) {
    // One ID3v2 tag holds 256 MiB at most; several such in a row only serve to fill the memory.
    if leading > MAX_LEADING_BYTES {
        tags.note(format!("tags of {} MiB passed over: too large to be read", leading >> 20));
        return;
    }
    // lofty refuses a whole tag for one item beyond the limit, so pictures are left out of a tag that may hold one.
    let with_pictures = leading <= limits.picture_bytes as u64;
    if !with_pictures {
        tags.wants_picture(leading);
    }
    let mut view = View::new(file, start, end);
    match weigh(&mut view, leading, limits.tag_memory_bytes as u64) {
        Ok(Weight::Light) => parse(view, with_pictures, limits, tags),
        Ok(Weight::Deep) => {
            let begun = std::thread::scope(|scope| {
                let thread = std::thread::Builder::new().stack_size(DEEP_STACK_BYTES);
                let Ok(thread) = thread.spawn_scoped(scope, || parse(view, with_pictures, limits, tags)) else {
                    return false;
                };
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                true
            });
            if !begun {
                tags.note("tags passed over: there is no room for their chapters within chapters".into());
            }
        }
        Ok(Weight::Excessive) => tags.note(format!(
            "tags passed over: they have more than {MAX_FRAMES} frames, unpack to more than {} MiB, or have chapters \
             within chapters without end",
            limits.tag_memory_bytes >> 20
        )),
        Err(error) => tags.note(format!("tags could not be read: {error}")),
    }
}

/// Has lofty read what was weighed.
fn parse(mut view: View, with_pictures: bool, limits: &Limits, tags: &mut Collector) {
    // It counts for one thread.
    apply_global_options(GlobalOptions::new().allocation_limit(limits.tag_memory_bytes));
    let mut options = ParseOptions::new();
    options.read_properties(false);
    options.read_cover_art(with_pictures);
    if let Err(error) = view.rewind() {
        return tags.note(format!("tags could not be read: {error}"));
    }
    let mut reader = BufReader::with_capacity(64 << 10, view);
    match MpegFile::read_from(&mut reader, options) {
        Ok(found) => {
            if let Some(id3) = found.id3v2() {
                frames(id3, tags);
            }
            if let Some(ape) = found.ape() {
                for item in ape {
                    match item.value() {
                        ItemValue::Text(text) => text.split('\0').for_each(|value| tags.text(item.key(), value)),
                        ItemValue::Locator(link) => tags.text(item.key(), link),
                        ItemValue::Binary(bytes) if item.key().eq_ignore_ascii_case("Cover Art (Front)") => {
                            // A file name, a zero, the picture.
                            let data = bytes.iter().position(|byte| *byte == 0).map(|zero| bytes[zero + 1..].to_vec());
                            tags.picture(picture_kind(3), data.unwrap_or_default());
                        }
                        ItemValue::Binary(_) => {}
                    }
                }
            }
            old_id3(&found, tags);
        }
        Err(error) => tags.note(format!("tags could not be read: {error}")),
    }
}

/// ID3v1, which names no encoding; its time was that of Latin-1.
fn old_id3(found: &MpegFile, tags: &mut Collector) {
    let Some(id3) = found.id3v1() else { return };
    for (key, value) in [("TIT2", &id3.title), ("TPE1", &id3.artist), ("TALB", &id3.album), ("COMM", &id3.comment)] {
        tags.latin1(&format!("{OLD_ID3}{key}"), value.as_deref().unwrap_or_default());
    }
    tags.text(&format!("{OLD_ID3}TDRC"), &id3.year.map(|year| year.to_string()).unwrap_or_default());
    tags.text(&format!("{OLD_ID3}TRCK"), &id3.track_number.map(|number| number.to_string()).unwrap_or_default());
    if let Some(genre) = id3.genre.and_then(|genre| lofty::id3::v1::GENRES.get(usize::from(genre))) {
        tags.text(&format!("{OLD_ID3}TCON"), genre);
    }
}

/// Every frame that says something.
fn frames(id3: &Id3v2Tag, tags: &mut Collector) {
    let mut texts = |encoding: TextEncoding, key: &str, text: &str| {
        text.split('\0').for_each(|value| match encoding {
            TextEncoding::Latin1 => tags.latin1(key, value),
            _ => tags.text(key, value),
        });
    };
    let genre_encoding = id3.into_iter().find_map(|frame| match frame {
        Frame::Text(text) if frame.id_str() == "TCON" => Some(text.encoding),
        _ => None,
    });
    for genre in id3.genres().into_iter().flatten() {
        texts(genre_encoding.unwrap_or(TextEncoding::UTF8), "TCON", genre);
    }
    for frame in id3 {
        let id = frame.id_str();
        match frame {
            Frame::Text(_) if id == "TCON" => {}
            Frame::Text(text) => texts(text.encoding, id, &text.value),
            Frame::UserText(text) => texts(text.encoding, &format!("TXXX:{}", text.description), &text.content),
            Frame::Url(link) => texts(TextEncoding::Latin1, id, link.url()),
            Frame::UserUrl(link) => {
                texts(TextEncoding::Latin1, &format!("WXXX:{}", link.description), &link.content);
            }
            Frame::Comment(comment) => {
                texts(comment.encoding, &described("COMM", &comment.description), &comment.content);
            }
            Frame::UnsynchronizedText(lyrics) => {
                texts(lyrics.encoding, &described("USLT", &lyrics.description), &lyrics.content);
            }
            Frame::Timestamp(time) => texts(TextEncoding::UTF8, id, &time.timestamp.to_string()),
            Frame::KeyValue(pairs) => {
                for (key, value) in pairs.key_value_pairs.iter() {
                    texts(pairs.encoding, &format!("{id}:{key}"), value);
                }
            }
            Frame::UniqueFileIdentifier(unique) => {
                let identifier = String::from_utf8_lossy(&unique.identifier);
                texts(TextEncoding::UTF8, &format!("UFID:{}", unique.owner), &identifier);
            }
            Frame::Popularimeter(rating) => {
                texts(TextEncoding::UTF8, &format!("POPM:{}", rating.email), &rating.rating.to_string());
            }
            _ => {}
        }
    }
    for frame in id3 {
        match frame {
            Frame::Picture(picture) => {
                let picture = &picture.picture;
                tags.picture(picture_kind(picture.pic_type().as_u8().into()), picture.data().to_vec());
            }
            Frame::Chapter(chapter) => tags.chapter(Chapter {
                start_ms: chapter.times.start.into(),
                end_ms: Some(chapter.times.end.into()),
                title: chapter.title().map(str::to_owned).filter(|title| !title.is_empty()),
            }),
            Frame::Binary(binary) if frame.id_str() == "SYLT" => timed_lyrics(&binary.data, tags),
            _ => {}
        }
    }
}

/// Words with times in milliseconds (ID3v2.4, section 4.9); those that count MPEG frames are no longer written.
fn timed_lyrics(frame: &[u8], tags: &mut Collector) {
    match SynchronizedTextFrame::parse(frame, FrameFlags::default()) {
        Ok(found) if found.timestamp_format == TimestampFormat::MS => {
            let is_lyrics =
                matches!(found.content_type, SyncTextContentType::Lyrics | SyncTextContentType::TextTranscription);
            for (at, text) in found.content.into_iter().filter(|_| is_lyrics) {
                tags.timed_line(TimedLine { at_ms: at.into(), text: text.trim().to_owned() });
            }
        }
        Ok(_) => tags.note("lyrics timed by MPEG frames were left".into()),
        Err(error) => tags.note(format!("timed lyrics could not be read: {error}")),
    }
}

fn described(id: &str, description: &str) -> String {
    if description.is_empty() { id.into() } else { format!("{id}:{description}") }
}
