//! What the fuzz targets check, a function `check` a target: from any bytes on, what must hold whatever they are.
//!
//! The ordinary tests of each crate include these files too, and run every input that is kept in `corpus/` and `found/`
//! through the same functions.

pub mod audio;
#[path = "../../crates/swarm/src/frames.rs"]
#[allow(dead_code, reason = "the crate that it is of uses all of it")]
mod frames;
pub mod model;
pub mod seeder;
pub mod torrent;
