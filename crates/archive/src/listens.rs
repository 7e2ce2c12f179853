//! Listens: how often recordings were played, and the popularity that follows.
//!
//! Popularity is 0 to 100 and grows with the logarithm of the count: `round(100 · ln(1 + count) / ln(1 + largest))`. It is
//! monotone in the count, 0 for what nobody played, and 100 for the most played recording of the archive.

use std::collections::HashMap;
use std::io::BufRead;
use std::path::Path;

use fonoteca_catalog::{Batch, Event, Listens, Outcome};
use fonoteca_model::fold::fold;
use fonoteca_model::progress::{Progress, Unit};
use fonoteca_model::{Id, Isrc, Mbid};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::archive::Archive;
use crate::error::ArchiveError;
use crate::ingest::AGENT;
use crate::moment::{job, later_than};
use crate::rights::stable_id;

/// Bytes of one line; a listen is a few hundred.
const LINE_BYTES: usize = 1 << 20;
/// Different tracks that are looked up at once.
const CHUNK: usize = 4096;

/// What an import did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ImportReport {
    /// Lines read.
    pub rows: u64,
    /// Listens of recordings that the catalogue knows.
    pub matched: u64,
    /// Listens of recordings that it does not know.
    pub unmatched: u64,
    /// Lines that are no listens: line number and reason.
    pub rejected: Vec<(u64, String)>,
    /// Recordings whose count changed.
    pub recordings: u64,
    /// The file had been imported before, so nothing was counted again.
    pub already: bool,
}

/// One line of a ListenBrainz dump, as far as it matters here.
#[derive(Deserialize)]
struct Listen {
    track_metadata: TrackMetadata,
}

#[derive(Deserialize)]
struct TrackMetadata {
    #[serde(default)]
    artist_name: Option<String>,
    #[serde(default)]
    track_name: Option<String>,
    #[serde(default)]
    additional_info: Option<AdditionalInfo>,
    #[serde(default)]
    mbid_mapping: Option<MbidMapping>,
}

#[derive(Deserialize)]
struct AdditionalInfo {
    #[serde(default)]
    isrc: Option<String>,
    #[serde(default)]
    recording_mbid: Option<String>,
}

#[derive(Deserialize)]
struct MbidMapping {
    #[serde(default)]
    recording_mbid: Option<String>,
}

/// What a listen names its track by, the surest first.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Isrc(String),
    Mbid(String),
    Name { artist: String, title: String },
}

/// Counts the listens of a ListenBrainz JSON Lines file and sets popularity anew.
pub async fn import(archive: &Archive, path: &Path, progress: &dyn Progress) -> Result<ImportReport, ArchiveError> {
    let (counts, mut report, digest) = read(path, progress)?;
    let event_id = stable_id(&["listens import", &digest]);
    let writer = archive.catalog().writer().await?;
    let snapshot = writer.snapshot().clone();
    if snapshot.has_event(&event_id).await? {
        report.already = true;
        return Ok(report);
    }
    let mut by_recording: HashMap<Id, i64> = HashMap::new();
    let keys: Vec<(&Key, &i64)> = counts.iter().collect();
    progress.stage("matching", Some(keys.len() as u64), Unit::Items);
    for chunk in keys.chunks(CHUNK) {
        let found = find(&snapshot, chunk).await?;
        for (key, count) in chunk {
            match found.get(key) {
                Some(recording) => {
                    report.matched += **count as u64;
                    *by_recording.entry(*recording).or_default() += **count;
                }
                None => report.unmatched += **count as u64,
            }
        }
        progress.advance(chunk.len() as u64);
    }
    report.recordings = by_recording.len() as u64;
    for (recording, count) in snapshot.listen_counts().await? {
        *by_recording.entry(recording).or_default() += count;
    }
    // What was counted under ids that are one recording by now is as popular as all of it together.
    let counted: Vec<Id> = by_recording.keys().copied().collect();
    let ends = snapshot.recording_of(&counted).await?;
    let mut together: HashMap<Id, i64> = HashMap::new();
    for (recording, count) in &by_recording {
        *together.entry(ends[recording]).or_default() += count;
    }
    let largest = together.values().copied().max().unwrap_or(0);
    let now = later_than(archive, &snapshot, "listens", "as_of").await?;
    let mut listens: Vec<Listens> = by_recording
        .into_iter()
        .map(|(recording_id, count)| Listens {
            recording_id,
            as_of: now,
            count,
            popularity: popularity(together[&ends[&recording_id]], largest),
        })
        .collect();
    listens.sort_by_key(|listens| listens.recording_id);
    let event = Event {
        id: event_id,
        at: now,
        kind: "metadata modification".to_owned(),
        subject_kind: "table".to_owned(),
        subject: "listens".to_owned(),
        outcome: Outcome::Success,
        detail: Some(format!("{} listens from a file with SHA-256 {digest}", report.matched)),
        agent: AGENT.to_owned(),
    };
    let batch = Batch { listens, events: vec![event], ..Batch::default() };
    writer.commit(&job("listens", now, &snapshot), 0, batch).await?;
    archive.refresh_index().await?;
    Ok(report)
}

