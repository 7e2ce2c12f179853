//! Identity: finding what is one, writing it down as links, showing why, and taking it back.
//!
//! What is one is found by [`fonoteca_catalog::identity`]; here it becomes rows of `links`. A run remembers, as an
//! event, which versions of the tables it looked at, and the next one asks only about what came since. A join that
//! somebody took back is never made again.

use std::collections::{BTreeMap, HashSet};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use fonoteca_catalog::arrow::array::{Array as _, AsArray as _};
use fonoteca_catalog::identity::{Found, IdentityError, Join, Report, find, is_due};
use fonoteca_catalog::{Batch, Event, Link, LinkEntity, Outcome, Snapshot, Table, Versions};
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_model::{Id, Timestamp};
use serde::{Deserialize, Serialize};

use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::ingest::AGENT;
use crate::moment::{job, later_than};
use crate::rights::stable_id;

/// Links of one commit.
const LINKS_PER_COMMIT: usize = 100_000;
/// Raised when the rules change: then everything is asked again.
const RULES: u32 = 1;

/// What a run is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// What came since the last run.
    New,
    /// Everything.
    All,
}

/// What a run found and did; a line of `links join --json`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Joined {
    /// Nothing came since the last run, so nothing was looked at.
    pub nothing_new: bool,
    /// Whether everything was asked, or what came since the last run.
    pub everything: bool,
    /// What was looked at and found.
    #[serde(flatten)]
    pub report: Report,
    /// Links written. Fewer than were found where somebody else wrote meanwhile: the next run finds the rest.
    pub written: u64,
}

/// What was looked at, as the event of a run keeps it.
#[derive(Serialize, Deserialize)]
struct LookedAt {
    rules: u32,
    versions: BTreeMap<String, i64>,
    links: u64,
}

/// The folder for what waits on disk while a run compares; only one run at a time has it.
struct Waiting {
    folder: PathBuf,
    _lock: File,
}

impl Waiting {
    fn new(archive: &Archive) -> Result<Self, ArchiveError> {
        let (folder, lock) = (archive.state_path().join("identity"), archive.state_path().join("identity.lock"));
        let file = File::options().create(true).truncate(false).write(true).open(&lock);
        let file = file.map_err(ArchiveError::io(&lock, "cannot be made"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ArchiveError::Busy { what: "fonoteca links join" }),
            Err(TryLockError::Error(error)) => return Err(ArchiveError::io(&lock, "cannot be locked")(error)),
        }
        // What a killed run left is worth nothing.
        remove(&folder)?;
        std::fs::create_dir_all(&folder).map_err(ArchiveError::io(&folder, "cannot be made"))?;
        Ok(Self { folder, _lock: file })
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // What cannot be removed now, the next run removes before it begins.
        let _ = remove(&self.folder);
    }
}

fn remove(folder: &Path) -> Result<(), ArchiveError> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(ArchiveError::io(folder, "cannot be removed")(error))
        }
        _ => Ok(()),
    }
}

/// Finds joins, and writes them unless `dry`.
pub async fn join(
    archive: &Archive,
    extent: Extent,
    dry: bool,
    progress: &dyn Progress,
) -> Result<Joined, ArchiveError> {
    let waiting = Waiting::new(archive)?;
    let snapshot = archive.snapshot().await?;
    let mut since = match extent {
        Extent::New => last_run(&snapshot).await?,
        Extent::All => None,
    };
    if let Some(versions) = &since {
        match is_due(&snapshot, versions).await {
            Ok(true) => {}
            Ok(false) => return Ok(Joined { nothing_new: true, ..Joined::default() }),
            Err(error) => {
                progress.note(&format!(
                    "everything is asked: what was looked at last time cannot be read any more ({error})"
                ));
                since = None;
            }
        }
    }
    let told = |error| told(error, &waiting.folder);
    let found = find(&snapshot, since.as_ref(), &waiting.folder, progress).await.map_err(told)?;
    let mut joined = Joined { everything: since.is_none(), report: found.report.clone(), ..Joined::default() };
    if !dry {
        joined.written = write(archive, &snapshot, &found, progress, &waiting.folder).await?;
        if joined.written > 0 {
            archive.refresh_index_with(progress).await?;
        }
    }
    Ok(joined)
}

