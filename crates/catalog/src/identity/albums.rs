//! Which albums are one: by their codes, and by the recordings on them. And what follows for tracks of unknown length.

use futures::TryStreamExt as _;
use serde::Deserialize;

use super::compare;
use super::ends::Ends;
use super::features::{Features, hash};
use super::names::{Artists, Title};
use super::pairs::by_code;
use super::settle::{Item, Node, settle};
use super::spill::{Edge, Record, Spilled, Spilling, parts, put_text, take_bytes, take_i64, take_text};
use super::{AUTHORITIES, IdentityError, Report, Work, reason};
use crate::error::CatalogError;
use crate::schema::Table;
use crate::snapshot::Snapshot;

/// A recording on more albums than this says nothing about them.
const ALBUMS_OF_ONE_RECORDING: usize = 64;
/// Of the tracks of the larger of two albums, so many must be on the other.
const SHARED: f32 = 0.7;
/// With a code in common, titles must only not be at odds.
const CODED_TITLE: f32 = 0.6;

/// What is compared of an album.
struct Facts {
    id: i64,
    title: String,
    credit: String,
    authority: u8,
    mbid: u64,
    upc: u64,
    /// Of label and catalogue number; 0: not both are known.
    number: u64,
    tracks: u32,
}

impl Record for Facts {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.id.to_le_bytes());
        put_text(out, &self.title);
        put_text(out, &self.credit);
        out.push(self.authority);
        for number in [self.mbid, self.upc, self.number] {
            out.extend(number.to_le_bytes());
        }
        out.extend(self.tracks.to_le_bytes());
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let id = take_i64(input)?;
        let (title, credit) = (take_text(input)?, take_text(input)?);
        let [authority] = take_bytes(input)?;
        let [mbid, upc, number] = [take_bytes(input)?, take_bytes(input)?, take_bytes(input)?].map(u64::from_le_bytes);
        Some(Self { id, title, credit, authority, mbid, upc, number, tracks: u32::from_le_bytes(take_bytes(input)?) })
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

/// Which authority a source is, from 1; 0: none.
pub(super) fn authority(source: &str) -> u8 {
    AUTHORITIES.iter().position(|known| *known == source).map_or(0, |at| at as u8 + 1)
}

#[derive(Deserialize)]
struct Row {
    id: i64,
    source: String,
    title: String,
    artist_credit: String,
    upc: Option<String>,
    mbid: Option<String>,
    label: Option<String>,
    catalogue_number: Option<String>,
}

const QUERY: &str = "SELECT id, source, title, artist_credit, upc, mbid, label, catalogue_number FROM albums";

/// A catalogue number without what labels and shops write differently; None where it says nothing.
fn number(label: Option<&str>, number: Option<&str>) -> Option<u64> {
    let plain =
        |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let number = plain(number?);
    let label = fonoteca_model::fold::fold(label?);
    let words =
        label.split(' ').filter(|word| !matches!(*word, "records" | "recordings" | "label" | "netlabel" | "music"));
    let label = words.collect::<Vec<_>>().join(" ");
    let says = number.len() >= 3 && number.chars().any(char::is_numeric) && number != "none" && !label.is_empty();
    says.then(|| hash(("number", label, number)))
}

/// Joins albums. `recordings` has the joins of tracks already.
pub(super) async fn join(
    snapshot: &Snapshot,
    tracks: &Spilled<Features>,
    recordings: &Ends,
    ends: &Ends,
    work: &Work<'_>,
    report: &mut Report,
) -> Result<Spilled<Edge>, IdentityError> {
    work.stage("comparing albums", Some(tracks.len()));
    let mut edges = Spilling::new(work.folder, "album-pairs", 1)?;
    let mut candidates = sharing(tracks, recordings, work, &mut edges)?;
    candidates.sort_unstable();
    candidates.dedup();
    // How long the albums are that share anything: 12 bytes each.
    let mut sizes = vec![0u32; candidates.len()];
    for track in tracks.all() {
        if let Some(at) = track?.album.and_then(|album| candidates.binary_search(&album).ok()) {
            sizes[at] += 1;
        }
    }
    let facts = read(snapshot, work, |id| candidates.binary_search(&id).ok().map_or(0, |at| sizes[at])).await?;
    drop((candidates, sizes));
    type Code = fn(&Facts) -> u64;
    let codes: [(&str, Code); 3] =
        [("mbid", |facts| facts.mbid), ("upc", |facts| facts.upc), ("catalogue-number", |facts| facts.number)];
    for (word, code) in codes {
        by_code(&facts, word, code, ALBUMS_OF_ONE_RECORDING, work, &mut edges)?;
    }
    settle("albums", edges.finish()?, &facts, ends, work, report, judge)
}

async fn read(
    snapshot: &Snapshot,
    work: &Work<'_>,
    tracks: impl Fn(i64) -> u32,
) -> Result<Spilled<Facts>, IdentityError> {
    let mut spilling = Spilling::new(work.folder, "albums", 1)?;
    let mut batches = snapshot.sql_stream(QUERY).await?;
    while let Some(batch) = batches.try_next().await? {
        work.done(0)?;
        let rows: Vec<Row> = serde_arrow::from_record_batch(&batch).map_err(CatalogError::rows(Table::Albums))?;
        for row in rows {
            let facts = Facts {
                id: row.id,
                authority: authority(&row.source),
                mbid: row.mbid.map_or(0, hash),
                upc: row.upc.map_or(0, hash),
                number: number(row.label.as_deref(), row.catalogue_number.as_deref()).unwrap_or(0),
                title: row.title,
                credit: row.artist_credit,
                tracks: tracks(row.id),
            };
            spilling.add(0, &facts)?;
        }
    }
    Ok(spilling.finish()?)
}

