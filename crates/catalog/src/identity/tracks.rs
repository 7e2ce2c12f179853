//! Which tracks may be one recording: pairs found through keys, group by group.
//!
//! Each pass groups all tracks by one key and compares within the groups. Two statements that differ by a typo in one
//! place share at least one key; nothing is ever compared with everything.

use super::compare::{by_isrc, by_mbid, by_names};
use super::ends::Ends;
use super::features::{Features, hash, read_tracks};
use super::names::Artists;
use super::settle::{Item, Node, settle};
use super::spill::{Edge, Spilled, Spilling, parts};
use super::{Asked, IdentityError, Report, Work, reason};
use crate::snapshot::Snapshot;

/// Groups up to this size are compared pair by pair.
const PAIRWISE: usize = 64;
/// In larger ones each is compared with so many neighbours, in two orders.
const NEIGHBOURS: usize = 32;
/// Bytes that a track takes while it waits on disk, about.
const TRACK_BYTES: u64 = 200;

/// What one pass groups by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pass {
    Mbid,
    Isrc,
    /// All words of the title: finds other spellings of the artist.
    Title,
    /// All words of the credit: finds other spellings of the title.
    Artist,
    /// How the words of the title begin, with the artists' initials: finds typos in both.
    Beginnings,
    /// How they end.
    Endings,
}

const PASSES: [(Pass, &str); 6] = [
    (Pass::Mbid, "by MusicBrainz id"),
    (Pass::Isrc, "by ISRC"),
    (Pass::Title, "by title"),
    (Pass::Artist, "by artist"),
    (Pass::Beginnings, "by beginnings of words"),
    (Pass::Endings, "by endings of words"),
];

impl Item for Features {
    fn id(&self) -> i64 {
        self.id
    }

    fn node(&self) -> Node {
        Node {
            id: self.id,
            length: self.duration_ms,
            mbid: self.mbid,
            exclusive: self.album,
            from_musicbrainz: self.from_musicbrainz,
        }
    }
}

impl Pass {
    /// The keys of a track; none where the pass cannot find it.
    fn keys(self, track: &Features) -> Vec<u64> {
        match self {
            Self::Mbid => Vec::from_iter((track.mbid != 0).then_some(track.mbid)),
            Self::Isrc => Vec::from_iter((track.isrc != 0).then_some(track.isrc)),
            _ if track.duration_ms.is_none() || track.title.words.is_empty() || !track.artists.is_known() => Vec::new(),
            Self::Title => {
                let mut words: Vec<&String> = track.title.words.iter().collect();
                words.sort_unstable();
                vec![hash(("title", words))]
            }
            Self::Artist => each_name(track, |names| hash(("artist", names.words(), track.title.kinds))),
            Self::Beginnings => each_name(track, |names| hash(("begin", ends(track, Side::First), initials(names)))),
            Self::Endings => each_name(track, |names| hash(("end", ends(track, Side::Last), initials(names)))),
        }
    }

    fn compare(self, a: &Features, b: &Features) -> Option<(u8, f32)> {
        match self {
            Self::Mbid => by_mbid(a, b).map(|score| (reason("mbid"), score)),
            Self::Isrc => by_isrc(a, b).map(|score| (reason("isrc"), score)),
            _ => by_names(a, b).map(|score| (reason("artist-title-duration"), score)),
        }
    }
}

