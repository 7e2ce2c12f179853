//! The rows that one batch adds.

use std::collections::HashSet;

use fonoteca_audio::{Analysis, State};
use fonoteca_catalog::{
    Batch, Blob, BlobKind, Credit, Event, File, FileState, Fingerprint, Holding, Link, Outcome, Rights, Snapshot,
    Supplement, Track,
};
use fonoteca_model::{BlobHashes, BlobId, Id, Isrc, Mbid, PartialDate, Timestamp};

use super::Options;
use super::describe::Described;
use super::parts::Part;
use super::resolve::Resolved;
use crate::error::ArchiveError;
use crate::rights::stable_id;

/// Who did it, in preservation events.
pub(crate) const AGENT: &str = concat!("fonoteca ", env!("CARGO_PKG_VERSION"));

pub(super) fn batch(
    files: &[Described],
    resolved: &Resolved,
    links: Vec<Link>,
    options: &Options,
    now: Timestamp,
) -> Batch {
    let mut batch =
        Batch { artists: resolved.new_artists.clone(), albums: resolved.new_albums.clone(), links, ..Batch::default() };
    let (mut covers, mut words) = (HashSet::new(), HashSet::new());
    for (file, placed) in files.iter().zip(&resolved.files) {
        let limit = options.limits.text_chars;
        batch.blobs.push(blob_row(&file.stored.hashes, file.analysis.mime, BlobKind::Audio));
        if let Some(cover) = file.cover.as_ref().filter(|cover| covers.insert(cover.hashes.root)) {
            let mut row = blob_row(&cover.hashes, &cover.mime, BlobKind::Cover);
            row.derived_from = cover.embedded.then(|| file.root());
            row.derived_how = cover.embedded.then(|| "embedded picture".to_owned());
            batch.blobs.push(row);
        }
        if let Some(kept) = file.words.as_ref().filter(|kept| words.insert(kept.hashes.root)) {
            let mut row = blob_row(&kept.hashes, kept.mime, BlobKind::Lyrics);
            row.derived_from = kept.embedded.then(|| file.root());
            row.derived_how = kept.embedded.then(|| "embedded words".to_owned());
            batch.blobs.push(row);
        }
        batch.fingerprints.extend(file.fingerprint().map(|found| fingerprint(file.root(), found)));
        for (part, (credits, album)) in file.parts.iter().zip(placed) {
            batch.tracks.push(track(file, part, credits, *album, limit));
            batch.holdings.push(Holding {
                track_id: part.track,
                root: file.root(),
                start_ms: part.start_ms,
                end_ms: part.end_ms,
                reason: if part.is_part() { "cue" } else { "ingested" }.to_owned(),
            });
            batch.supplements.extend(supplements(part, limit));
        }
        batch.rights.extend(file.decisions.iter().map(Rights::from));
        batch.events.push(event(file, now));
        batch.files.push(row(file, now));
    }
    batch
}

/// A fingerprint's row.
pub(super) fn fingerprint(root: BlobId, found: &fonoteca_audio::Fingerprint) -> Fingerprint {
    Fingerprint {
        root,
        algorithm: found.algorithm,
        version: found.version.to_owned(),
        duration_ms: found.duration_ms,
        chromaprint: found.values.iter().flat_map(|value| value.to_le_bytes()).collect(),
    }
}

fn track(file: &Described, part: &Part, credits: &[Credit], album_id: Option<Id>, limit: usize) -> Track {
    let tags = &part.tags;
    let title =
        tags.title.clone().filter(|title| !title.trim().is_empty()).unwrap_or_else(|| title_from_name(file.name()));
    Track {
        id: part.track,
        source: "local".to_owned(),
        source_id: part.source_id.clone(),
        title: cut(&title, limit),
        artist_credit: cut(tags.artist.as_deref().unwrap_or_default(), limit),
        artists: credits.to_vec(),
        album_id,
        disc: tags.disc_number,
        number: tags.track_number,
        duration_ms: Some(part.duration_ms),
        isrc: tags.isrc.as_ref().and_then(|code| code.parse::<Isrc>().ok()).map(|code| code.to_string()),
        mbid: tags.mbid_recording.as_ref().and_then(|mbid| mbid.parse::<Mbid>().ok()).map(|mbid| mbid.to_string()),
        date: tags.date.as_deref().and_then(PartialDate::lenient).map(|date| date.to_string()),
        label: tags.label.clone(),
        language: tags.language.clone(),
        explicit: tags.explicit,
        raw: None,
    }
}

