//! Smaller pictures for lists, made by the program `ffmpeg`. Only the command is built here; who runs it decides how.
//!
//! A library would do as well: `image` with its three decoders reads no GIF then, and brings some ten crates. `ffmpeg` is
//! there for transcoding already, and what somebody else's picture does to it ends with its process.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// Pixels of a picture that is opened; a larger one fails before its memory is taken.
const MAX_PIXELS: u32 = 40_000_000;

/// What a smaller picture is made as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Made {
    /// From photographs, which are JPEG already.
    Jpeg,
    /// From all else, which may be drawn or let something shine through.
    Png,
}

impl Made {
    /// The MIME type.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

/// The command that reads a picture of type `mime` from its standard input and writes one whose longer side has at most
/// `side` pixels to its standard output; never a larger one. `None` for types that it does not read.
///
/// The picture is read as what it is said to be and as nothing else, and `ffmpeg` may open nothing but its pipes.
pub fn command(ffmpeg: &OsStr, mime: &str, side: u32) -> Option<(Command, Made)> {
    let (reader, made) = match mime {
        "image/jpeg" => ("jpeg_pipe", Made::Jpeg),
        "image/png" => ("png_pipe", Made::Png),
        "image/webp" => ("webp_pipe", Made::Png),
        "image/gif" => ("gif_pipe", Made::Png),
        "image/bmp" => ("bmp_pipe", Made::Png),
        _ => return None,
    };
    let side = side.max(1);
    let mut command = Command::new(ffmpeg);
    command.args(["-nostdin", "-hide_banner", "-loglevel", "error", "-protocol_whitelist", "pipe", "-threads", "1"]);
    command.arg("-max_pixels").arg(MAX_PIXELS.to_string()).args(["-f", reader, "-i", "pipe:0"]);
    command.args(["-map", "0:v:0", "-frames:v", "1", "-map_metadata", "-1", "-vf"]);
    command
        .arg(format!("scale=w='min({side},iw)':h='min({side},ih)':force_original_aspect_ratio=decrease:flags=lanczos"));
    command.args(match made {
        Made::Jpeg => ["-c:v", "mjpeg", "-q:v", "3"].as_slice(),
        Made::Png => &["-c:v", "png"],
    });
    command.args(["-f", "image2pipe", "pipe:1"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some((command, made))
}

/// Width and height of a JPEG or PNG picture as its header has them; `None` for what is none, or of another type.
pub fn dimensions(mime: &str, picture: &[u8]) -> Option<(u32, u32)> {
    match mime {
        "image/jpeg" => jpeg_dimensions(picture),
        "image/png" => {
            // The signature, then IHDR (PNG, 3rd edition, 11.2.1).
            let header = picture.strip_prefix(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")?;
            let number = |at: usize| Some(u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?));
            Some((number(0)?, number(4)?))
        }
        _ => None,
    }
}

/// From the frame header (ITU-T T.81, B.2.2), passing over the segments before it.
fn jpeg_dimensions(picture: &[u8]) -> Option<(u32, u32)> {
    let mut rest = picture.strip_prefix(b"\xff\xd8")?;
    loop {
        let [0xff, marker, high, low, ..] = *rest else { return None };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let segment = rest.get(4..2 + length)?;
        if matches!(marker, 0xc0..=0xc2) {
            let [_, height_high, height_low, width_high, width_low, ..] = *segment else { return None };
            let height = u16::from_be_bytes([height_high, height_low]);
            return Some((u16::from_be_bytes([width_high, width_low]).into(), height.into()));
        }
        rest = &rest[2 + length..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_read_as_what_it_is_said_to_be() {
        for (mime, reader, made) in [("image/jpeg", "jpeg_pipe", Made::Jpeg), ("image/webp", "webp_pipe", Made::Png)] {
            let (command, found) = command(OsStr::new("ffmpeg"), mime, 300).expect("it is read");
            let arguments: Vec<String> = command.get_args().map(|part| part.to_string_lossy().into_owned()).collect();
            let input = arguments.iter().position(|part| part == "-i").expect("an input");
            assert_eq!((&arguments[input - 1], &arguments[input + 1]), (&reader.to_owned(), &"pipe:0".to_owned()));
            assert_eq!(found, made);
        }
        assert!(command(OsStr::new("ffmpeg"), "image/svg+xml", 300).is_none());
    }

    #[test]
    fn dimensions_by_the_header() {
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xc0\0\x08\x08\x01\x2c\x00\xc8\x03";
        assert_eq!(dimensions("image/jpeg", jpeg), Some((200, 300)));
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x01\x2c\0\0\0\xc8";
        assert_eq!(dimensions("image/png", png), Some((300, 200)));
        for cut in 0..jpeg.len() {
            assert_eq!(dimensions("image/jpeg", &jpeg[..cut]), None, "{cut}");
        }
        assert_eq!(dimensions("image/jpeg", b"\xff\xd8\xff\xe0\0\0"), None, "a segment shorter than its length");
        assert_eq!(dimensions("image/png", &png[..20]), None);
        assert_eq!(dimensions("image/png", jpeg), None);
    }
}
