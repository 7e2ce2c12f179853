//! What the tour checks beyond the exit codes of its commands.

use std::collections::HashSet;

use fonoteca_archive::keys::public_keys;
use fonoteca_archive::rights::{read_subject, show};
use fonoteca_archive::{Archive, ArchiveError};
use fonoteca_catalog::index::Query;
use fonoteca_model::BlobId;

use crate::error::CommandError;

/// Whether the words find something.
pub fn finds(archive: &Archive, words: &str) -> Result<bool, CommandError> {
    Ok(!archive.index()?.search(&Query::new(words))?.is_empty())
}

/// Whether nothing of the subject may be given to anyone.
pub async fn is_dark(archive: &Archive, subject: &str) -> Result<bool, ArchiveError> {
    let shown = show(archive, &read_subject(subject)?).await?;
    Ok(!shown.is_empty() && shown.iter().all(|shown| shown.uses.get("distribute") == Some(&false)))
}

/// Whether everything in the published torrents may be given to anyone; and there is something.
pub async fn gives_only_what_it_may(archive: &Archive) -> Result<bool, ArchiveError> {
    let published = archive.published().await?;
    let mut torrents = published.torrents.values().peekable();
    Ok(torrents.peek().is_some() && torrents.all(|torrent| torrent.may_distribute))
}

/// The public key that a mirror is told of.
pub fn key(archive: &Archive) -> Result<String, ArchiveError> {
    let keys = public_keys(archive)?;
    let key = keys.first().ok_or_else(|| ArchiveError::Usage("the archive has no key yet".to_owned()))?;
    Ok(key.to_string())
}

/// Whether both give out the same blobs, and the second has them all in its store.
pub async fn hold_the_same(here: &Archive, there: &Archive) -> Result<bool, ArchiveError> {
    let (first, second) = (roots(here).await?, roots(there).await?);
    for root in &first {
        if there.store().size(*root).await?.is_none() {
            return Ok(false);
        }
    }
    Ok(!first.is_empty() && first == second)
}

async fn roots(archive: &Archive) -> Result<HashSet<BlobId>, ArchiveError> {
    let published = archive.published().await?;
    Ok(published.torrents.values().flat_map(|torrent| torrent.roots().iter().copied()).collect())
}
