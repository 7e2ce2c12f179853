//! Torrents and the feed that lists them: bencode, v1, v2 and hybrid metainfo, magnets, signatures.
//!
//! A torrent of any selection of blobs is built from their stored hashes alone; no byte of audio is read. What others
//! publish is read back by a strict parser with explicit limits. The crate is pure: no sockets, no files, no async, and
//! the time comes in as an argument (only a new signing key and a signature draw random numbers from the system).
//!
//! ```
//! use fonoteca_model::BlobHasher;
//! use fonoteca_torrent::{File, Kind, Limits, Metainfo, Outside, Selection, build};
//!
//! let mut hasher = BlobHasher::new();
//! hasher.update(b"one song");
//! let hashes = hasher.finish().expect("not empty");
//!
//! let selection = Selection {
//!     name: "release-1".to_owned(),
//!     files: vec![File { path: vec!["aa".to_owned(), "song.flac".to_owned()], hashes }],
//! };
//! let hybrid = build(&selection, Kind::Hybrid, &Outside::default())?;
//! let twin = build(&selection, Kind::V1, &Outside::default())?;
//! assert!(hybrid.info_hash_v2.is_some() && twin.info_hash_v2.is_none());
//! assert_eq!(Metainfo::parse(hybrid.to_bytes(), &Limits::default())?, hybrid);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod bencode;
mod build;
pub mod feed;
mod limits;
mod magnet;
mod metainfo;
mod parse;
mod path;
mod tree;

pub use build::{BuildError, File, Kind, Outside, Selection, build};
pub use feed::{Feed, FeedError, PublicKey, Seen, SigningKey, Trust, accept, sign};
pub use limits::Limits;
pub use metainfo::{MetaFile, Metainfo, PieceSpan};
pub use parse::MetainfoError;
pub use path::{PAD_FOLDER, PathProblem, check_component, check_path};
