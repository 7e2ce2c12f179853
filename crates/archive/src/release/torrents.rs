//! The `.torrent` files of a release: each selection as a hybrid and as its twin, and what stands outside of `info`.

use std::path::PathBuf;

use fonoteca_model::{Sha1Hash, Sha256Hash};
use fonoteca_torrent::{File, Kind, Limits, Metainfo, Selection};
use sha2::{Digest, Sha256};

use super::Options;
use super::manifest::{ManifestTorrent, ManifestVariant};
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::ingest::AGENT;

/// Writes torrents into the folder of a release.
pub(super) struct Torrents {
    folder: PathBuf,
    announce: Vec<String>,
    web_seeds: Vec<String>,
    outside: fonoteca_torrent::Outside,
}

impl Torrents {
    pub fn new(archive: &Archive, options: &Options, folder: PathBuf) -> Self {
        let asked = &options.outside;
        let (announce, web_seeds) = (asked.announce(), asked.web_seeds());
        let comment = asked.comment.clone().unwrap_or_else(|| format!("{} of {}", options.name, archive.name()));
        let outside = fonoteca_torrent::Outside {
            announce: announce.iter().map(|url| vec![url.clone()]).collect(),
            web_seeds: web_seeds.clone(),
            comment: Some(comment),
            created_by: Some(AGENT.to_owned()),
            creation_date: (!asked.undated).then(|| archive.now().as_seconds()),
            source: asked.source.clone(),
            similar: Vec::new(),
        };
        Self { folder, announce, web_seeds, outside }
    }

    /// Writes the torrents of `files`, and puts what is known of them beside what `about` says. `similar`: the v1 info-hashes
    /// of torrents that have files of this one.
    pub fn write(
        &self,
        mut about: ManifestTorrent,
        files: Vec<File>,
        mut similar: Vec<Sha1Hash>,
    ) -> Result<ManifestTorrent, ArchiveError> {
        about.bytes = files.iter().map(|file| file.hashes.size).sum();
        about.files = files.len() as u64;
        similar.truncate(Limits::default().urls);
        let selection = Selection { name: about.name.clone(), files };
        let outside = fonoteca_torrent::Outside { similar, ..self.outside.clone() };
        for kind in [Kind::Hybrid, Kind::V1] {
            let metainfo = fonoteca_torrent::build(&selection, kind, &outside)?;
            about.variants.push(self.write_one(kind, &metainfo)?);
        }
        Ok(about)
    }

    fn write_one(&self, kind: Kind, metainfo: &Metainfo) -> Result<ManifestVariant, ArchiveError> {
        let file_name = match kind {
            Kind::Hybrid => format!("{}.torrent", metainfo.name),
            Kind::V1 => format!("{}.v1.torrent", metainfo.name),
        };
        let bytes = metainfo.to_bytes();
        fonoteca_store::write_file(&self.folder.join(&file_name), bytes)?;
        let infohash_v1 = metainfo
            .info_hash_v1
            .ok_or_else(|| ArchiveError::Bug("a torrent was built without a v1 info-hash".to_owned()))?;
        Ok(ManifestVariant {
            kind,
            infohash_v1,
            infohash_v2: metainfo.info_hash_v2,
            magnet: metainfo.magnet(&self.announce, &self.web_seeds, &[]),
            torrent_bytes: bytes.len() as u64,
            torrent_sha256: Sha256Hash(Sha256::digest(bytes).into()),
            path: file_name,
        })
    }
}
