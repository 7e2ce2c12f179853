//! Identity: which tracks are one recording, which artists and which albums are one, whoever tells of them.
//!
//! [`find`] reads a snapshot and gives joins with their reasons; whoever calls it makes them rows of `links`. It finds
//! the same joins however often and in whatever order it is asked, nothing new where all is said, and never again what
//! somebody took back. Memory stays bounded: what is grouped waits on disk. The rules, thresholds and what they reach
//! when measured: `docs/design/identity.md`.
//!
//! Reading order: [`names`] (what a title says), [`compare`] (when two are one), [`tracks`] (how pairs are found),
//! [`settle`] (how pairs become joins), then [`albums`] and [`artists`], which follow from the recordings.

mod albums;
mod artists;
mod compare;
mod ends;
mod features;
mod likeness;
mod names;
mod pairs;
mod settle;
mod spill;
mod tracks;

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::Path;

use fonoteca_model::Id;
use fonoteca_model::progress::{Progress, Unit};
use futures::TryStreamExt as _;
use serde::Serialize;

use crate::catalog::Versions;
use crate::error::CatalogError;
use crate::schema::{Album, Artist, LinkEntity, Row, Track};
use crate::snapshot::Snapshot;
use ends::Ends;
pub use likeness::{Likeness, likeness, taken_apart};
use spill::{Edge, Spilled};

/// Why things are joined, the surest first; a row of `links` has one of these words. The last one is said by [`likeness`]
/// alone.
pub const REASONS: &[&str] = &[
    "mbid",
    "isrc",
    "upc",
    "catalogue-number",
    "artist-title-duration",
    "album-position",
    "shared-tracks",
    "upc-position",
];

/// From so many new rows on, everything is asked: remembering which are new would take more memory than it saves time.
const MOST_ASKED: usize = 1 << 24;

/// Why joins could not be looked for.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The tables.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// What waits on disk.
    #[error("the folder for what waits while tracks are compared cannot be used; it needs free space")]
    Io(#[from] io::Error),
    /// Somebody wished to stop.
    #[error("stopped before the end; nothing was joined")]
    Cancelled,
}

/// One join that was found: `from` is the same as `to`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Join {
    /// What no link leads away from so far.
    pub from: Id,
    /// What it is.
    pub to: Id,
    /// One of [`REASONS`].
    pub reason: &'static str,
    /// How sure, 0 to 1.
    pub score: f64,
}

/// What was looked at and found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Tracks read.
    pub tracks: u64,
    /// Pairs that were compared.
    pub compared: u64,
    /// Groups too large to be compared pair by pair: each track met its neighbours only.
    pub large_groups: u64,
    /// Tracks in the largest group.
    pub largest_group: u64,
    /// Pairs that were alike, but at odds with what they were to be joined to.
    pub contradictions: u64,
    /// Pairs that somebody took apart, and that stay apart.
    pub taken_back: u64,
    /// Joins, by what is joined and why.
    pub joins: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    #[serde(skip)]
    entity: &'static str,
}

/// The joins that were found; they wait on disk in the folder that was given, until this is dropped.
pub struct Found {
    /// What was looked at.
    pub report: Report,
    joins: Vec<(LinkEntity, Spilled<Edge>)>,
}

impl Found {
    /// The joins, in an order that is the same every time.
    pub fn joins(&self) -> impl Iterator<Item = Result<(LinkEntity, Join), IdentityError>> {
        self.joins.iter().flat_map(|(entity, joins)| {
            joins.all().map(|edge| {
                let edge = edge?;
                let reason = REASONS[usize::from(edge.reason)];
                Ok((*entity, Join { from: Id(edge.a), to: Id(edge.b), reason, score: f64::from(edge.score) }))
            })
        })
    }

