//! What a file is, by its first bytes: an audio container that is read here, one that is refused, or no audio at all.

use std::io;
use std::path::Path;

use crate::bytes::{File, be32, le64, read_at};
use crate::{AudioError, Container};

/// Extensions of file names that promise audio, in lower case.
const AUDIO_EXTENSIONS: &[&str] = &[
    "aa", "aac", "aax", "aaxc", "ac3", "aif", "aifc", "aiff", "alac", "amr", "ape", "asf", "au", "caf", "dff", "dsf",
    "flac", "m4a", "m4b", "m4p", "m4r", "mid", "midi", "mka", "mp1", "mp2", "mp3", "mp4", "mpc", "oga", "ogg", "opus",
    "ra", "rf64", "snd", "spx", "tta", "wav", "wave", "webm", "wma", "wv",
];

/// Whether a file's name promises audio. Only for choosing a message: what a file is, its bytes say.
pub fn looks_like_audio_name(path: &Path) -> bool {
    path.extension()
        .and_then(|extension| extension.to_str())
        .is_some_and(|extension| AUDIO_EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()))
}

/// Whether a regular file begins as audio does that is read here; what cannot be opened does not.
pub fn starts_like_audio(path: &Path) -> bool {
    let Some(len) = path.metadata().ok().filter(std::fs::Metadata::is_file).map(|metadata| metadata.len()) else {
        return false;
    };
    File::open(path).is_ok_and(|mut file| recognise(path, &mut file, len).is_ok())
}

/// The container of a file and where it begins (after ID3v2 tags), or why it is refused.
pub(crate) fn recognise(path: &Path, file: &mut File, len: u64) -> Result<(Container, u64), AudioError> {
    let not_audio = |found: String| AudioError::NotAudio { path: path.into(), found };
    let unsupported = |what: &str| AudioError::Unsupported { path: path.into(), what: what.into() };
    let drm = |scheme| AudioError::Drm { path: path.into(), scheme };
    let read = |source: io::Error| AudioError::Read { path: path.into(), source };

    if len == 0 {
        return Err(not_audio("it has 0 bytes".into()));
    }
    let start = skip_id3(file, len).map_err(read)?;
    let head = read_at(file, start, 64).map_err(read)?;
    let at = |offset: usize, magic: &[u8]| head.get(offset..offset + magic.len()) == Some(magic);

    if at(0, b"fLaC") {
        return Ok((Container::Flac, start));
    } else if at(0, b"OggS") {
        return Ok((Container::Ogg, start));
    } else if (at(0, b"RIFF") || at(0, b"RF64") || at(0, b"BW64")) && at(8, b"WAVE") {
        return Ok((Container::Wav, start));
    } else if at(0, b"FORM") && (at(8, b"AIFF") || at(8, b"AIFC")) {
        return Ok((Container::Aiff, start));
    } else if at(0, b"caff") {
        return Ok((Container::Caf, start));
    } else if at(0, b"wvpk") {
        return Ok((Container::WavPack, start));
    } else if at(0, b"MAC ") {
        return Ok((Container::Ape, start));
    } else if at(0, b"MPCK") || at(0, b"MP+") {
        return Ok((Container::Musepack, start));
    } else if at(4, b"ftyp") {
        return if at(8, b"aax ") || at(8, b"aaxc") {
            Err(drm("Audible AAX"))
        } else if [&b"heic"[..], b"heix", b"avif", b"mif1", b"crx "].iter().any(|brand| at(8, brand)) {
            Err(not_audio("it is a still picture".into()))
        } else {
            Ok((Container::Mp4, start))
        };
    } else if [&b"moov"[..], b"mdat", b"wide", b"pnot"].iter().any(|kind| at(4, kind)) {
        return Ok((Container::Mp4, start));
    } else if be32(&head, 4) == Some(0x5790_7536) {
        return Err(drm("Audible AA"));
    } else if at(0, &ASF_HEADER) {
        let protected = asf_is_protected(file, start).map_err(read)?;
        return Err(if protected { drm("Windows Media DRM") } else { unsupported("Windows Media audio (WMA)") });
    }

    for (offset, magic, what) in UNSUPPORTED {
        if at(*offset, magic) {
            return Err(unsupported(what));
        }
    }
    for (offset, magic, what) in NOT_AUDIO {
        if at(*offset, magic) {
            return Err(not_audio(format!("it is {what}")));
        }
    }
    // Bare MPEG frames have the weakest magic of all, so they come last and only a run of frames counts.
    if let Some(first) = crate::container::adts::find_first(file, start, len).map_err(read)? {
        return Ok((Container::Adts, first));
    }
    if let Some(first) = crate::container::mpeg::find_first(file, start, len).map_err(read)? {
        return Ok((Container::Mp3, first));
    }
    Err(not_audio(describe(&read_at(file, 0, 512).map_err(read)?, start, len)))
}

/// Where the bytes after all leading ID3v2 tags begin (ID3v2.4, section 3.1).
fn skip_id3(file: &mut File, len: u64) -> io::Result<u64> {
    let mut start = 0;
    // More than a few tags in a row are an attack on patience.
    for _ in 0..16 {
        let head = read_at(file, start, 10)?;
        let Some(size) = id3_size(&head) else { break };
        start = (start + size).min(len);
    }
    Ok(start)
}

