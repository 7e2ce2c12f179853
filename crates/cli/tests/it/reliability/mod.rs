//! Killed at any instant, built without its audio: what an archive comes through.

mod clips;
mod kills;
mod release;