fn told(error: IdentityError, folder: &Path) -> ArchiveError {
    match error {
        IdentityError::Catalog(error) => error.into(),
        IdentityError::Cancelled => ArchiveError::Cancelled,
        IdentityError::Io(error) => {
            ArchiveError::io(folder, "cannot hold what waits while tracks are compared: it needs free space")(error)
        }
    }
}

async fn write(
    archive: &Archive,
    looked_at: &Snapshot,
    found: &Found,
    progress: &dyn Progress,
    folder: &Path,
) -> Result<u64, ArchiveError> {
    progress.stage("writing links", Some(found.len()), Unit::Items);
    let mut written = 0;
    let mut some: Vec<(LinkEntity, Join)> = Vec::new();
    for join in found.joins() {
        some.push(join.map_err(|error| told(error, folder))?);
        if some.len() == LINKS_PER_COMMIT {
            written += commit(archive, std::mem::take(&mut some), None).await?;
            progress.advance(LINKS_PER_COMMIT as u64);
            if progress.cancelled() {
                return Err(ArchiveError::Cancelled);
            }
        }
    }
    // Last, so that a run that was killed is no run: the next one asks the same again, and finds what is not there yet.
    Ok(written + commit(archive, some, Some(looked_at)).await?)
}

/// Writes those joins that still fit, and, at the end of a run, the event that says what it looked at.
async fn commit(
    archive: &Archive,
    joins: Vec<(LinkEntity, Join)>,
    run: Option<&Snapshot>,
) -> Result<u64, ArchiveError> {
    let writer = archive.catalog().writer().await?;
    let snapshot = writer.snapshot().clone();
    let now = later_than(archive, &snapshot, "links", "at").await?;
    let mut batch = Batch::default();
    for entity in LinkEntity::ALL {
        let links = joins.iter().filter(|(of, _)| of == entity).map(|(_, join)| link(*entity, join, now)).collect();
        batch.links.extend(still_fitting(&snapshot, *entity, links).await?);
    }
    let written = batch.links.len() as u64;
    if let Some(looked_at) = run {
        let versions =
            looked_at.versions().iter().map(|(table, version)| (table.name().to_owned(), *version)).collect();
        let seen = LookedAt { rules: RULES, versions, links: written };
        batch.events.push(Event {
            id: stable_id(&["links join", &now.0.to_string()]),
            at: now,
            kind: "metadata modification".to_owned(),
            subject_kind: "table".to_owned(),
            subject: Table::Links.name().to_owned(),
            outcome: Outcome::Success,
            detail: Some(serde_json::to_string(&seen).map_err(|error| ArchiveError::Bug(error.to_string()))?),
            agent: AGENT.to_owned(),
        });
    }
    if written > 0 || run.is_some() {
        writer.commit(&job("links", now, &snapshot), 0, batch).await?;
    }
    Ok(written)
}

fn link(entity: LinkEntity, join: &Join, now: Timestamp) -> Link {
    Link {
        id: stable_id(&["link", &join.from.to_string(), &join.to.to_string(), join.reason]),
        entity,
        from_id: join.from,
        to_id: join.to,
        reason: join.reason.to_owned(),
        score: join.score,
        supersedes: None,
        at: now,
    }
}

/// Without links that were written before (and perhaps taken back), and those whose ends were joined by others
/// meanwhile.
async fn still_fitting(snapshot: &Snapshot, entity: LinkEntity, links: Vec<Link>) -> Result<Vec<Link>, ArchiveError> {
    if links.is_empty() {
        return Ok(links);
    }
    let ids: Vec<String> = links.iter().map(|link| link.id.clone()).collect();
    let known: HashSet<String> =
        snapshot.rows_by::<Link, String>("id", &ids).await?.into_iter().map(|link| link.id).collect();
    let asked: Vec<Id> = links.iter().flat_map(|link| [link.from_id, link.to_id]).collect();
    let ends = snapshot.resolve(entity, &asked).await?;
    let fits = |link: &Link| {
        let from_is_free = ends.get(&link.from_id) == Some(&link.from_id);
        from_is_free && ends.get(&link.to_id) == Some(&link.to_id) && !known.contains(&link.id)
    };
    Ok(links.into_iter().filter(fits).collect())
}

