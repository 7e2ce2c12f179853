//! What the crate tells of real files, made by the encoders that people use, and of files made to hurt.

mod facts;
mod hostile;
mod identify;
mod melody;
mod peers;
mod recordings;
mod state;
mod tags;