/// The file's name without folder and extension; all that is known of a file without tags.
fn title_from_name(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    let last = name.rsplit('/').next().unwrap_or_default();
    last.rsplit_once('.').map_or(last, |(stem, _)| if stem.is_empty() { last } else { stem }).to_owned()
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

/// A blob's row: its id, its hashes for torrents, and what it is.
pub(crate) fn blob_row(hashes: &BlobHashes, mime: &str, kind: BlobKind) -> Blob {
    Blob::new(hashes, mime, kind)
}

/// Each blob once, and only those that the tables do not have: a cover comes with every batch that has a file of its album.
pub(crate) async fn only_new(snapshot: &Snapshot, blobs: Vec<Blob>) -> Result<Vec<Blob>, ArchiveError> {
    let roots: Vec<BlobId> = blobs.iter().map(|blob| blob.root).collect();
    let known = snapshot.blobs(&roots).await?;
    let mut seen = HashSet::new();
    Ok(blobs.into_iter().filter(|blob| !known.contains_key(&blob.root) && seen.insert(blob.root)).collect())
}

fn supplements(part: &Part, limit: usize) -> Vec<Supplement> {
    let tags = &part.tags;
    let supplement = |kind: &str, value: &str| Supplement {
        source: "local".to_owned(),
        kind_of: "track".to_owned(),
        id: part.track,
        kind: kind.to_owned(),
        value: cut(value, limit * 16),
        licence: None,
    };
    let mut all: Vec<Supplement> = tags.genres.iter().map(|genre| supplement("genre", genre)).collect();
    all.extend(tags.comment.iter().map(|comment| supplement("comment", comment)));
    all.extend(tags.lyrics.iter().map(|lyrics| supplement("lyrics", lyrics)));
    all
}

/// PREMIS event type "ingestion": when, by what, and how it ended.
fn event(file: &Described, now: Timestamp) -> Event {
    let warning = file.analysis.state.as_str() == "malformed";
    Event {
        id: stable_id(&["ingestion", &file.root().to_string()]),
        at: now,
        kind: "ingestion".to_owned(),
        subject_kind: "blob".to_owned(),
        subject: file.root().to_string(),
        outcome: if warning { Outcome::Warning } else { Outcome::Success },
        detail: file.outcome.reason.clone(),
        agent: AGENT.to_owned(),
    }
}

fn row(file: &Described, now: Timestamp) -> File {
    let analysis = &file.analysis;
    File {
        path: file.name().to_vec(),
        size: file.stored.hashes.size as i64,
        notes: analysis.notes.clone(),
        cover_root: file.cover.as_ref().map(|cover| cover.hashes.root),
        lyrics_root: file.words.as_ref().map(|words| words.hashes.root),
        ..facts(file.root(), analysis, now)
    }
}

/// What an analysis alone says of a file: no name, no size, no notes, nothing that belongs to it.
pub(super) fn facts(root: BlobId, analysis: &Analysis, now: Timestamp) -> File {
    let loudness = analysis.loudness.unwrap_or_default();
    let checks = analysis.checks.as_ref();
    File {
        root,
        path: Vec::new(),
        size: 0,
        state: match analysis.state {
            State::Sound => FileState::Sound,
            State::Malformed { .. } => FileState::Malformed,
            State::Unprovable { .. } => FileState::Unprovable,
        },
        state_reason: analysis.state.reason().map(str::to_owned),
        container: analysis.container.as_str().to_owned(),
        extension: analysis.extension.to_owned(),
        mime: analysis.mime.to_owned(),
        codec: analysis.codec.clone(),
        bit_rate: analysis.bit_rate.and_then(|rate| i32::try_from(rate).ok()),
        sample_rate: analysis.sample_rate,
        channels: analysis.channels,
        bit_depth: analysis.bit_depth,
        duration_ms: analysis.duration_ms,
        tags: serde_json::to_string(&analysis.tags.raw).unwrap_or_default(),
        notes: Vec::new(),
        essence: analysis.essence.sha256,
        essence_version: analysis.essence.version,
        loudness_lufs: loudness.integrated_lufs,
        loudness_range_lu: loudness.range_lu,
        true_peak_dbtp: loudness.true_peak_dbtp,
        replaygain_track_gain_db: analysis.tags.replaygain_track_gain_db,
        replaygain_track_peak: analysis.tags.replaygain_track_peak,
        clipped_samples: checks.map(|checks| checks.clipped_samples as i64),
        cutoff_hz: checks.and_then(|checks| checks.disguise).map(|disguise| disguise.cutoff_hz),
        cover_root: None,
        lyrics_root: None,
        at: now,
    }
}

#[cfg(test)]
mod tests {
    use super::title_from_name;

    #[test]
    fn a_file_without_tags_is_called_by_its_name() {
        assert_eq!(title_from_name("Box/07 So What.flac".as_bytes()), "07 So What");
        assert_eq!(title_from_name(b".hidden"), ".hidden");
        assert_eq!(title_from_name(b"no extension"), "no extension");
        assert_eq!(title_from_name(b"\xff\xfe.mp3"), "\u{fffd}\u{fffd}");
    }
}