fn each_name(track: &Features, key: impl Fn(&Artists) -> u64) -> Vec<u64> {
    let names = std::iter::once(&track.artists).chain(&track.also).filter(|names| names.is_known());
    let mut keys: Vec<u64> = names.map(key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

#[derive(Clone, Copy)]
enum Side {
    First,
    Last,
}

fn ends(track: &Features, side: Side) -> Vec<String> {
    let end = |word: &String| -> String {
        match side {
            Side::First => word.chars().take(3).collect(),
            Side::Last => word.chars().rev().take(3).collect(),
        }
    };
    let mut ends: Vec<String> = track.title.words.iter().map(end).collect();
    ends.sort_unstable();
    ends
}

fn initials(names: &Artists) -> Vec<char> {
    let mut initials: Vec<char> = names.words().iter().filter_map(|word| word.chars().next()).collect();
    initials.sort_unstable();
    initials
}

/// The joins of tracks into recordings, and the tracks as they were read.
pub(super) async fn join(
    snapshot: &Snapshot,
    asked: &Asked,
    ends: &Ends,
    work: &Work<'_>,
    report: &mut Report,
) -> Result<(Spilled<Edge>, Spilled<Features>), IdentityError> {
    work.stage("reading tracks", None);
    let tracks = read_tracks(snapshot, asked, work).await?;
    report.tracks = tracks.len();
    let mut edges = Spilling::new(work.folder, "pairs", 1)?;
    for (pass, name) in PASSES {
        work.stage(&format!("comparing tracks {name}"), Some(tracks.len()));
        group(pass, &tracks, asked, work, report, &mut edges)?;
    }
    work.stage("joining tracks", None);
    let joins = settle("tracks", edges.finish()?, &tracks, ends, work, report, |_, _, edge| Some(edge.score))?;
    Ok((joins, tracks))
}

fn group(
    pass: Pass,
    tracks: &Spilled<Features>,
    asked: &Asked,
    work: &Work<'_>,
    report: &mut Report,
    edges: &mut Spilling<Edge>,
) -> Result<(), IdentityError> {
    // Of what was asked before, only what shares a key with something new can be news.
    let mut wanted: Option<Vec<u64>> = None;
    if !asked.is_all() {
        let keys = wanted.insert(Vec::new());
        for track in tracks.all() {
            let track = track?;
            if track.asked {
                keys.extend(pass.keys(&track));
            }
        }
        keys.sort_unstable();
        keys.dedup();
    }
    let mut grouped = Spilling::new(work.folder, "grouped", parts(tracks.len(), TRACK_BYTES))?;
    for track in tracks.all() {
        let track = track?;
        work.done(1)?;
        for key in pass.keys(&track) {
            if wanted.as_ref().is_none_or(|keys| keys.binary_search(&key).is_ok()) {
                grouped.add(key, &Keyed { key, track: track.clone() })?;
            }
        }
    }
    let grouped = grouped.finish()?;
    for part in 0..grouped.parts() {
        work.done(0)?;
        let mut records: Vec<Keyed> = grouped.part(part)?.collect::<Result<_, _>>()?;
        records.sort_by_key(|record| (record.key, record.track.duration_ms, record.track.id));
        for group in records.chunk_by(|one, other| one.key == other.key).filter(|group| group.len() > 1) {
            let members: Vec<&Features> = group.iter().map(|record| &record.track).collect();
            pairs(pass, members, report, edges)?;
        }
    }
    Ok(())
}

struct Keyed {
    key: u64,
    track: Features,
}

impl super::spill::Record for Keyed {
    fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.key.to_le_bytes());
        self.track.put(out);
    }

    fn take(input: &mut &[u8]) -> Option<Self> {
        let key = u64::from_le_bytes(super::spill::take_bytes(input)?);
        Some(Self { key, track: Features::take(input)? })
    }
}

/// Compares within a group, which is sorted by length.
fn pairs(
    pass: Pass,
    mut group: Vec<&Features>,
    report: &mut Report,
    edges: &mut Spilling<Edge>,
) -> Result<(), IdentityError> {
    report.largest_group = report.largest_group.max(group.len() as u64);
    if group.len() <= PAIRWISE {
        return window(pass, &group, group.len(), report, edges);
    }
    report.large_groups += 1;
    window(pass, &group, NEIGHBOURS, report, edges)?;
    // Again with the other names beside each other: among thousands of one length, alike ones would not meet.
    group.sort_by_cached_key(|track| {
        let (mut title, artists) = (track.title.words.clone(), track.artists.words().join(" "));
        title.sort_unstable();
        (title, artists, track.duration_ms, track.id)
    });
    window(pass, &group, NEIGHBOURS, report, edges)
}

fn window(
    pass: Pass,
    group: &[&Features],
    width: usize,
    report: &mut Report,
    edges: &mut Spilling<Edge>,
) -> Result<(), IdentityError> {
    for (at, one) in group.iter().enumerate() {
        for other in group[at + 1..].iter().take(width) {
            if one.id == other.id || !(one.asked || other.asked) {
                continue;
            }
            report.compared += 1;
            if let Some((reason, score)) = pass.compare(one, other) {
                let edge = Edge { a: one.id.min(other.id), b: one.id.max(other.id), reason, score };
                edges.add(0, &edge)?;
            }
        }
    }
    Ok(())
}