/// The size of a whole ID3v2 tag by its first ten bytes, header and footer included.
pub(crate) fn id3_size(head: &[u8]) -> Option<u64> {
    if head.len() < 10 || &head[..3] != b"ID3" || head[3] == 0xff || head[6..10].iter().any(|byte| *byte >= 0x80) {
        return None;
    }
    let body = head[6..10].iter().fold(0_u64, |size, byte| size << 7 | u64::from(*byte));
    let footer = if head[5] & 0x10 == 0 { 0 } else { 10 };
    Some(10 + body + footer)
}

/// GUID of the ASF header object (Advanced Systems Format specification, section 10.1).
const ASF_HEADER: [u8; 16] =
    [0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, 0xa6, 0xd9, 0x00, 0xaa, 0x00, 0x62, 0xce, 0x6c];

/// GUIDs of the ASF objects that announce encryption (sections 3.14 to 3.16).
const ASF_ENCRYPTION: [[u8; 16]; 3] = [
    [0xfb, 0xb3, 0x11, 0x22, 0x23, 0xbd, 0xd2, 0x11, 0xb4, 0xb7, 0x00, 0xa0, 0xc9, 0x55, 0xfc, 0x6e],
    [0x14, 0xe6, 0x8a, 0x29, 0x22, 0x26, 0x17, 0x4c, 0xb9, 0x35, 0xda, 0xe0, 0x7e, 0xe9, 0x28, 0x9c],
    [0x33, 0x85, 0x05, 0x43, 0x81, 0x69, 0xe6, 0x49, 0x9b, 0x74, 0xad, 0x12, 0xcb, 0x86, 0xd5, 0x8c],
];

/// Whether one of the header's objects announces encryption.
fn asf_is_protected(file: &mut File, start: u64) -> io::Result<bool> {
    let mut at = start + 30;
    for _ in 0..256 {
        let object = read_at(file, at, 24)?;
        let (Some(guid), Some(size)) = (object.get(..16), le64(&object, 16)) else { break };
        if ASF_ENCRYPTION.iter().any(|known| known == guid) {
            return Ok(true);
        }
        let Some(next) = at.checked_add(size.max(24)) else { break };
        at = next;
    }
    Ok(false)
}

/// Audio that is recognised so that the refusal can name it: offset, magic, name.
const UNSUPPORTED: &[(usize, &[u8], &str)] = &[
    (0, b"TTA1", "True Audio (TTA)"),
    (0, b"DSD ", "DSD audio (DSF)"),
    (0, b"FRM8", "DSD audio (DSDIFF)"),
    (0, b"MThd", "a MIDI file, notes rather than sound"),
    (0, b".ra\xfd", "RealAudio"),
    (0, b".RMF", "RealMedia"),
    (0, b"#!AMR", "AMR speech"),
    (0, b".snd", "Sun audio (AU)"),
    (0, &[0x0b, 0x77], "Dolby Digital (AC-3)"),
    (0, &[0x1a, 0x45, 0xdf, 0xa3], "Matroska or WebM"),
];

/// Common files that are taken for audio by mistake: offset, magic, name.
const NOT_AUDIO: &[(usize, &[u8], &str)] = &[
    (0, &[0xff, 0xd8, 0xff], "a JPEG picture"),
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"GIF8", "a GIF picture"),
    (8, b"WEBP", "a WebP picture"),
    (8, b"AVI ", "an AVI video"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"7z\xbc\xaf", "a 7-Zip archive"),
    (0, &[0x1f, 0x8b], "a gzip archive"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a Windows program"),
    (0, b"<!DOCTYPE", "a web page"),
    (0, b"<html", "a web page"),
];

/// What can be said about bytes that no format claims.
fn describe(head: &[u8], start: u64, len: u64) -> String {
    if start > 0 {
        return format!("after an ID3 tag of {start} bytes there is no sound in the {} bytes that follow", len - start);
    }
    if head.iter().all(|byte| *byte == 0) {
        return "it begins with zeros only".into();
    }
    let text = std::str::from_utf8(head).or_else(|error| std::str::from_utf8(&head[..error.valid_up_to()]));
    match text {
        Ok(text) if text.len() + 4 > head.len() && text.chars().all(|c| !c.is_control() || c.is_whitespace()) => {
            "it is text".into()
        }
        _ => {
            let first: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            format!("its first bytes ({}) belong to no known audio format", first.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_promise_audio() {
        assert!(looks_like_audio_name(Path::new("a/b.FLAC")));
        assert!(looks_like_audio_name(Path::new("x.m4p")));
        assert!(!looks_like_audio_name(Path::new("cover.jpg")));
        assert!(!looks_like_audio_name(Path::new("flac")));
    }

    #[test]
    fn id3_sizes_are_synchsafe() {
        assert_eq!(id3_size(b"ID3\x04\x00\x00\x00\x00\x02\x01"), Some(10 + 257));
        assert_eq!(id3_size(b"ID3\x04\x00\x10\x00\x00\x00\x00"), Some(20));
        assert_eq!(id3_size(b"ID3\x04\x00\x00\x80\x00\x00\x00"), None);
        assert_eq!(id3_size(b"ID3"), None);
    }
}
