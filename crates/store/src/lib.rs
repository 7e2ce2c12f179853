//! Content-addressed bytes: put, read a range, verify, list, remove.
//!
//! A blob's name is its BitTorrent v2 `pieces root` ([`fonoteca_model::BlobId`]), so the name proves the bytes. Nothing
//! here knows what the bytes mean. Everything written is durable before success is reported: the file is fsynced,
//! renamed to its place without replacing anything, and the folder is fsynced, which `object_store` alone does not do.
//! The same wrapper, [`Store::objects`], is given to whoever else keeps objects in the archive folder (the catalogue's
//! Delta tables).
//!
//! A blob may also lie outside the archive, where it was when it was taken in ([`Places`]); it is read there, and never
//! believed once the file looks different.
//!
//! Reading order: [`layout`] (where a blob lies), [`Store`], then [`DurableFs`].
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), fonoteca_store::StoreError> {
//! # let folder = tempfile::tempdir().expect("a temporary folder");
//! use fonoteca_store::{Store, Verdict};
//!
//! let store = Store::local(folder.path())?;
//! let put = store.put_bytes(b"one song").await?;
//! assert!(put.added);
//! assert_eq!(&store.read_all(put.hashes.root, 1 << 20).await?[..], b"one song");
//! assert_eq!(store.verify(&put.hashes).await?, Verdict::Sound);
//! # Ok(()) }
//! ```

mod check;
mod durable;
mod elsewhere;
mod error;
pub mod layout;
mod mend;
mod objects;
mod places;
mod put;
mod source;
mod staging;
mod store;
mod verify;
mod walk;

pub use check::{CheckOptions, Checker};
pub use durable::{sync_folder, write_file};
pub use error::{StoreError, is_caused_by, is_io_error};
pub use mend::Mending;
pub use objects::DurableFs;
pub use places::{Place, Places};
pub use source::Stamp;
pub use store::{Arrival, How, Put, Store, Way};
pub use verify::{Unreadable, Verdict};
