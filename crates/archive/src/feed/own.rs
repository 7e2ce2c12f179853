//! The archive's own feed as it is on disk: entry and signature in `releases/`, pages in `releases/.pages/`.

use std::path::{Path, PathBuf};

use fonoteca_model::Sha256Hash;
use fonoteca_torrent::feed::{Document, Feed, Listing, PageRef, PublicKey, Trust, unpack};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::{FEED, PAGES, SIGNATURE, assemble, check};
use crate::archive::Archive;
use crate::error::ArchiveError;

/// The feed published last.
pub(crate) struct Own {
    pub bytes: Vec<u8>,
    pub signature: String,
    pub sha256: Sha256Hash,
    pub document: Document,
}

impl Own {
    /// Reads it, if anything is published. Its signature is not looked at: it is this archive's own.
    pub fn read(archive: &Archive) -> Result<Option<Self>, ArchiveError> {
        let Some((bytes, signature)) = read(&archive.releases_path())? else { return Ok(None) };
        let document = Document::from_bytes(&bytes).map_err(refused)?;
        Ok(Some(Self { sha256: Sha256Hash(Sha256::digest(&bytes).into()), bytes, signature, document }))
    }

    /// The whole feed.
    pub fn feed(&self, archive: &Archive) -> Result<Feed, ArchiveError> {
        let folder = pages_folder(archive);
        assemble(&self.document, FEED, |page| read_page(&folder, page))
    }
}

/// Where pages are kept.
pub(crate) fn pages_folder(archive: &Archive) -> PathBuf {
    archive.releases_path().join(PAGES)
}

fn read_page(folder: &Path, page: &PageRef) -> Result<Vec<u8>, ArchiveError> {
    let path = folder.join(page.file_name());
    std::fs::read(&path).map_err(ArchiveError::io(path, "cannot be read"))
}

/// One listing, page by page; none where a page is not what it was, so that all are made anew.
pub(super) fn read_pages<T: DeserializeOwned>(archive: &Archive, listing: &Listing) -> Vec<(PageRef, Vec<T>)> {
    let folder = pages_folder(archive);
    let read = |page: &PageRef| -> Result<(PageRef, Vec<T>), ArchiveError> {
        Ok((*page, unpack(page, &read_page(&folder, page)?).map_err(refused)?))
    };
    listing.pages.iter().map(read).collect::<Result<_, _>>().unwrap_or_default()
}

fn refused(source: fonoteca_torrent::FeedError) -> ArchiveError {
    ArchiveError::Feed { url: FEED.to_owned(), source }
}

/// Checks the feed on disk as a mirror would: by the archive's own keys, or by `keys`.
pub fn verify(archive: &Archive, keys: &[PublicKey]) -> Result<Feed, ArchiveError> {
    let own = Own::read(archive)?
        .ok_or_else(|| ArchiveError::Usage("nothing is published yet: `fonoteca feed publish` does it".to_owned()))?;
    let believed = check(&own.bytes, &own.signature, &Trust::new(keys), None, archive.now(), FEED)?;
    let folder = pages_folder(archive);
    believed.whole(FEED, archive.now(), |page| read_page(&folder, page))
}

/// `feed.json` and its signature in a folder.
pub(crate) fn read(folder: &Path) -> Result<Option<(Vec<u8>, String)>, ArchiveError> {
    let path = folder.join(FEED);
    match std::fs::read(&path) {
        Ok(bytes) => {
            let signature = folder.join(SIGNATURE);
            let text = std::fs::read_to_string(&signature).map_err(ArchiveError::io(&signature, "cannot be read"))?;
            Ok(Some((bytes, text)))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ArchiveError::Io { path, what: "cannot be read", source }),
    }
}

impl Archive {
    /// The packed bytes of a page of the archive's own feed, by its file name.
    pub async fn open_feed_page(&self, file: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        let is_name = file.strip_suffix(".jsonl.zst").is_some_and(|name| name.parse::<Sha256Hash>().is_ok());
        if !is_name {
            return Ok(None);
        }
        let path = pages_folder(self).join(file);
        match tokio::fs::read(&path).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(ArchiveError::Io { path, what: "cannot be read", source }),
        }
    }

    /// The archive's own feed, whole; none when nothing is published.
    pub fn own_feed(&self) -> Result<Option<Feed>, ArchiveError> {
        Own::read(self)?.map(|own| own.feed(self)).transpose()
    }
}
