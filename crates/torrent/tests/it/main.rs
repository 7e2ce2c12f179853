//! Torrents and feeds against independent programs, hostile input, and golden data.

mod bad_torrents;
mod build;
mod clients;
mod content;
mod feed;
mod golden;
mod libtorrent;
mod minisign;
mod mutations;
mod pages;
mod programs;
mod trust;