/// 0 to 100, monotone in `count`; see the module's words.
pub fn popularity(count: i64, largest: i64) -> i32 {
    if count <= 0 || largest <= 0 {
        return 0;
    }
    let share = (count as f64).ln_1p() / (largest as f64).ln_1p();
    ((share * 100.0).round() as i32).clamp(1, 100)
}

fn read(path: &Path, progress: &dyn Progress) -> Result<(HashMap<Key, i64>, ImportReport, String), ArchiveError> {
    let io = || ArchiveError::io(path, "cannot be read");
    let file = std::fs::File::open(path).map_err(io())?;
    let size = file.metadata().map_err(io())?.len();
    progress.stage("reading listens", Some(size), Unit::Bytes);
    let mut reader = std::io::BufReader::new(file);
    let mut report = ImportReport::default();
    let mut counts: HashMap<Key, i64> = HashMap::new();
    let mut digest = Sha256::new();
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        let taken = read_line(&mut reader, &mut line, &mut digest).map_err(io())?;
        if taken == 0 {
            break;
        }
        number += 1;
        progress.advance(taken);
        if progress.cancelled() {
            return Err(ArchiveError::Cancelled);
        }
        if taken > LINE_BYTES as u64 {
            report.rejected.push((number, format!("is {taken} bytes long; at most {LINE_BYTES} are read")));
            continue;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        report.rows += 1;
        match serde_json::from_slice::<Listen>(&line).map_err(|error| error.to_string()).and_then(|listen| key(&listen))
        {
            Ok(key) => *counts.entry(key).or_default() += 1,
            Err(reason) => report.rejected.push((number, reason)),
        }
    }
    Ok((counts, report, hex::encode(digest.finalize())))
}

/// Reads one line but keeps no more of it than is allowed; returns its whole length.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>, digest: &mut Sha256) -> std::io::Result<u64> {
    let mut taken = 0;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(taken);
        }
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.map_or(buffer.len(), |end| end + 1)];
        digest.update(part);
        let room = (LINE_BYTES + 1).saturating_sub(line.len());
        line.extend_from_slice(&part[..part.len().min(room)]);
        let length = part.len();
        taken += length as u64;
        reader.consume(length);
        if end.is_some() {
            return Ok(taken);
        }
    }
}