/// A pair of albums for each recording that they share; returns their ids.
fn sharing(
    tracks: &Spilled<Features>,
    recordings: &Ends,
    work: &Work<'_>,
    edges: &mut Spilling<Edge>,
) -> Result<Vec<i64>, IdentityError> {
    let mut on = Spilling::new(work.folder, "albums-of-recordings", parts(tracks.len(), 40))?;
    for track in tracks.all() {
        let track = track?;
        work.done(1)?;
        let recording = recordings.of(track.id);
        if let Some(album) = track.album.filter(|_| recordings.is_joined(recording)) {
            on.add(hash(recording), &Edge { a: recording, b: album, reason: 0, score: 0.0 })?;
        }
    }
    let on = on.finish()?;
    let mut found = Vec::new();
    for part in 0..on.parts() {
        work.done(0)?;
        let mut rows: Vec<Edge> = on.part(part)?.collect::<Result<_, _>>()?;
        rows.sort_by_key(|row| (row.a, row.b));
        rows.dedup_by_key(|row| (row.a, row.b));
        for group in rows.chunk_by(|one, other| one.a == other.a) {
            if !(2..=ALBUMS_OF_ONE_RECORDING).contains(&group.len()) {
                continue;
            }
            for (at, one) in group.iter().enumerate() {
                found.push(one.b);
                for other in &group[at + 1..] {
                    edges.add(0, &Edge { a: one.b, b: other.b, reason: reason("shared-tracks"), score: 1.0 })?;
                }
            }
        }
    }
    Ok(found)
}

/// Looks at a pair with all that is known of both. The score of a pair that shares recordings is how many it shares.
fn judge(a: &Facts, b: &Facts, edge: &Edge) -> Option<f32> {
    let titles = compare::title(&Title::read(&a.title), &Title::read(&b.title));
    let (one, other) = (Artists::read(&a.credit), Artists::read(&b.credit));
    let nobody = !one.is_known() && !other.is_known();
    let artists = if nobody { 1.0 } else { compare::credits(&one, &other, &[]) };
    let told_apart = a.mbid != 0 && b.mbid != 0 && a.mbid != b.mbid;
    if edge.reason == reason("mbid") {
        return Some(1.0);
    }
    if told_apart || titles < CODED_TITLE {
        return None;
    }
    if edge.reason == reason("upc") {
        return Some(0.9 + 0.1 * titles);
    }
    if edge.reason == reason("catalogue-number") {
        return (titles >= compare::TITLE || artists >= compare::ARTIST).then_some(0.85 + 0.1 * titles);
    }
    let share = edge.score / a.tracks.max(b.tracks).max(1) as f32;
    // Two recordings in common say more than how the credit is written; of one alone, the credit must agree too.
    let alike = titles >= compare::TITLE && share >= SHARED && (artists >= compare::ARTIST || edge.score >= 2.0);
    alike.then_some(0.6 * titles + 0.1 * artists + 0.3 * share.min(1.0))
}

/// Tracks of unknown length at one place of albums that are one, with one title.
pub(super) fn tracks_by_place(
    tracks: &Spilled<Features>,
    albums: &Ends,
    recordings: &Ends,
    work: &Work<'_>,
    report: &mut Report,
) -> Result<Spilled<Edge>, IdentityError> {
    work.stage("comparing tracks by their place", Some(tracks.len()));
    let mut placed = Spilling::new(work.folder, "placed", parts(tracks.len(), 200))?;
    for track in tracks.all() {
        let track = track?;
        work.done(1)?;
        let album = track.album.map(|album| albums.of(album)).filter(|album| albums.is_joined(*album));
        if let Some(album) = album.filter(|_| track.place.1 > 0) {
            placed.add(hash((album, track.place)), &track)?;
        }
    }
    let placed = placed.finish()?;
    let mut edges = Spilling::new(work.folder, "place-pairs", 1)?;
    for part in 0..placed.parts() {
        let mut rows: Vec<Features> = placed.part(part)?.collect::<Result<_, _>>()?;
        let at = |track: &Features| (track.album.map(|album| albums.of(album)), track.place);
        rows.sort_by_key(|track| (at(track), track.id));
        for group in rows.chunk_by(|one, other| at(one) == at(other)) {
            for (first, one) in group.iter().enumerate() {
                for other in &group[first + 1..] {
                    let unknown = one.duration_ms.is_none() || other.duration_ms.is_none();
                    if unknown
                        && one.title.kinds == other.title.kinds
                        && compare::title(&one.title, &other.title) > 0.95
                    {
                        let edge = Edge { a: one.id, b: other.id, reason: reason("album-position"), score: 0.95 };
                        edges.add(0, &edge)?;
                    }
                }
            }
        }
    }
    settle("placed-tracks", edges.finish()?, tracks, recordings, work, report, |_, _, edge| Some(edge.score))
}
