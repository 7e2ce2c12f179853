//! Vorbis comments (xiph.org/vorbis/doc/v-comment.html) and FLAC pictures (RFC 9639, section 8.8), as FLAC and Ogg have
//! them.

use std::io;

use super::{Collector, picture_kind};
use crate::Limits;
use crate::bytes::{File, be32, le32, read_at};

/// Reads the comment block of a FLAC file.
pub(crate) fn read_comments(
    file: &mut File,
    at: u64,
    size: u64,
    limits: &Limits,
    tags: &mut Collector,
) -> io::Result<()> {
    parse_comments(&read_at(file, at, size as usize)?, limits, tags);
    Ok(())
}

/// Reads a picture block of a FLAC file.
pub(crate) fn read_picture(
    file: &mut File,
    at: u64,
    size: u64,
    limits: &Limits,
    tags: &mut Collector,
) -> io::Result<()> {
    if tags.wants_picture(size) {
        parse_picture(&read_at(file, at, size as usize)?, limits, tags);
    }
    Ok(())
}

/// Takes the comments out of a comment packet, without the codec's own prefix. Whatever is cut short ends the list.
pub(crate) fn parse_comments(bytes: &[u8], limits: &Limits, tags: &mut Collector) {
    let mut at = 4_usize.saturating_add(le32(bytes, 0).unwrap_or(0) as usize);
    let Some(count) = le32(bytes, at) else { return };
    at += 4;
    for done in 0..count {
        let Some(size) = le32(bytes, at) else {
            tags.note(format!("{count} tags declared, {done} found"));
            return;
        };
        let Some(comment) = bytes.get(at + 4..).map(|rest| &rest[..rest.len().min(size as usize)]) else { return };
        at += 4 + comment.len();
        if tags.is_full() {
            tags.passed_over((count - done) as usize);
            return;
        }
        let Some(split) = comment.iter().take(256).position(|byte| *byte == b'=') else { continue };
        let (key, value) = (&comment[..split], &comment[split + 1..]);
        if key.eq_ignore_ascii_case(b"METADATA_BLOCK_PICTURE") {
            if tags.wants_picture(value.len() as u64 / 4 * 3) {
                match base64(value) {
                    Some(picture) => parse_picture(&picture, limits, tags),
                    None => tags.note("an embedded picture is not valid base64".into()),
                }
            }
        } else if key.eq_ignore_ascii_case(b"COVERART") {
            if tags.wants_picture(value.len() as u64 / 4 * 3) {
                tags.picture(picture_kind(3), base64(value).unwrap_or_default());
            }
        } else {
            tags.bytes(&String::from_utf8_lossy(key).to_ascii_uppercase(), value);
        }
    }
}

/// Takes the picture out of a FLAC picture block.
pub(crate) fn parse_picture(bytes: &[u8], _: &Limits, tags: &mut Collector) {
    let found = (|| {
        let kind = be32(bytes, 0)?;
        let mut at = 8_usize.checked_add(be32(bytes, 4)? as usize)?;
        at = at.checked_add(4)?.checked_add(be32(bytes, at)? as usize)?.checked_add(16)?;
        let size = be32(bytes, at)? as usize;
        let data = bytes.get(at + 4..)?;
        Some((kind, data[..data.len().min(size)].to_vec()))
    })();
    match found {
        Some((kind, data)) => tags.picture(picture_kind(kind), data),
        None => tags.note("an embedded picture breaks off".into()),
    }
}

/// Decodes base64 (RFC 4648, section 4), with or without padding; `None` if a character does not belong.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0);
    for letter in text.iter().filter(|letter| !letter.is_ascii_whitespace() && **letter != b'=') {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_rfc_4648_has_it() {
        assert_eq!(base64(b"Zm9vYmFy"), Some(b"foobar".to_vec()));
        assert_eq!(base64(b"Zm9vYg=="), Some(b"foob".to_vec()));
        assert_eq!(base64(b"Zm9v\nYmE="), Some(b"fooba".to_vec()));
        assert_eq!(base64(b"Zm-v"), None);
    }

    #[test]
    fn a_lying_comment_block_ends_quietly() {
        let mut block = vec![0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
        block.extend_from_slice(b"\x07\0\0\0TITLE=a\xff\xff\xff\x7fTITLE=b");
        let mut tags = Collector::new(&Limits::default());
        parse_comments(&block, &Limits::default(), &mut tags);
        let (tags, _, notes) = tags.finish();
        assert_eq!(tags.raw, [("TITLE".into(), "a".into()), ("TITLE".into(), "b".into())]);
        assert_eq!(notes, ["4294967295 tags declared, 2 found"]);
    }
}
