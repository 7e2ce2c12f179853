//! The words of the archive: ids, hashes, codes, licences, rights rules, units and limits.
//!
//! Everything here is pure. The crate does no I/O, knows no async, and never asks what time it is: what depends on the
//! moment takes it as an argument.
//!
//! ```
//! use fonoteca_model::{BlobHasher, Id};
//!
//! let mut hasher = BlobHasher::new();
//! hasher.update(b"sixteen bytes, ok");
//! let hashes = hasher.finish().expect("an empty file is never a blob");
//! assert_eq!(hashes.size, 17);
//! assert_eq!(Id::of("local", &hashes.root.to_string()).to_string().len(), 16);
//! ```

pub mod codes;
pub mod credit;
pub mod date;
pub mod fold;
pub mod hash;
pub mod id;
pub mod licence;
pub mod limits;
pub mod merkle;
pub mod progress;
pub mod rights;
pub mod units;

pub use codes::{Isrc, Iswc, Mbid, Upc};
pub use date::PartialDate;
pub use hash::{BlobId, Sha1Hash, Sha256Hash};
pub use id::Id;
pub use licence::{LicenceMatch, LicenceRow};
pub use merkle::{BLOCK_BYTES, BlobHasher, BlobHashes, PIECE_BYTES};
pub use progress::{Progress, Silent};
pub use units::Timestamp;
