//! The held music as one user may see it: what both the Subsonic API and the web page ask.
//!
//! Songs are shown only where audio is held and the rights let this user hear it. Albums and artists are shown as soon as
//! something of theirs is held, since a list that is filtered after the fact could not be paged through.

mod browse;
mod search;
mod songs;
mod words;

use std::time::Instant;

use fonoteca_accounts::{Role, User};
use fonoteca_catalog::{Album, Artist, File, Snapshot, Track};
use fonoteca_model::rights::Use;
use fonoteca_model::{BlobId, Timestamp};

use crate::app::{App, VIEW_AGE};
use crate::error::Internal;
pub(crate) use words::Words;

/// A track with the audio that plays for it.
#[derive(Debug, Clone)]
pub(crate) struct Song {
    pub(crate) track: Track,
    pub(crate) album: Option<Album>,
    pub(crate) file: File,
    /// Where in the file the track begins; nothing: at its start.
    pub(crate) start_ms: Option<i64>,
    /// Where it ends; nothing: at its end.
    pub(crate) end_ms: Option<i64>,
    pub(crate) genres: Vec<String>,
}

impl Song {
    /// How long it plays.
    pub(crate) fn duration_ms(&self) -> i64 {
        self.end_ms.unwrap_or(self.file.duration_ms) - self.start_ms.unwrap_or(0)
    }

    /// Whether it is a part of a file only, as a CUE sheet says.
    pub(crate) fn is_part(&self) -> bool {
        self.start_ms.is_some() || self.end_ms.is_some()
    }

    /// About how many bytes it has: of a part its share of the file's.
    pub(crate) fn bytes(&self) -> i64 {
        if !self.is_part() || self.file.duration_ms <= 0 {
            return self.file.size;
        }
        let share = self.duration_ms() as f64 / self.file.duration_ms as f64;
        (self.file.size as f64 * share.clamp(0.0, 1.0)) as i64
    }

    /// The blob of its cover, the file's own before the album's.
    pub(crate) fn cover_root(&self) -> Option<BlobId> {
        self.file.cover_root.or_else(|| self.album.as_ref()?.cover_root)
    }
}

/// An album with what is held of it.
#[derive(Debug, Clone)]
pub(crate) struct AlbumItem {
    pub(crate) album: Album,
    pub(crate) song_count: u64,
    pub(crate) duration_ms: i64,
    /// When the first of it was taken in.
    pub(crate) added: Timestamp,
    pub(crate) has_cover: bool,
}

/// An artist with the number of held albums.
#[derive(Debug, Clone)]
pub(crate) struct ArtistItem {
    pub(crate) artist: Artist,
    /// Not counted in search results.
    pub(crate) album_count: Option<u64>,
}

/// A genre with its counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Genre {
    pub(crate) name: String,
    pub(crate) songs: u64,
    pub(crate) albums: u64,
}

/// A cover's bytes.
#[derive(Debug, Clone)]
pub(crate) struct Cover {
    pub(crate) root: BlobId,
    pub(crate) size: u64,
    pub(crate) mime: String,
}

/// The answer to: may I hear this?
#[derive(Debug)]
pub(crate) enum Hearing {
    /// Yes.
    Song(Box<Song>),
    /// It is held, but the rights say no, for this reason.
    Refused(String),
    /// No such track, or no audio for it.
    Unknown,
}

/// The order of a list of albums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AlbumSort {
    Newest,
    Name,
    Artist,
    Random(u64),
    /// Backwards when `from` is after `to`.
    Year {
        from: i32,
        to: i32,
    },
    Genre(String),
    /// What the user played most.
    Frequent,
    /// What the user played last.
    Recent,
    Starred,
    /// What the user rated highest.
    Highest,
}

/// A part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) offset: u32,
    pub(crate) limit: u32,
}

/// A view of the tables that requests share for a moment.
#[derive(Clone)]
pub(crate) struct View {
    snapshot: Snapshot,
    taken: Instant,
}

/// The music as one user sees it at one moment.
pub(crate) struct Library<'a> {
    app: &'a App,
    user: &'a User,
    snapshot: Snapshot,
}

impl<'a> Library<'a> {
    /// As the tables are now, or were a second ago.
    pub(crate) async fn open(app: &'a App, user: &'a User) -> Result<Self, Internal> {
        let mut view = app.view.lock().await;
        if let Some(View { snapshot, taken }) = &*view
            && taken.elapsed() < VIEW_AGE
        {
            return Ok(Self { app, user, snapshot: snapshot.clone() });
        }
        let snapshot = app.archive.snapshot().await.map_err(|error| app.internal("reading the tables", &error))?;
        *view = Some(View { snapshot: snapshot.clone(), taken: Instant::now() });
        Ok(Self { app, user, snapshot })
    }

    /// The use that hearing something is for this user.
    fn hearing(&self) -> Use {
        match self.user.role {
            Role::Owner => Use::StreamOwner,
            Role::Listener => Use::StreamAccounts,
        }
    }

    fn failed(&self, error: &dyn std::error::Error) -> Internal {
        self.app.internal("reading the tables", error)
    }
}