    /// How many.
    pub fn len(&self) -> u64 {
        self.joins.iter().map(|(_, joins)| joins.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Looks for joins. With `since`, only what came after those versions of the tables is asked about (and compared with
/// all there is). `folder` is an empty folder on a disk with about 150 bytes of free space a track.
pub async fn find(
    snapshot: &Snapshot,
    since: Option<&Versions>,
    folder: &Path,
    progress: &dyn Progress,
) -> Result<Found, IdentityError> {
    let work = Work { folder, progress };
    let mut report = Report { entity: LinkEntity::Recording.as_str(), ..Report::default() };
    let recordings = Ends::load(snapshot, LinkEntity::Recording).await?;
    let asked = Asked::since::<Track>(snapshot, since).await?;
    let (of_tracks, tracks) = tracks::join(snapshot, &asked, &recordings, &work, &mut report).await?;
    let recordings = recordings.with(&of_tracks)?;

    report.entity = LinkEntity::Album.as_str();
    let ends = Ends::load(snapshot, LinkEntity::Album).await?;
    let of_albums = albums::join(snapshot, &tracks, &recordings, &ends, &work, &mut report).await?;
    let albums = ends.with(&of_albums)?;

    report.entity = LinkEntity::Recording.as_str();
    let by_place = albums::tracks_by_place(&tracks, &albums, &recordings, &work, &mut report)?;
    let recordings = recordings.with(&by_place)?;

    report.entity = LinkEntity::Artist.as_str();
    let ends = Ends::load(snapshot, LinkEntity::Artist).await?;
    let of_artists = artists::join(snapshot, &tracks, &recordings, &ends, &work, &mut report).await?;
    let joins = vec![
        (LinkEntity::Recording, of_tracks),
        (LinkEntity::Recording, by_place),
        (LinkEntity::Album, of_albums),
        (LinkEntity::Artist, of_artists),
    ];
    Ok(Found { report, joins })
}

/// Whether anything that joins could follow from came after `since`.
pub async fn is_due(snapshot: &Snapshot, since: &Versions) -> Result<bool, IdentityError> {
    Ok(!(Asked::since::<Track>(snapshot, Some(since)).await?.is_nothing()
        && Asked::since::<Album>(snapshot, Some(since)).await?.is_nothing()
        && Asked::since::<Artist>(snapshot, Some(since)).await?.is_nothing()))
}

/// Where work is done and told of.
struct Work<'a> {
    folder: &'a Path,
    progress: &'a dyn Progress,
}

impl Work<'_> {
    fn stage(&self, what: &str, total: Option<u64>) {
        self.progress.stage(what, total, Unit::Items);
    }

    fn done(&self, units: u64) -> Result<(), IdentityError> {
        self.progress.advance(units);
        if self.progress.cancelled() { Err(IdentityError::Cancelled) } else { Ok(()) }
    }
}

/// What is asked about.
enum Asked {
    All,
    Some(HashSet<i64>),
}

impl Asked {
    async fn since<T: Row + Identified>(snapshot: &Snapshot, since: Option<&Versions>) -> Result<Self, CatalogError> {
        let Some(since) = since else { return Ok(Self::All) };
        let mut ids = HashSet::new();
        let mut rows = snapshot.changes::<T>(since).await?;
        while let Some(some) = rows.try_next().await? {
            ids.extend(some.iter().map(Identified::id));
            if ids.len() > MOST_ASKED {
                return Ok(Self::All);
            }
        }
        Ok(Self::Some(ids))
    }

    fn has(&self, id: i64) -> bool {
        match self {
            Self::All => true,
            Self::Some(ids) => ids.contains(&id),
        }
    }

    fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    fn is_nothing(&self) -> bool {
        matches!(self, Self::Some(ids) if ids.is_empty())
    }
}

/// Rows with an id.
trait Identified {
    fn id(&self) -> i64;
}

impl Identified for Track {
    fn id(&self) -> i64 {
        self.id.0
    }
}

impl Identified for Album {
    fn id(&self) -> i64 {
        self.id.0
    }
}

impl Identified for Artist {
    fn id(&self) -> i64 {
        self.id.0
    }
}

/// Sources that tell their own artists and albums apart: two rows of one of them are never joined by anything but an
/// id.
const AUTHORITIES: &[&str] = &["musicbrainz", "discogs"];

/// The place of a reason in [`REASONS`].
fn reason(word: &str) -> u8 {
    REASONS.iter().position(|known| *known == word).unwrap_or(REASONS.len() - 1) as u8
}
