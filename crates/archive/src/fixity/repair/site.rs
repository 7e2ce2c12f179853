//! The server of an archive: which of its torrents have a blob, and single pieces by its web seed.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use fonoteca_model::{BlobHashes, BlobId};
use fonoteca_swarm::{SwarmError, WebSeed};
use fonoteca_torrent::feed::{Document, MAX_FEED_BYTES};
use fonoteca_torrent::{Kind, Limits, Metainfo};
use sha2::{Digest, Sha256};

use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::feed::{FEED, assemble, remote};
use crate::mirror::http;
use crate::release::{manifests, read_torrent};

const TORRENT_BYTES: usize = 64 << 20;
/// Torrents of a foreign feed that are looked at.
const MOST_TORRENTS: usize = 10_000;

/// In which files of which torrents each blob is.
type Places = HashMap<BlobId, Vec<(Arc<Metainfo>, usize)>>;

pub(super) struct Site {
    url: String,
    web_seed: WebSeed,
    places: Places,
    /// Whether it was asked what else it has.
    asked: bool,
}

impl Site {
    /// A server that may have the torrents whose descriptions are here, own and mirrored ones.
    pub fn new(archive: &Archive, url: &str, wanted: &BTreeSet<BlobId>) -> Result<Self, ArchiveError> {
        let mut places = Places::new();
        for manifest in manifests(archive)? {
            let variants = manifest.torrents.iter().flat_map(|torrent| &torrent.variants);
            for variant in variants.filter(|variant| variant.kind == Kind::Hybrid) {
                // One that cannot be read tells of no place; `release verify` says so.
                if let Ok(metainfo) = read_torrent(archive, &manifest.release, &variant.path) {
                    place(&mut places, metainfo, wanted);
                }
            }
        }
        let web_seed = WebSeed::new(format!("{url}/webseed/"))?;
        Ok(Self { url: url.to_owned(), web_seed, places, asked: false })
    }

    pub async fn read(
        &mut self,
        expected: &BlobHashes,
        range: Range<u64>,
        wanted: &BTreeSet<BlobId>,
    ) -> Result<Option<Bytes>, ArchiveError> {
        if let Some(bytes) = self.read_known(expected.root, &range).await? {
            return Ok(Some(bytes));
        }
        if self.asked {
            return Ok(None);
        }
        self.learn(wanted).await?;
        self.asked = true;
        self.read_known(expected.root, &range).await
    }

    async fn read_known(&self, root: BlobId, range: &Range<u64>) -> Result<Option<Bytes>, ArchiveError> {
        for (metainfo, file) in self.places.get(&root).into_iter().flatten() {
            match self.web_seed.read(metainfo, *file, range.clone()).await {
                Ok(bytes) => return Ok(Some(bytes)),
                Err(SwarmError::Missing { .. } | SwarmError::Withdrawn { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    /// Reads what the server publishes. Nobody's signature is needed: a piece proves itself.
    async fn learn(&mut self, wanted: &BTreeSet<BlobId>) -> Result<(), ArchiveError> {
        let client = http::client()?;
        // A mirror gives out what is described here, and has no feed of its own.
        let Ok(bytes) = http::get(&client, &format!("{}/{FEED}", self.url), MAX_FEED_BYTES).await else {
            return Ok(());
        };
        let document =
            Document::from_bytes(&bytes).map_err(|source| ArchiveError::Feed { url: self.url.clone(), source })?;
        let pages = remote::pages(&client, &self.url, &document, |_| None).await?;
        let feed = assemble(&document, &self.url, remote::from(&pages))?;
        let variants = feed.torrents.iter().flat_map(|torrent| &torrent.variants);
        for variant in variants.filter(|variant| variant.kind == Kind::Hybrid).take(MOST_TORRENTS) {
            let url = format!("{}/{}", self.url, variant.path);
            let bytes = http::get(&client, &url, TORRENT_BYTES).await?;
            if Sha256::digest(&bytes)[..] != variant.torrent_sha256.0 {
                let reason = "is not the torrent that the feed names".to_owned();
                return Err(ArchiveError::Foreign { name: url, reason });
            }
            let metainfo = Metainfo::parse(&bytes, &Limits::default())
                .map_err(|source| ArchiveError::Metainfo { name: url, source })?;
            place(&mut self.places, metainfo, wanted);
        }
        Ok(())
    }
}

/// Notes where the blobs that are wanted are in a torrent.
fn place(places: &mut Places, metainfo: Metainfo, wanted: &BTreeSet<BlobId>) {
    let metainfo = Arc::new(metainfo);
    let found = metainfo.real_files().filter_map(|(index, file)| Some((file.root?, index)));
    let found: Vec<(BlobId, usize)> = found.filter(|(root, _)| wanted.contains(root)).collect();
    for (root, index) in found {
        places.entry(root).or_default().push((Arc::clone(&metainfo), index));
    }
}