/// The versions that the last run looked at; None before the first one, and after the rules changed.
async fn last_run(snapshot: &Snapshot) -> Result<Option<Versions>, ArchiveError> {
    let query = "SELECT detail FROM events WHERE kind = 'metadata modification' AND subject_kind = 'table' \
                 AND subject = 'links' ORDER BY at DESC, id LIMIT 1";
    let batches = snapshot.sql(query).await?;
    let detail = batches.iter().find_map(|batch| {
        let column = batch.column(0).as_string_opt::<i32>()?;
        (batch.num_rows() > 0 && column.is_valid(0)).then(|| column.value(0).to_owned())
    });
    let seen: Option<LookedAt> = detail.and_then(|detail| serde_json::from_str(&detail).ok());
    Ok(seen.filter(|seen| seen.rules == RULES).map(|seen| {
        let named = |table: &Table| Some((*table, *seen.versions.get(table.name())?));
        Table::ALL.iter().filter_map(named).collect()
    }))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
pub(crate) fn as_hex<S: serde::Serializer>(id: &Id, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(id)
}

/// One thing that others are the same as: an object of `links show --json`.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// `recording`, `artist` or `album`.
    pub entity: LinkEntity,
    /// The id that all of it goes by.
    #[serde(serialize_with = "as_hex")]
    pub id: Id,
    /// Everything that is this, with the link that says so.
    pub members: Vec<Member>,
}

/// One statement about it.
#[derive(Debug, Clone, Serialize)]
pub struct Member {
    /// The track, artist or album.
    #[serde(serialize_with = "as_hex")]
    pub id: Id,
    /// Who tells of it; None: it is in no table any more.
    pub source: Option<String>,
    /// Its name there.
    pub name: Option<String>,
    /// The link by which it is the same; None for what the others are joined to.
    pub link: Option<ShownLink>,
}

/// A link as machine output has it: moments in milliseconds.
#[derive(Debug, Clone, Serialize)]
pub struct ShownLink {
    /// Its id.
    pub id: String,
    /// Where it leads.
    #[serde(serialize_with = "as_hex")]
    pub to_id: Id,
    /// Why.
    pub reason: String,
    /// How sure, 0 to 1.
    pub score: f64,
    /// Since when.
    pub at_ms: i64,
}

/// Why `id` is one with others: as a recording, an artist or an album. Nothing where no link says so.
pub async fn show(archive: &Archive, id: Id) -> Result<Vec<Shown>, ArchiveError> {
    let snapshot = archive.snapshot().await?;
    let mut shown = Vec::new();
    for entity in LinkEntity::ALL {
        let (end, links) = snapshot.joins_of(*entity, id).await?;
        if links.is_empty() {
            continue;
        }
        let mut ids = vec![end];
        ids.extend(links.iter().map(|link| link.from_id));
        let names = names(&snapshot, *entity, &ids).await?;
        let member = |id: Id, link: Option<&Link>| {
            let (source, name) = names.get(&id).cloned().unzip();
            let link = link.map(|link| ShownLink {
                id: link.id.clone(),
                to_id: link.to_id,
                reason: link.reason.clone(),
                score: link.score,
                at_ms: link.at.as_millis(),
            });
            Member { id, source, name, link }
        };
        let first = std::iter::once(member(end, None));
        let members = first.chain(links.iter().map(|link| member(link.from_id, Some(link)))).collect();
        shown.push(Shown { entity: *entity, id: end, members });
    }
    Ok(shown)
}

