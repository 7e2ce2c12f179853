//! Who may have a piece: another archive's store, a plain folder, the server of an archive.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use bytes::Bytes;
use fonoteca_model::progress::Progress;
use fonoteca_model::{BlobHashes, BlobId};
use serde::{Serialize, Serializer};

use super::folder::Folder;
use super::site::Site;
use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::mirror::Mirror;

/// Failures in a row after which a source is asked no more.
const PATIENCE: u32 = 3;

/// Where copies may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Another archive, or any folder with the same files under whatever names.
    Folder(PathBuf),
    /// The server of an archive that gives them out, without `/webseed/`.
    Url(String),
}

impl FromStr for Source {
    type Err = Infallible;
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let is_url = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
        Ok(if is_url { Self::Url(text.trim_end_matches('/').to_owned()) } else { Self::Folder(text.into()) })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Url(url) => url.fmt(f),
        }
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The servers of the feeds that are followed.
pub(super) fn followed(archive: &Archive) -> Result<Vec<Source>, ArchiveError> {
    let mirrors = Mirror::all(archive)?;
    Ok(mirrors.iter().flat_map(Mirror::addresses).map(|url| Source::Url(url.to_owned())).collect())
}

/// All that are asked in one repair.
pub(super) struct Sources {
    all: Vec<Asked>,
    wanted: BTreeSet<BlobId>,
}

struct Asked {
    from: Source,
    kind: Kind,
    /// It is asked no more.
    over: bool,
    failures: u32,
}

enum Kind {
    Folder(Folder),
    Site(Box<Site>),
}

impl Sources {
    /// Looks at the folders; no server is asked yet.
    pub fn open(archive: &Archive, from: &[Source], wanted: BTreeSet<BlobId>) -> Result<Self, ArchiveError> {
        let mut all = Vec::new();
        for from in from {
            let kind = match from {
                Source::Folder(path) => Kind::Folder(Folder::open(archive, path)?),
                Source::Url(url) => Kind::Site(Box::new(Site::new(archive, url, &wanted)?)),
            };
            all.push(Asked { from: from.clone(), kind, over: false, failures: 0 });
        }
        Ok(Self { all, wanted })
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn name(&self, index: usize) -> String {
        self.all[index].from.to_string()
    }

    /// A piece as this source has it; none where it does not.
    pub async fn ask(
        &mut self,
        index: usize,
        expected: &BlobHashes,
        piece: u64,
        progress: &dyn Progress,
    ) -> Result<Option<Bytes>, ArchiveError> {
        let source = &mut self.all[index];
        let Some(range) = expected.piece_range(piece).filter(|_| !source.over) else { return Ok(None) };
        let answer = match &mut source.kind {
            Kind::Folder(folder) => folder.read(expected, piece, range).await,
            Kind::Site(site) => site.read(expected, range, &self.wanted).await,
        };
        source.failures = if answer.is_err() { source.failures + 1 } else { 0 };
        if source.failures == PATIENCE {
            source.over = true;
            progress.note(&format!("{} does not answer and is asked no more", source.from));
        }
        answer
    }

    /// It gave wrong bytes. A server is asked no more; of a copy on a disk the other pieces may well be right, and each is
    /// proven anyway.
    pub fn refuse(&mut self, index: usize) {
        let source = &mut self.all[index];
        source.over |= matches!(source.kind, Kind::Site(_));
    }
}
