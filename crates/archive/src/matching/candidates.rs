//! What held tracks may be: found by keys and by the search index, compared, and cleared of what cannot be.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use fonoteca_catalog::identity::{Likeness, likeness, taken_apart};
use fonoteca_catalog::index::{Filters, Kind, Query};
use fonoteca_catalog::{Album, Snapshot, Track};
use fonoteca_model::Id;

use super::{CANDIDATES, Candidate, Doubt, PairId, Side, order};
use crate::archive::Archive;
use crate::error::ArchiveError;

/// Who tells of what is held; everybody else is the catalogue.
const HELD: &str = "local";
/// Hits of the search index that are compared.
const HITS: usize = 10;
/// Rows under one key that are compared: an ISRC or MusicBrainz id on every compilation is still one recording.
const ROWS_PER_KEY: usize = 64;

/// Whether anybody but the files themselves tells of tracks.
pub(super) async fn is_there_a_catalogue(snapshot: &Snapshot) -> Result<bool, ArchiveError> {
    let found = snapshot.sql(&format!("SELECT id FROM tracks WHERE source <> '{HELD}' LIMIT 1")).await?;
    Ok(found.iter().any(|batch| batch.num_rows() > 0))
}

/// What a few held tracks may be.
pub(super) struct Candidates {
    held: HashMap<Id, Track>,
    others: HashMap<Id, Track>,
    /// Of each held track the tracks of the catalogue, and whether they are at its place of an album with its barcode.
    pairs: BTreeMap<Id, BTreeMap<Id, bool>>,
    recordings: HashMap<Id, Id>,
    /// The tracks of each recording.
    members: HashMap<Id, Vec<Track>>,
    apart: HashSet<(Id, Id)>,
}

impl Candidates {
    pub async fn find(archive: &Archive, snapshot: &Snapshot, tracks: &[Id]) -> Result<Self, ArchiveError> {
        let mut held = snapshot.tracks(tracks).await?;
        held.retain(|_, track| track.source == HELD);
        let ids: Vec<Id> = held.keys().copied().collect();
        let recordings = snapshot.recording_of(&ids).await?;
        let ends: Vec<Id> = recordings.values().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let of_held = snapshot.tracks_of_recordings(&ends).await?;
        let mut found = Self {
            held,
            others: HashMap::new(),
            pairs: BTreeMap::new(),
            recordings,
            members: HashMap::new(),
            apart: HashSet::new(),
        };
        found.load_members(snapshot, of_held).await?;
        // What is a track of the catalogue already needs none.
        let known = |members: &Vec<Track>| members.iter().any(|member| member.source != HELD);
        let (recordings, members) = (&found.recordings, &found.members);
        found.held.retain(|id, _| !recordings.get(id).and_then(|end| members.get(end)).is_some_and(known));
        found.by_codes(snapshot).await?;
        found.by_place(snapshot).await?;
        found.by_names(archive, snapshot).await?;
        found.clear(snapshot).await?;
        Ok(found)
    }

    async fn load_members(&mut self, snapshot: &Snapshot, of: HashMap<Id, Vec<Id>>) -> Result<(), ArchiveError> {
        let ids: Vec<Id> = of.values().flatten().copied().collect();
        let rows = snapshot.tracks(&ids).await?;
        for (end, members) in of {
            self.members.insert(end, members.iter().filter_map(|id| rows.get(id).cloned()).collect());
        }
        Ok(())
    }

    fn add(&mut self, held: Id, other: Track, same_place: bool) {
        if other.source != HELD {
            *self.pairs.entry(held).or_default().entry(other.id).or_default() |= same_place;
            self.others.insert(other.id, other);
        }
    }

    /// The same MusicBrainz id or ISRC.
    async fn by_codes(&mut self, snapshot: &Snapshot) -> Result<(), ArchiveError> {
        type Code = fn(&Track) -> Option<&String>;
        let codes: [(&str, Code); 2] = [("mbid", |track| track.mbid.as_ref()), ("isrc", |track| track.isrc.as_ref())];
        for (column, code) in codes {
            let wanted: BTreeSet<String> = self.held.values().filter_map(code).cloned().collect();
            if wanted.is_empty() {
                continue;
            }
            let mut by_code: HashMap<String, Vec<Track>> = HashMap::new();
            for row in snapshot.rows_by::<Track, String>(column, &wanted).await? {
                if let Some(code) = code(&row).cloned() {
                    by_code.entry(code).or_default().push(row);
                }
            }
            let asked: Vec<(Id, String)> =
                self.held.values().filter_map(|track| Some((track.id, code(track)?.clone()))).collect();
            for (held, code) in asked {
                for row in by_code.get(&code).into_iter().flatten().take(ROWS_PER_KEY) {
                    self.add(held, row.clone(), false);
                }
            }
        }
        Ok(())
    }

    /// The same disc and number on an album with the same barcode.
    async fn by_place(&mut self, snapshot: &Snapshot) -> Result<(), ArchiveError> {
        let of_held: BTreeSet<Id> = self.held.values().filter_map(|track| track.album_id).collect();
        let of_held: Vec<Id> = of_held.into_iter().collect();
        let albums = snapshot.albums(&of_held).await?;
        let barcodes: BTreeSet<String> = albums.values().filter_map(|album| album.upc.clone()).collect();
        if barcodes.is_empty() {
            return Ok(());
        }
        let others: Vec<Album> = snapshot.rows_by("upc", &barcodes).await?;
        let barcode: HashMap<Id, String> = others
            .into_iter()
            .filter(|album| album.source != HELD)
            .filter_map(|album| Some((album.id, album.upc?)))
            .collect();
        let mut at: HashMap<(String, i32, i32), Vec<Track>> = HashMap::new();
        for row in snapshot.rows_by::<Track, Id>("album_id", barcode.keys()).await? {
            let upc = row.album_id.and_then(|album| barcode.get(&album));
            if let (Some(upc), Some(number)) = (upc, row.number) {
                at.entry((upc.clone(), row.disc.unwrap_or(1), number)).or_default().push(row);
            }
        }
        let place = |track: &Track| {
            let upc = albums.get(&track.album_id?)?.upc.clone()?;
            Some((track.id, (upc, track.disc.unwrap_or(1), track.number?)))
        };
        let places: Vec<_> = self.held.values().filter_map(place).collect();
        for (held, place) in places {
            for row in at.get(&place).into_iter().flatten().take(ROWS_PER_KEY) {
                self.add(held, row.clone(), true);
            }
        }
        Ok(())
    }

