//! Which artists are one: by their MusicBrainz id, and by a name and a recording in common. A name alone joins nobody.

use futures::TryStreamExt as _;
use serde::Deserialize;

use super::albums::authority;
use super::compare;
use super::ends::Ends;
use super::features::{Features, hash};
use super::names::{Artists, Title};
use super::pairs::{by_code, by_key};
use super::settle::{Item, Node, settle};
use super::spill::{Edge, Record, Spilled, Spilling, parts, put_text, take_bytes, take_i64, take_text};
use super::{IdentityError, Report, Work, reason};
use crate::error::CatalogError;
use crate::schema::{Credit, Table};
use crate::snapshot::Snapshot;

/// Names below are not one name.
const NAME: f32 = 0.8;
/// Artists of one recording that are compared at most.
const ARTISTS_OF_ONE_RECORDING: usize = 64;

/// What is compared of an artist.
struct Facts {
    id: i64,
    /// Name and other names, a line each.
    names: String,
    authority: u8,
    mbid: u64,
}

impl Record for Facts {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.id.to_le_bytes());
        put_text(out, &self.names);
        out.push(self.authority);
        out.extend(self.mbid.to_le_bytes());
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let id = take_i64(input)?;
        let names = take_text(input)?;
        let [authority] = take_bytes(input)?;
        Some(Self { id, names, authority, mbid: u64::from_le_bytes(take_bytes(input)?) })
    }
}

impl Item for Facts {
    fn id(&self) -> i64 {
        self.id
    }

    fn node(&self) -> Node {
        Node::of_source(self.id, self.mbid, self.authority)
    }
}

#[derive(Deserialize)]
struct Row {
    id: i64,
    source: String,
    name: String,
    aliases: Vec<String>,
    mbid: Option<String>,
}

#[derive(Deserialize)]
struct Credited {
    id: i64,
    title: String,
    artists: Vec<Credit>,
}

/// Joins artists. `recordings` has the joins of tracks already.
pub(super) async fn join(
    snapshot: &Snapshot,
    tracks: &Spilled<Features>,
    recordings: &Ends,
    ends: &Ends,
    work: &Work<'_>,
    report: &mut Report,
) -> Result<Spilled<Edge>, IdentityError> {
    work.stage("comparing artists", Some(tracks.len()));
    let mut edges = Spilling::new(work.folder, "artist-pairs", 1)?;
    let mut credited = Spilling::new(work.folder, "credited", parts(tracks.len(), 40))?;
    let mut batches = snapshot.sql_stream("SELECT id, title, artists FROM tracks").await?;
    while let Some(batch) = batches.try_next().await? {
        let rows: Vec<Credited> = serde_arrow::from_record_batch(&batch).map_err(CatalogError::rows(Table::Tracks))?;
        work.done(rows.len() as u64)?;
        for row in rows {
            let recording = recordings.of(row.id);
            // An "Intro" in common is no song in common.
            if recordings.is_joined(recording) && !Title::read(&row.title).is_generic() {
                for credit in row.artists {
                    let pair = Edge { a: recording, b: credit.artist_id.0, reason: 0, score: 0.0 };
                    credited.add(hash(recording), &pair)?;
                }
            }
        }
    }
    by_key(&credited.finish()?, "shared-tracks", ARTISTS_OF_ONE_RECORDING, &mut edges)?;
    let facts = read(snapshot, work).await?;
    // One MusicBrainz id: a chain is enough.
    by_code(&facts, "mbid", |facts| facts.mbid, 1, work, &mut edges)?;
    settle("artists", edges.finish()?, &facts, ends, work, report, judge)
}

async fn read(snapshot: &Snapshot, work: &Work<'_>) -> Result<Spilled<Facts>, IdentityError> {
    let mut spilling = Spilling::new(work.folder, "artists", 1)?;
    let mut batches = snapshot.sql_stream("SELECT id, source, name, aliases, mbid FROM artists").await?;
    while let Some(batch) = batches.try_next().await? {
        work.done(0)?;
        let rows: Vec<Row> = serde_arrow::from_record_batch(&batch).map_err(CatalogError::rows(Table::Artists))?;
        for row in rows {
            let names: Vec<String> =
                std::iter::once(row.name).chain(row.aliases).map(|name| name.replace('\n', " ")).collect();
            let facts = Facts {
                id: row.id,
                names: names.join("\n"),
                authority: authority(&row.source),
                mbid: row.mbid.map_or(0, hash),
            };
            spilling.add(0, &facts)?;
        }
    }
    Ok(spilling.finish()?)
}

/// Looks at a pair with all names of both.
fn judge(a: &Facts, b: &Facts, edge: &Edge) -> Option<f32> {
    if edge.reason == reason("mbid") {
        return Some(1.0);
    }
    if a.mbid != 0 && b.mbid != 0 && a.mbid != b.mbid {
        return None;
    }
    let read = |facts: &Facts| facts.names.lines().map(Artists::read).collect::<Vec<_>>();
    let (these, those) = (read(a), read(b));
    let alike = |one: &Artists, other: &Artists| {
        // "A feat. B" is a credit of two, not the artist A.
        let whole = one.is_known() && other.is_known() && one.guests.is_empty() == other.guests.is_empty();
        if whole { compare::credits(one, other, &[]) } else { 0.0 }
    };
    let best = these.iter().flat_map(|one| those.iter().map(move |other| alike(one, other))).fold(0.0, f32::max);
    (best >= NAME).then_some(best)
}
