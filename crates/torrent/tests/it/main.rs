//! Torrents and feeds against independent programs, hostile input, and golden data.

mod bad_torrents;
mod build;
mod clients;
mod content;
mod corpus;
mod feed;
#[path = "../../../../fuzz/src/torrent/mod.rs"]
mod fuzzed;
mod golden;
mod libtorrent;
mod minisign;
mod mutations;
mod pages;
mod programs;
mod trust;
