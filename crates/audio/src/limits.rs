//! How much of a foreign file is believed, kept and decoded.

use std::ffi::OsString;

/// Limits on one file. All of them hold whatever the file declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Largest file taken, in bytes. Default 8 GiB: twenty-four hours of CD sound.
    pub file_bytes: u64,
    /// Most channels decoded. Default 64, the most that loudness measurement knows.
    pub channels: u32,
    /// Highest sample rate in Hz. Default 768,000, the highest that converters are built for.
    pub sample_rate_hz: u32,
    /// Longest sound in milliseconds. Default 48 hours.
    pub duration_ms: u64,
    /// Largest picture kept, in bytes. Default 32 MiB.
    pub picture_bytes: usize,
    /// Most tags kept. Default 4,096.
    pub tags: usize,
    /// Longest tag value kept, in bytes; the rest is cut. Default 64 KiB.
    pub tag_bytes: usize,
    /// All kept tag values together, in bytes. Default 1 MiB.
    pub tags_bytes: usize,
    /// Most memory that reading tags may ask for at once, in bytes. Default 48 MiB.
    pub tag_memory_bytes: usize,
    /// The program `ffmpeg`, which decodes what nothing here does. Default `ffmpeg`, as the system finds it.
    pub ffmpeg: OsString,
    /// Most processor time of `ffmpeg` for one file, in seconds. Default 1,800.
    pub ffmpeg_seconds: u64,
    /// Most memory of `ffmpeg`, in bytes. Default 1 GiB of addresses.
    pub ffmpeg_bytes: u64,
}

impl Limits {
    /// Whether so many samples a second of so many channels are taken. The error is what is too much, and the limit.
    pub(crate) fn allow(&self, rate: u32, channels: u32) -> Result<(), (String, String)> {
        if channels > self.channels {
            return Err((format!("{channels} channels"), format!("{} channels", self.channels)));
        }
        if rate > self.sample_rate_hz {
            return Err((format!("{rate} samples a second"), format!("{} Hz", self.sample_rate_hz)));
        }
        Ok(())
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 8 << 30,
            channels: 64,
            sample_rate_hz: 768_000,
            duration_ms: 48 * 3_600_000,
            picture_bytes: 32 << 20,
            tags: 4_096,
            tag_bytes: 64 << 10,
            tags_bytes: 1 << 20,
            tag_memory_bytes: 48 << 20,
            ffmpeg: "ffmpeg".into(),
            ffmpeg_seconds: 1_800,
            ffmpeg_bytes: 1 << 30,
        }
    }
}
