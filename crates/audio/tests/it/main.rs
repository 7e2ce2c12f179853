//! What the crate tells of real files, made by the encoders that people use, and of files made to hurt.

mod checks;
mod corpus;
mod disguise;
mod facts;
mod foreign;
#[path = "../../../../fuzz/src/audio/mod.rs"]
mod fuzzed;
mod hostile;
mod identify;
mod lies;
mod melody;
#[path = "../../benches/identify/noise.rs"]
mod noise;
mod peers;
mod recordings;
mod state;
mod tags;
mod words;
