//! Smaller copies for listening, made by the program `ffmpeg`. Only the command is built here; who runs it decides how.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

/// A coding that copies can be made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// MP3, by LAME.
    Mp3,
    /// Opus in Ogg.
    Opus,
    /// Vorbis in Ogg.
    Ogg,
    /// AAC in ADTS frames, which can be streamed.
    Aac,
    /// FLAC, lossless; the bit rate does not matter.
    Flac,
    /// WAVE with 16-bit samples; the bit rate does not matter.
    Wav,
}

impl Format {
    /// The format by the name that clients ask for: `mp3`, `opus`, `ogg` or `oga`, `aac`, `flac`, `wav`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "mp3" => Some(Self::Mp3),
            "opus" => Some(Self::Opus),
            "ogg" | "oga" => Some(Self::Ogg),
            "aac" => Some(Self::Aac),
            "flac" => Some(Self::Flac),
            "wav" => Some(Self::Wav),
            _ => None,
        }
    }

    /// The MIME type of the copy.
    pub const fn mime(self) -> &'static str {
        match self {
            Self::Mp3 => "audio/mpeg",
            Self::Opus | Self::Ogg => "audio/ogg",
            Self::Aac => "audio/aac",
            Self::Flac => "audio/flac",
            Self::Wav => "audio/wav",
        }
    }

    /// The file name extension of the copy, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Mp3 => "mp3",
            Self::Opus => "opus",
            Self::Ogg => "ogg",
            Self::Aac => "aac",
            Self::Flac => "flac",
            Self::Wav => "wav",
        }
    }

    /// Bit rates in kbit/s that the encoder takes; others are moved to the nearest end.
    const fn kbps_range(self) -> Option<(u32, u32)> {
        match self {
            Self::Mp3 | Self::Aac => Some((32, 320)),
            Self::Opus => Some((16, 510)),
            Self::Ogg => Some((48, 500)),
            Self::Flac | Self::Wav => None,
        }
    }

    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Mp3 => &["-c:a", "libmp3lame", "-f", "mp3", "-write_xing", "0"],
            Self::Opus => &["-c:a", "libopus", "-f", "ogg"],
            Self::Ogg => &["-c:a", "libvorbis", "-f", "ogg"],
            Self::Aac => &["-c:a", "aac", "-f", "adts"],
            Self::Flac => &["-c:a", "flac", "-f", "flac"],
            Self::Wav => &["-c:a", "pcm_s16le", "-f", "wav"],
        }
    }
}

/// What copy to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Target {
    /// The coding.
    pub format: Format,
    /// Bit rate in kbit/s, moved into what the encoder takes: 32 to 320 for MP3 and AAC, 16 to 510 for Opus, 48 to 500
    /// for Vorbis.
    pub kbps: u32,
    /// Where in the sound to begin, in milliseconds.
    pub start_ms: u64,
    /// Where to end, counted from the beginning of the sound as well; `None` for its end.
    pub end_ms: Option<u64>,
}

/// Where the sound to copy comes from.
#[derive(Debug, Clone, Copy)]
pub enum Input<'a> {
    /// A file of this machine.
    Path(&'a Path),
    /// The command's standard input.
    Stdin,
}

/// The command that reads the input and writes the copy to its standard output, without tags and pictures.
///
/// `ffmpeg` may open nothing but files and pipes, never asks anything, and keeps quiet but for errors (on stderr). A path
/// that looks like an option or another protocol is still only a path. Standard output and error are piped; standard
/// input is piped for [`Input::Stdin`] and empty otherwise.
pub fn command(ffmpeg: &OsStr, input: Input<'_>, target: Target) -> Command {
    let mut command = without_output(ffmpeg, input, target);
    command.args(target.format.arguments()).arg("pipe:1");
    command
}

/// As [`command`], for a copy that is kept: with these tags, and nothing by chance or by date, so that the same encoder makes
/// the same bytes of the same input.
pub fn lasting(ffmpeg: &OsStr, input: Input<'_>, target: Target, tags: &[(&str, &str)]) -> Command {
    let mut command = without_output(ffmpeg, input, target);
    for (key, value) in tags {
        command.arg("-metadata").arg(format!("{key}={value}"));
    }
    command.args(["-threads", "1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]);
    command.args(target.format.arguments()).arg("pipe:1");
    command
}

fn without_output(ffmpeg: &OsStr, input: Input<'_>, target: Target) -> Command {
    let mut command = Command::new(ffmpeg);
    command.args(["-nostdin", "-hide_banner", "-loglevel", "error", "-protocol_whitelist", "file,pipe"]);
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1000, ms % 1000);
    if target.start_ms > 0 {
        command.arg("-ss").arg(seconds(target.start_ms));
    }
    if let Some(end_ms) = target.end_ms {
        command.arg("-t").arg(seconds(end_ms.saturating_sub(target.start_ms)));
    }
    match input {
        Input::Path(path) => {
            let mut location = OsString::from("file:");
            location.push(path);
            command.arg("-i").arg(location).stdin(Stdio::null());
        }
        Input::Stdin => {
            command.args(["-i", "pipe:0"]).stdin(Stdio::piped());
        }
    }
    command.args(["-map", "0:a:0", "-map_metadata", "-1", "-vn", "-sn", "-dn"]);
    if let Some((least, most)) = target.format.kbps_range() {
        command.arg("-b:a").arg(format!("{}k", target.kbps.clamp(least, most)));
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(input: Input<'_>, target: Target) -> Vec<String> {
        let command = command(OsStr::new("ffmpeg"), input, target);
        command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_path_is_never_an_option_or_a_protocol() {
        let target = Target { format: Format::Mp3, kbps: 9999, start_ms: 1500, end_ms: Some(4000) };
        let found = arguments(Input::Path(Path::new("-y http://example.org")), target);
        assert!(found.contains(&"file:-y http://example.org".into()), "{found:?}");
        assert!(found.contains(&"320k".into()) && found.contains(&"1.500".into()), "{found:?}");
        let length = found.iter().position(|argument| argument == "-t").expect("a length");
        assert_eq!(found[length + 1], "2.500");
        assert_eq!(found.last().map(String::as_str), Some("pipe:1"));
    }

    #[test]
    fn lossless_copies_have_no_bit_rate() {
        let found = arguments(Input::Stdin, Target { format: Format::Flac, kbps: 128, start_ms: 0, end_ms: None });
        assert!(!found.contains(&"-b:a".into()) && !found.contains(&"-ss".into()), "{found:?}");
        assert_eq!(Format::from_name("OGA"), Some(Format::Ogg));
        assert_eq!(Format::from_name("exe"), None);
    }
}
