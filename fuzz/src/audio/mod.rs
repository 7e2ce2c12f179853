//! Readers of audio files, of what lies beside them, and of the index of sounds.

pub mod analyse;
pub mod container;
pub mod cue;
mod file;
pub mod lrc;
mod mp4;
pub mod ogg;
mod panics;
pub mod sounds;
pub mod tags;
