//! Fetching what a feed of another archive lists.

use std::collections::HashMap;

use fonoteca_model::Sha256Hash;
use fonoteca_torrent::feed::{Document, PageRef};
use futures::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use crate::error::ArchiveError;
use crate::mirror::http;

/// Pages at once.
const PARALLEL: usize = 8;

/// Packed pages by their hashes.
pub(crate) type Pages = HashMap<Sha256Hash, Vec<u8>>;

/// The pages that a document names: those that `known` has, and the others from the server at `base`. Each has the hash that
/// the document names.
pub(crate) async fn pages(
    client: &reqwest::Client,
    base: &str,
    document: &Document,
    known: impl Fn(&PageRef) -> Option<Vec<u8>>,
) -> Result<Pages, ArchiveError> {
    let mut pages = Pages::new();
    let mut wanted = Vec::new();
    for page in document.pages() {
        match known(page).filter(|bytes| is(page, bytes)) {
            Some(bytes) => drop(pages.insert(page.sha256, bytes)),
            None => wanted.push(*page),
        }
    }
    let fetched: Vec<(Sha256Hash, Vec<u8>)> = futures::stream::iter(wanted)
        .map(|page| async move {
            let url = format!("{base}/{}", page.path());
            let bytes = http::get(client, &url, page.bytes as usize).await?;
            if !is(&page, &bytes) {
                let reason = "is not the page that the signed feed names".to_owned();
                return Err(ArchiveError::Foreign { name: url, reason });
            }
            Ok((page.sha256, bytes))
        })
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await?;
    pages.extend(fetched);
    Ok(pages)
}

fn is(page: &PageRef, bytes: &[u8]) -> bool {
    bytes.len() as u64 == page.bytes && Sha256::digest(bytes)[..] == page.sha256.0
}

/// A page of those that were fetched.
pub(crate) fn from(pages: &Pages) -> impl FnMut(&PageRef) -> Result<Vec<u8>, ArchiveError> {
    |page| pages.get(&page.sha256).cloned().ok_or_else(|| ArchiveError::Bug("a page was not fetched".to_owned()))
}
