//! Dumps of others: in by one command, whole whatever happens.

mod discogs;
mod killed;
pub mod musicbrainz;
mod next_dump;
mod table;
