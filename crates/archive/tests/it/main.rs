//! The workflows against archives in temporary folders: what a clock, a kill or another process can do to them.

mod archives;
mod blobs;
mod clock;
mod depth;
mod feed;
mod fixity;
mod folders;
mod in_place;
mod joins;
mod large_feed;
mod mirror_rules;
mod packing;
mod rights;
mod sheets;
mod turned_away;
mod works;
mod world;
