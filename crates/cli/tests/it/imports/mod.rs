//! Dumps of others: in by one command, whole whatever happens.

mod discogs;
mod killed;
mod musicbrainz;
mod table;
