//! What is taken in: pieces of the corpus in six formats, a library of short files, one of very many, one of long ones.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::corpus;
use crate::workspace::{Workspace, run};

/// Pieces of the corpus, and the formats that each is in.
const PIECES: usize = 10;
const FORMATS: [(&str, &[&str]); 6] = [
    ("flac", &["-c:a", "flac"]),
    ("ogg", &["-c:a", "libvorbis", "-q:a", "5"]),
    ("opus", &["-c:a", "libopus", "-b:a", "128k"]),
    ("mp3", &["-c:a", "libmp3lame", "-b:a", "192k"]),
    ("m4a", &["-c:a", "aac", "-b:a", "192k"]),
    ("wav", &["-c:a", "pcm_s16le"]),
];
/// Files of the library of short ones, and of that of very many.
pub const SHORT: usize = 2_000;
pub const MANY: usize = 20_000;
/// Long files.
pub const LARGE: usize = 30;

/// Files for the bench, made once.
pub struct Material {
    /// Sixty files, ten a format.
    pub mixed: Vec<PathBuf>,
    /// A folder of [`SHORT`] files of 5 s.
    pub short: PathBuf,
    /// A folder of [`MANY`] files of a tenth of a second.
    pub many: PathBuf,
    /// A folder of [`LARGE`] files of 64 MB.
    pub large: PathBuf,
}

impl Material {
    /// Makes what is missing in `target/bench/ingest`.
    pub fn make(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.cache("bench").join("ingest");
        let pieces = pieces(workspace)?;
        let mixed = once(&folder.join("mixed"), |folder| mix(&pieces, folder))?;
        let short = once(&folder.join("short"), |folder| cut(&pieces, folder))?;
        let many = once(&folder.join("many"), |folder| noise(MANY, 800, folder))?;
        let large = once(&folder.join("large"), |folder| noise(LARGE, 32_000_000, folder))?;
        Ok(Self { mixed: corpus::audio_files(&mixed)?, short, many, large })
    }
}

/// The longest pieces of the corpus that are stereo and have two minutes: what people's collections are made of.
fn pieces(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let mut files = corpus::fetch(workspace, false)?;
    files.sort_by_key(|file| std::cmp::Reverse(file.metadata().map_or(0, |facts| facts.len())));
    files.truncate(PIECES * 2);
    // Every second one, so that it is not all of the longest.
    let pieces: Vec<PathBuf> = files.into_iter().step_by(2).collect();
    if pieces.len() < PIECES {
        bail!("the corpus has only {} of {PIECES} pieces", pieces.len());
    }
    Ok(pieces)
}

/// Makes a folder, unless it was made to the end before.
fn once(folder: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let stamp = folder.with_extension("complete");
    if !stamp.exists() {
        eprintln!("making {} …", folder.display());
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
        make(folder)?;
        fs::write(&stamp, "").with_context(|| format!("cannot write {}", stamp.display()))?;
    }
    Ok(folder.to_owned())
}

fn ffmpeg(input: &Path, options: &[&str], output: &Path) -> Result<()> {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-i"]).arg(input).args(["-map", "0:a:0", "-ac", "2"]);
    run(ffmpeg.args(options).arg(output).stdin(Stdio::null()))
}

/// The first 131 s of each piece in each format.
fn mix(pieces: &[PathBuf], folder: &Path) -> Result<()> {
    for (number, piece) in pieces.iter().enumerate() {
        for (ending, options) in FORMATS {
            let rate = if ending == "opus" { "48000" } else { "44100" };
            let options = [&["-t", "131", "-ar", rate], options].concat();
            ffmpeg(piece, &options, &folder.join(format!("{number:02}.{ending}")))?;
        }
    }
    Ok(())
}

/// Pieces of 5 s as FLAC, twenty an album, with tags.
fn cut(pieces: &[PathBuf], folder: &Path) -> Result<()> {
    let of_piece = SHORT / PIECES;
    for (number, piece) in pieces.iter().enumerate() {
        // One process cuts a piece into all of its files; where it is too short it begins again. Another one makes them FLAC:
        // ffmpeg would count frames through all of them.
        let names = folder.join(format!("{number:02}-%04d.wav"));
        let mut ffmpeg = Command::new("ffmpeg");
        ffmpeg.args(["-nostdin", "-v", "error", "-stream_loop", "-1", "-i"]).arg(piece);
        let length = (of_piece * 5 - 1).to_string();
        ffmpeg.args(["-map", "0:a:0", "-ac", "1", "-ar", "22050", "-t", &length, "-map_metadata", "-1"]);
        // A sound that changes slowly, so that no two files have the same bytes.
        ffmpeg.args(["-af", "volume='0.5+0.4*t/2000':eval=frame", "-c:a", "pcm_s16le"]);
        run(ffmpeg
            .args(["-fflags", "+bitexact", "-f", "segment", "-segment_time", "5"])
            .arg(names)
            .stdin(Stdio::null()))?;
        let mut flac = Command::new("flac");
        flac.args(["--silent", "--delete-input-file", "-T", &format!("ARTIST=Artist {number}")]);
        flac.args(["-T", &format!("ALBUM=Album {number}")]);
        run(flac.args(audio_of(folder, "wav")?).stdin(Stdio::null()))?;
    }
    let made = audio_of(folder, "flac")?.len();
    if made != SHORT {
        bail!("{made} files were cut, not {SHORT}");
    }
    Ok(())
}

/// The files with an ending.
fn audio_of(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut files = corpus::audio_files(folder)?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == ending));
    Ok(files)
}

/// WAV files of noise, a hundred a folder.
fn noise(count: usize, frames: usize, folder: &Path) -> Result<()> {
    let mut state = 0x9e37_79b9_u32;
    for number in 0..count {
        let samples = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as u16
        });
        let samples: Vec<u8> = samples.take(frames).flat_map(u16::to_le_bytes).collect();
        let album = folder.join(format!("{:03}", number / 100));
        fs::create_dir_all(&album).with_context(|| format!("cannot create {}", album.display()))?;
        let file = album.join(format!("{number:05}.wav"));
        fs::write(&file, wav(&samples)).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// A WAV file of 8,000 mono samples of 16 bits a second.
fn wav(samples: &[u8]) -> Vec<u8> {
    let length = samples.len() as u32;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + length).to_le_bytes());
    bytes.extend(b"WAVEfmt ");
    bytes.extend(16_u32.to_le_bytes());
    bytes.extend([1_u16, 1].into_iter().flat_map(u16::to_le_bytes));
    bytes.extend([8_000_u32, 16_000].into_iter().flat_map(u32::to_le_bytes));
    bytes.extend([2_u16, 16].into_iter().flat_map(u16::to_le_bytes));
    bytes.extend(b"data");
    bytes.extend(length.to_le_bytes());
    bytes.extend(samples);
    bytes
}
