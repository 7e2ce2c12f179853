//! Readers of torrents, of feeds and of their signatures.

pub mod bencode;
pub mod feed;
pub mod metainfo;
