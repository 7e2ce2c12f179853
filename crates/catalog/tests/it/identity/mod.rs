//! Which tracks, artists and albums are one: measured against known truth, and the rules one by one.

mod base;
mod chance;
mod measure;
mod rules;
mod variants;
