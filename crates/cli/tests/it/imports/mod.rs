//! Dumps of others: in by one command, whole whatever happens.

mod killed;
mod musicbrainz;
