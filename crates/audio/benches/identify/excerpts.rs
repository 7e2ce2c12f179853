//! Ten seconds of a file, as they are and as people send them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;
use crate::noise::with_noise;

const RATE: usize = 44_100;
const SECONDS: usize = 10;
/// What the index knows of a file.
const HEARD_SECONDS: usize = 120;
/// How loud the sound is above the noise.
const NOISE_DB: f64 = 10.0;

/// Excerpts from several places of the first two minutes: the number of their kind, its name, and the file, which the next
/// ones replace.
pub fn of(file: &Path, folder: &Path, places: usize) -> Outcome<Vec<(usize, &'static str, PathBuf)>> {
    let decoded = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-t", &HEARD_SECONDS.to_string(), "-i"])
        .arg(file)
        .args(["-map", "0:a:0", "-ar", &RATE.to_string(), "-ac", "2", "-f", "s16le", "-"])
        .output()?;
    let sound: Vec<i16> = decoded.stdout.as_chunks::<2>().0.iter().map(|sample| i16::from_le_bytes(*sample)).collect();
    let length = SECONDS * RATE * 2;
    let mut excerpts = Vec::new();
    // What is shorter than three excerpts would be asked for as a whole.
    if sound.len() < 3 * length {
        return Ok(excerpts);
    }
    for place in 0..places {
        // Odd places, so that no step of a fingerprint begins where an excerpt does.
        let from = (sound.len() - length) / 2 * (2 * place + 1) / (2 * places) / 997 * 997 * 2;
        let part = &sound[from..from + length];
        let name = |what: &str| folder.join(format!("{what}-{place}"));
        let (clean, noisy, small) = (name("clean.wav"), name("noisy.wav"), name("small.mp3"));
        write_wave(&clean, part)?;
        write_wave(&noisy, &with_noise(part, NOISE_DB))?;
        let mut lame = Command::new("ffmpeg");
        lame.args(["-nostdin", "-y", "-v", "error", "-i"]).arg(&clean);
        let made = lame.args(["-c:a", "libmp3lame", "-b:a", "64k", "-f", "mp3"]).arg(&small).status()?;
        if !made.success() {
            return Err("ffmpeg makes no MP3".into());
        }
        excerpts.extend([(0, "clean", clean), (1, "noise at 10 dB", noisy), (2, "MP3 at 64 kbit/s", small)]);
    }
    Ok(excerpts)
}

fn write_wave(path: &Path, samples: &[i16]) -> Outcome<()> {
    let size = (samples.len() * 2) as u32;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + size).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    bytes.extend((RATE as u32).to_le_bytes());
    bytes.extend((RATE as u32 * 4).to_le_bytes());
    bytes.extend(b"\x04\0\x10\0data");
    bytes.extend(size.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    Ok(fs::write(path, bytes)?)
}
