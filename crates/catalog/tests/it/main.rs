//! The tables as a whole: what goes in comes out, whatever happens in between.

mod archive;
mod browse;
mod changes;
mod docs;
mod failing;
mod format;
mod golden;
mod index;
mod index_damage;
mod index_library;
mod index_updates;
mod kills;
mod maintenance;
mod model;
mod queries;
mod recordings;
mod rights;
mod round_trip;
mod sample;
mod stats;
mod two_writers;
mod visibility;