    /// What the search index finds for artist and title.
    async fn by_names(&mut self, archive: &Archive, snapshot: &Snapshot) -> Result<(), ArchiveError> {
        let index = archive.index()?;
        let mut hits: Vec<(Id, Id)> = Vec::new();
        for track in self.held.values().filter(|track| !track.title.trim().is_empty()) {
            let by = |words: String| {
                let filters = Filters { kind: Some(Kind::Track), ..Filters::default() };
                index.search(&Query { filters, limit: HITS, ..Query::new(words) })
            };
            let mut found = by(format!("{} {}", track.artist_credit, track.title))?;
            // Whoever else tells of it may spell the artists in another way.
            if found.iter().all(|hit| hit.id == track.id) {
                found = by(track.title.clone())?;
            }
            hits.extend(found.into_iter().map(|hit| (track.id, hit.recording_id.unwrap_or(hit.id))));
        }
        let ends: Vec<Id> = hits.iter().map(|(_, end)| *end).collect::<BTreeSet<_>>().into_iter().collect();
        // A hit stands for all versions of a recording, and shows the one that is held.
        let of_hits = snapshot.tracks_of_recordings(&ends).await?;
        let ids: Vec<Id> = of_hits.values().flat_map(|ids| ids.iter().take(ROWS_PER_KEY)).copied().collect();
        let rows = snapshot.tracks(&ids).await?;
        for (held, end) in hits {
            for id in of_hits.get(&end).into_iter().flatten() {
                if let Some(row) = rows.get(id) {
                    self.add(held, row.clone(), false);
                }
            }
        }
        Ok(())
    }

    /// Reads what speaks against pairs: other tracks of the recordings, and what somebody said.
    async fn clear(&mut self, snapshot: &Snapshot) -> Result<(), ArchiveError> {
        let others: Vec<Id> = self.others.keys().copied().collect();
        let of_others = snapshot.recording_of(&others).await?;
        let ends: Vec<Id> = of_others.values().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let members = snapshot.tracks_of_recordings(&ends).await?;
        self.recordings.extend(of_others);
        self.load_members(snapshot, members).await?;
        let mut ids: BTreeSet<Id> = self.recordings.values().copied().collect();
        ids.extend(self.members.values().flatten().map(|track| track.id));
        let ids: Vec<Id> = ids.into_iter().collect();
        let apart = taken_apart(snapshot, &ids).await?;
        let named: Vec<Id> = apart.iter().flat_map(|(one, other)| [*one, *other]).collect();
        let ends = snapshot.recording_of(&named).await?;
        let end = |id: &Id| ends.get(id).copied().unwrap_or(*id);
        self.apart = apart.iter().flat_map(|(one, other)| [(end(one), end(other)), (end(other), end(one))]).collect();
        Ok(())
    }

    fn recording(&self, track: Id) -> Id {
        self.recordings.get(&track).copied().unwrap_or(track)
    }

    /// Whether the recordings hold what cannot be one: two MusicBrainz ids, or two tracks of one album.
    fn contradict(&self, one: Id, other: Id) -> bool {
        let of = |end: Id| self.members.get(&end).into_iter().flatten();
        of(one).any(|one| {
            of(other).any(|other| {
                let differ = matches!((&one.mbid, &other.mbid), (Some(one), Some(other)) if one != other);
                differ || one.album_id.is_some() && one.album_id == other.album_id
            })
        })
    }

    /// What a held track may be; none where nothing is like it.
    pub fn of(&self, track: Id) -> Option<Doubt> {
        let held = self.held.get(&track)?;
        let recording = self.recording(track);
        let mut best: BTreeMap<Id, (Likeness, &Track)> = BTreeMap::new();
        for (other, same_place) in self.pairs.get(&track)? {
            let end = self.recording(*other);
            let row = self.others.get(other)?;
            if end == recording || self.apart.contains(&(recording, end)) || self.contradict(recording, end) {
                continue;
            }
            let Some(found) = likeness(held, row, *same_place) else { continue };
            // One of each recording is enough.
            let better = best.get(&end).is_none_or(|(known, row)| (order(&found), *other) < (order(known), row.id));
            if better {
                best.insert(end, (found, row));
            }
        }
        let mut candidates: Vec<(Likeness, Id, &Track)> =
            best.into_iter().map(|(end, (found, row))| (found, end, row)).collect();
        candidates.sort_by_key(|(found, _, row)| (order(found), row.id));
        let candidates: Vec<Candidate> = candidates
            .into_iter()
            .take(CANDIDATES)
            .map(|(found, recording, row)| Candidate {
                id: PairId { held: track, other: row.id },
                reason: found.reason,
                score: found.score,
                sure: found.sure,
                candidate: Side::from(row),
                recording,
            })
            .collect();
        (!candidates.is_empty()).then(|| Doubt { held: Side::from(held), candidates })
    }
}