/// Source and name of each.
async fn names(
    snapshot: &Snapshot,
    entity: LinkEntity,
    ids: &[Id],
) -> Result<BTreeMap<Id, (String, String)>, ArchiveError> {
    let by =
        |artist: &str, title: &str| if artist.is_empty() { title.to_owned() } else { format!("{artist} – {title}") };
    Ok(match entity {
        LinkEntity::Recording => {
            let rows = snapshot.tracks(ids).await?.into_values();
            rows.map(|row| (row.id, (row.source, by(&row.artist_credit, &row.title)))).collect()
        }
        LinkEntity::Album => {
            let rows = snapshot.albums(ids).await?.into_values();
            rows.map(|row| (row.id, (row.source, by(&row.artist_credit, &row.title)))).collect()
        }
        LinkEntity::Artist => {
            let rows = snapshot.artists(ids).await?.into_values();
            rows.map(|row| (row.id, (row.source, row.name))).collect()
        }
    })
}

/// One join that would be taken back.
#[derive(Debug, Clone, Serialize)]
pub struct Undo {
    /// The link.
    pub link: String,
    /// `recording`, `artist` or `album`.
    pub entity: LinkEntity,
    /// What stands apart again, with all that leads to it.
    #[serde(serialize_with = "as_hex")]
    pub from_id: Id,
    /// From what.
    #[serde(serialize_with = "as_hex")]
    pub to_id: Id,
    /// Why it was joined.
    pub reason: String,
}

/// Looks at what taking back these joins means. Only joins that count can be taken back.
pub async fn plan_undo(archive: &Archive, links: &[String]) -> Result<Vec<Undo>, ArchiveError> {
    undos(&archive.snapshot().await?, links).await
}

async fn undos(snapshot: &Snapshot, links: &[String]) -> Result<Vec<Undo>, ArchiveError> {
    let rows: Vec<Link> = snapshot.rows_by("id", links).await?;
    let mut found = Vec::new();
    for id in links.iter().collect::<std::collections::BTreeSet<_>>() {
        let link = rows.iter().find(|link| link.id == *id);
        let link = link.ok_or_else(|| {
            ArchiveError::Usage(format!("there is no link {id:?}: `fonoteca links show ID` names the links of a track"))
        })?;
        let counting = snapshot.counting_links(link.entity, &[link.from_id]).await?;
        let counts = counting.get(&link.from_id).is_some_and(|found| found.id == link.id);
        if !counts || link.from_id == link.to_id {
            return Err(ArchiveError::Usage(format!(
                "the link {id} joins nothing any more: it was taken back or replaced"
            )));
        }
        found.push(Undo {
            link: link.id.clone(),
            entity: link.entity,
            from_id: link.from_id,
            to_id: link.to_id,
            reason: link.reason.clone(),
        });
    }
    Ok(found)
}

/// Takes joins back, for good: no later run makes them again. Everything else stays as it is; what points at either
/// side goes on pointing at it.
pub async fn undo(archive: &Archive, plan: &[Undo], asserted_by: &str) -> Result<(), ArchiveError> {
    let writer = archive.catalog().writer().await?;
    let snapshot = writer.snapshot().clone();
    let ids: Vec<String> = plan.iter().map(|undo| undo.link.clone()).collect();
    let now = later_than(archive, &snapshot, "links", "at").await?;
    let mut batch = Batch::default();
    for undo in undos(&snapshot, &ids).await? {
        batch.links.push(Link {
            id: stable_id(&["undo", &undo.link, &now.0.to_string()]),
            entity: undo.entity,
            from_id: undo.from_id,
            to_id: undo.from_id,
            reason: "undone".to_owned(),
            score: 1.0,
            supersedes: Some(undo.link.clone()),
            at: now,
        });
        batch.events.push(Event {
            id: stable_id(&["links undo", &undo.link, &now.0.to_string()]),
            at: now,
            kind: "metadata modification".to_owned(),
            subject_kind: "link".to_owned(),
            subject: undo.link,
            outcome: Outcome::Success,
            detail: Some(format!("{} stands apart from {} again", undo.from_id, undo.to_id)),
            agent: asserted_by.to_owned(),
        });
    }
    writer.commit(&job("links", now, &snapshot), 0, batch).await?;
    archive.refresh_index().await?;
    Ok(())
}
