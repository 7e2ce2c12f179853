//! Test sound: a synthetic melody as WAVE, and the encoders' programs to make every other format from it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fonoteca_audio::{Analysis, AudioError, Limits, analyse};
use tempfile::TempDir;

pub const RATE: u32 = 44_100;

/// Samples of a stereo melody: notes with overtones and an envelope, drawn from a seed.
pub fn samples(seed: u32, seconds: f64) -> Vec<i16> {
    const SCALE: [f64; 8] = [220.0, 246.9, 277.2, 329.6, 370.0, 440.0, 493.9, 554.4];
    let count = (seconds * f64::from(RATE)) as usize;
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
    let mut sound = Vec::with_capacity(count * 2);
    let (mut note, mut bass) = (0.0, 0.0);
    for at in 0..count {
        let in_note = at % 11_025;
        if in_note == 0 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            note = SCALE[(state >> 29) as usize] * if state & 0x0100_0000 == 0 { 1.0 } else { 2.0 };
            bass = SCALE[(state >> 20 & 7) as usize] / 2.0;
        }
        let time = at as f64 / f64::from(RATE);
        let envelope = (-(in_note as f64) / 9000.0).exp();
        let tone = |frequency: f64| {
            (1..=5)
                .map(|n| (std::f64::consts::TAU * frequency * f64::from(n) * time).sin() / f64::from(n * n))
                .sum::<f64>()
        };
        let (high, low) = (tone(note) * envelope * 0.35, tone(bass) * 0.2);
        sound.push(((high + low * 0.8) * 20_000.0) as i16);
        sound.push(((high * 0.7 + low) * 20_000.0) as i16);
    }
    sound
}

/// A WAVE file around 16-bit samples.
pub fn wave(samples: &[i16], channels: u16, rate: u32) -> Vec<u8> {
    let size = (samples.len() * 2) as u32;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + size).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0");
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate * u32::from(channels) * 2).to_le_bytes());
    bytes.extend((channels * 2).to_le_bytes());
    bytes.extend(b"\x10\0data");
    bytes.extend(size.to_le_bytes());
    bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    bytes
}

/// A folder with `melody.wav` in it, where other files are made.
pub struct Studio {
    folder: TempDir,
}

impl Studio {
    /// A studio with a melody of so many seconds.
    pub fn new(seed: u32, seconds: f64) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        fs::write(folder.path().join("melody.wav"), wave(&samples(seed, seconds), 2, RATE)).expect("write melody");
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a program in the studio. A program that is missing fails the test.
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        run(self.folder.path(), program, arguments)
    }

    /// Makes a file with ffmpeg from the melody.
    pub fn ffmpeg(&self, arguments: &[&str], name: &str) -> PathBuf {
        self.convert("melody.wav", arguments, name)
    }

    /// Makes a file with ffmpeg from another one.
    pub fn convert(&self, from: &str, arguments: &[&str], name: &str) -> PathBuf {
        let mut all = vec!["-nostdin", "-y", "-loglevel", "error", "-i", from];
        all.extend_from_slice(arguments);
        all.push(name);
        self.run("ffmpeg", &all);
        self.path(name)
    }

    /// One file of each kind that people have, by the program that usually makes it.
    pub fn formats(&self) -> Vec<(&'static str, PathBuf)> {
        self.run("flac", &["--silent", "-f", "-o", "a.flac", "melody.wav"]);
        self.run("oggenc", &["-Q", "-q", "5", "-o", "a.ogg", "melody.wav"]);
        self.run("opusenc", &["--quiet", "--bitrate", "96", "melody.wav", "a.opus"]);
        self.run("lame", &["--quiet", "-b", "128", "melody.wav", "a.mp3"]);
        self.ffmpeg(&["-c:a", "aac", "-b:a", "128k"], "a.m4a");
        self.ffmpeg(&["-c:a", "alac"], "alac.m4a");
        self.ffmpeg(&["-c:a", "pcm_s16be"], "a.aiff");
        self.ffmpeg(&["-c:a", "pcm_s16le"], "a.caf");
        self.ffmpeg(&["-c:a", "aac", "-f", "adts"], "a.aac");
        self.ffmpeg(&["-c:a", "flac", "-f", "ogg"], "a.oga");
        self.ffmpeg(&["-c:a", "pcm_s24le"], "s24.wav");
        let names =
            ["melody.wav", "a.flac", "a.ogg", "a.opus", "a.mp3", "a.m4a", "alac.m4a", "a.aiff", "a.caf", "a.aac"];
        names.into_iter().chain(["a.oga", "s24.wav"]).map(|name| (name, self.path(name))).collect()
    }

    /// Writes bytes under a name.
    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).expect("write");
        self.path(name)
    }
}

/// Runs a program and gives its standard output; panics with a message if it is missing or fails.
pub fn run(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).output().unwrap_or_else(|error| {
        panic!(
            "this test needs the program {program:?} ({error}): install flac, vorbis-tools, opus-tools, lame, ffmpeg \
                and libchromaprint-tools"
        )
    });
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Everything that the crate tells of a file, under the default limits.
pub fn listen(path: &Path) -> Analysis {
    tell(path).unwrap_or_else(|error| panic!("{error}"))
}

/// The same, or why not.
pub fn tell(path: &Path) -> Result<Analysis, AudioError> {
    analyse(path, &Limits::default(), &|| false)
}

/// Most memory that this process has ever had, in MiB.
pub fn peak_memory_mib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("peak");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).expect("a number") / 1024
}

/// Runs one test in a process of its own, so that the memory that it looks at is its own.
pub fn alone(child: [&str; 2]) {
    let ran = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "--nocapture"])
        .args(child)
        .output()
        .expect("this program again");
    let out = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && out.contains("1 passed"), "{out}{}", String::from_utf8_lossy(&ran.stderr));
}