fn key(listen: &Listen) -> Result<Key, String> {
    let track = &listen.track_metadata;
    let info = track.additional_info.as_ref();
    if let Some(isrc) = info.and_then(|info| info.isrc.as_ref()?.parse::<Isrc>().ok()) {
        return Ok(Key::Isrc(isrc.to_string()));
    }
    let mapped = track.mbid_mapping.as_ref().and_then(|mapping| mapping.recording_mbid.as_ref());
    let mbid = info.and_then(|info| info.recording_mbid.as_ref()).or(mapped);
    if let Some(mbid) = mbid.and_then(|mbid| mbid.parse::<Mbid>().ok()) {
        return Ok(Key::Mbid(mbid.to_string()));
    }
    match (&track.artist_name, &track.track_name) {
        (Some(artist), Some(title)) => Ok(Key::Name { artist: fold(artist), title: fold(title) }),
        _ => Err("names neither an ISRC, nor a MusicBrainz recording, nor artist and title".to_owned()),
    }
}

/// The recordings that the keys name. A name that fits several recordings names none: a wrong count is worse than none.
async fn find<'a>(
    snapshot: &fonoteca_catalog::Snapshot,
    keys: &[(&'a Key, &i64)],
) -> Result<HashMap<&'a Key, Id>, ArchiveError> {
    let of_kind = |pick: fn(&Key) -> Option<&String>| {
        keys.iter().filter_map(move |(key, _)| pick(key)).cloned().collect::<Vec<_>>()
    };
    let isrcs = of_kind(|key| if let Key::Isrc(isrc) = key { Some(isrc) } else { None });
    let mbids = of_kind(|key| if let Key::Mbid(mbid) = key { Some(mbid) } else { None });
    let by_isrc = snapshot.tracks_by_isrc(&isrcs).await?;
    let by_mbid = snapshot.tracks_by_mbid(&mbids).await?;
    let artists: Vec<String> = keys
        .iter()
        .filter_map(|(key, _)| if let Key::Name { artist, .. } = key { Some(artist.clone()) } else { None })
        .collect();
    let by_artist = snapshot.tracks_by_artist_fold(&artists).await?;
    let mut found: HashMap<&Key, Vec<Id>> = HashMap::new();
    for (key, _) in keys {
        let tracks: Vec<Id> = match key {
            Key::Isrc(isrc) => by_isrc.get(isrc).cloned().unwrap_or_default(),
            Key::Mbid(mbid) => by_mbid.get(mbid).cloned().unwrap_or_default(),
            Key::Name { artist, title } => by_artist
                .get(artist)
                .into_iter()
                .flatten()
                .filter(|track| fold(&track.title) == *title)
                .map(|track| track.id)
                .collect(),
        };
        found.insert(key, tracks);
    }
    let all: Vec<Id> = found.values().flatten().copied().collect();
    let recordings = snapshot.recording_of(&all).await?;
    Ok(found
        .into_iter()
        .filter_map(|(key, tracks)| {
            let mut recordings: Vec<Id> =
                tracks.iter().map(|track| recordings.get(track).copied().unwrap_or(*track)).collect();
            recordings.sort_unstable();
            recordings.dedup();
            match recordings.as_slice() {
                [one] => Some((key, *one)),
                _ => None,
            }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn popularity_is_monotone_and_reaches_both_ends() {
        assert_eq!(popularity(0, 1000), 0);
        assert_eq!(popularity(1000, 1000), 100);
        assert_eq!(popularity(1, 1), 100);
        let all: Vec<i32> = (0..=1000).map(|count| popularity(count, 1000)).collect();
        assert!(all.windows(2).all(|two| two[0] <= two[1]));
        assert!(popularity(1, i64::MAX) >= 1, "what was played once is not unplayed");
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_and_the_next_one_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("listens.jsonl");
        let mut text = vec![b'x'; LINE_BYTES + 10];
        text.extend_from_slice(
            b"\n{\"track_metadata\":{\"artist_name\":\"A\",\"track_name\":\"B\"}}\nnot json\n{\"track_metadata\":{}}\n",
        );
        std::fs::write(&path, text).expect("written");
        let (counts, report, _) = read(&path, &fonoteca_model::Silent).expect("read");
        assert_eq!(counts.len(), 1);
        assert_eq!(report.rejected.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 3, 4]);
    }
}
