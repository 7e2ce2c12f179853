//! Importing: rows of others replace those of the import before, whatever happens in between.

mod duplicates;
mod input;
mod interrupted;
mod replacing;
mod source;
