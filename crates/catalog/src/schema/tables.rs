//! The declaration of the tables. Changing it changes the format: see `docs/formats/catalog.md`.

use arrow::record_batch::RecordBatch;
use fonoteca_model::{BlobId, Id, Sha256Hash, Timestamp};
use serde::{Deserialize, Serialize};

use super::declare::tables;
use super::{BlobKind, Column, FileState, LinkEntity, Outcome, ReleaseStatus, Row, bytes};
use crate::error::CatalogError;
use crate::rows::encode;

/// Who took part in a track or album, and as what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// The artist.
    pub artist_id: Id,
    /// As what: `main`, `featured`, `composer`, `remixer` …
    pub role: String,
    /// The name as credited here.
    pub name: String,
}

tables! {
    /// What one source says about an artist.
    Artists / artists: Artist {
        /// First 8 bytes of SHA-256(source ‖ 0x00 ‖ source_id).
        id: Id => key,
        /// Who says so: `musicbrainz`, `discogs`, `local` …
        source: String,
        /// The source's own id; for `local` the root of the artist's first blob, and what tells artists of one file apart.
        source_id: String,
        /// The name as the source writes it.
        name: String,
        /// The name folded (compatibility decomposition, no marks, lower case, single spaces): the key for matching. It may be
        /// empty unless the source is `local`: it follows from the name, and is `fold(name)` in `fonoteca sql`.
        fold: String => key,
        /// The name to sort by.
        sort_name: Option<String>,
        /// What tells artists of one name apart.
        disambiguation: Option<String>,
        /// Other names.
        aliases: Vec<String>,
        /// MusicBrainz id.
        mbid: Option<String> => key,
        /// The source's own record, where it has more, free of supplements.
        raw: Option<String>,
    }

    /// What one source says about an album.
    Albums / albums: Album {
        /// First 8 bytes of SHA-256(source ‖ 0x00 ‖ source_id).
        id: Id => key,
        /// Who says so.
        source: String,
        /// The source's own id; for `local` the root of the album's first blob.
        source_id: String,
        /// The title as the source writes it.
        title: String,
        /// The title folded: the key for matching. It may be empty unless the source is `local`: then it is `fold(title)`.
        fold: String => key,
        /// The artists as one text, as printed.
        artist_credit: String,
        /// The artists and their roles. A `name` may be empty: then it is what `artist_credit` says, or its part at the same
        /// place, cut at `, `, ` & `, ` and `, ` feat. `, ` featuring `, ` ft. `, ` with `, ` vs. `, ` x ` and ` / `, where these are
        /// as many as the artists. What an artist is called elsewhere is in `artists`.
        artists: Vec<Credit>,
        /// UPC or EAN, 8 or 13 digits.
        upc: Option<String> => key,
        /// MusicBrainz id of the release, or of the release group where the row is about one.
        mbid: Option<String> => key,
        /// The label.
        label: Option<String>,
        /// The label's number.
        catalogue_number: Option<String>,
        /// Date of release as precise as it is known: `YYYY`, `YYYY-MM` or `YYYY-MM-DD`.
        date: Option<String>,
        /// `album`, `single`, `ep`, `compilation` …
        kind: Option<String>,
        /// ISO 639 code.
        language: Option<String>,
        /// The blob of the cover.
        cover_root: Option<BlobId> => key,
        /// The source's own record, where it has more.
        raw: Option<String>,
    }

    /// What one source says about a track.
    Tracks / tracks: Track {
        /// First 8 bytes of SHA-256(source ‖ 0x00 ‖ source_id).
        id: Id => key,
        /// Who says so.
        source: String,
        /// The source's own id; for `local` the blob's root, and the range where several tracks share a file.
        source_id: String,
        /// The title as the source writes it.
        title: String,
        /// The artists as one text, as printed.
        artist_credit: String,
        /// The artists and their roles. A `name` may be empty: then it is what `artist_credit` says, or its part at the same
        /// place, cut at `, `, ` & `, ` and `, ` feat. `, ` featuring `, ` ft. `, ` with `, ` vs. `, ` x ` and ` / `, where these are
        /// as many as the artists. What an artist is called elsewhere is in `artists`.
        artists: Vec<Credit>,
        /// The album.
        album_id: Option<Id> => key,
        /// The disc, from 1.
        disc: Option<i32>,
        /// The number on the disc, from 1; 0: hidden before the first.
        number: Option<i32>,
        /// Milliseconds.
        duration_ms: Option<i64>,
        /// ISRC, 12 characters.
        isrc: Option<String> => key,
        /// MusicBrainz recording id.
        mbid: Option<String> => key,
        /// Date of recording or release, as precise as it is known.
        date: Option<String>,
        /// The label.
        label: Option<String>,
        /// ISO 639 code.
        language: Option<String>,
        /// Marked as explicit.
        explicit: Option<bool>,
        /// The source's own record, where it has more, free of supplements.
        raw: Option<String>,
    }

    /// What is told about a track, album, artist or label under a licence of its own; left out of releases by default.
    Supplements / supplements: Supplement {
        /// Who says so.
        source: String,
        /// What `id` is the id of: `track`, `album`, `artist` or `label`.
        kind_of: String,
        /// The track, album, artist or label.
        id: Id => key,
        /// `genre`, `tag`, `rating`, `annotation`, `comment` or `lyrics`.
        kind: String,
        /// What is told.
        value: String,
        /// The licence of this statement.
        licence: Option<String>,
    }

    /// How often a recording was listened to, at some moment; the latest counts.
    Listens / listens: Listens {
        /// The recording.
        recording_id: Id => key,
        /// When it was counted.
        as_of: Timestamp,
        /// Listens.
        count: i64,
        /// 0 to 100.
        popularity: i32,
    }

    /// A join: `from_id` is the same as `to_id`. The latest for a `from_id` that nothing supersedes counts; links are
    /// followed to the end; what no link names is itself.
    Links / links: Link {
        /// The link's own id.
        id: String => key,
        /// `recording`, `artist` or `album`.
        entity: LinkEntity,
        /// A track, or a recording that was merged; an artist; an album.
        from_id: Id => key,
        /// The recording, artist or album that it is. Naming `from_id` itself takes an earlier join back.
        to_id: Id => key,
        /// `fingerprint`, `isrc`, `mbid`, `same-essence` …
        reason: String,
        /// How sure, 0 to 1.
        score: f64,
        /// The link that this one replaces.
        supersedes: Option<String> => key,
        /// When.
        at: Timestamp,
    }

    /// One track in a named set of tracks.
    Collections / collections: CollectionEntry {
        /// The collection.
        id: String => key,
        /// Its name.
        name: String,
        /// Whose it is.
        owner: String,
        /// A track in it.
        track_id: Id => key,
        /// Where in the order.
        position: Option<i64>,
        /// When it was added.
        at: Timestamp,
    }

    /// One blob: bytes, and all that a torrent needs to know of them.
    Blobs / blobs: Blob {
        /// The BitTorrent v2 pieces root, which is the blob's id.
        root: BlobId => key,
        /// Bytes.
        size: i64,
        /// The v2 piece layer at 1 MiB, 32 bytes a piece; empty up to 1 MiB.
        #[serde(with = "bytes")]
        piece_layer: Vec<u8>,
        /// SHA-1 of each 1 MiB, 20 bytes a piece, the last one padded with zeros.
        #[serde(with = "bytes")]
        v1_pieces: Vec<u8>,
        /// SHA-1 of the last piece without padding, 20 bytes.
        #[serde(with = "bytes")]
        v1_last_unpadded: Vec<u8>,
        /// Media type.
        mime: String,
        /// `audio`, `cover`, `lyrics`, `index`, `licence`, `evidence`, `metadata` or `derived`.
        kind: BlobKind,
        /// The blob it was made from.
        derived_from: Option<BlobId> => key,
        /// How it was made.
        derived_how: Option<String>,
    }

    /// What a blob sounds like.
    Fingerprints / fingerprints: Fingerprint {
        /// The blob.
        root: BlobId => key,
        /// Chromaprint's algorithm number.
        algorithm: i32,
        /// The program and version that made it.
        version: String,
        /// Milliseconds that were looked at.
        duration_ms: i64,
        /// The raw fingerprint: unsigned 32-bit numbers, little-endian.
        #[serde(with = "bytes")]
        chromaprint: Vec<u8>,
    }

    /// Which audio plays for which track. Several tracks may share a file.
    Holdings / holdings: Holding {
        /// The track.
        track_id: Id => key,
        /// The audio.
        root: BlobId => key,
        /// Where in it the track begins, milliseconds; null: at the start.
        start_ms: Option<i64>,
        /// Where it ends; null: at the end.
        end_ms: Option<i64>,
        /// `ingest`, `cue`, `identified` …
        reason: String,
    }

    /// Where a blob lies that was taken in without copying it.
    Locations / locations: Location {
        /// The blob.
        root: BlobId => key,
        /// The path, as raw bytes.
        #[serde(with = "bytes")]
        path: Vec<u8>,
        /// Bytes, when it was read.
        size: i64,
        /// Its time of modification then.
        mtime: Timestamp,
        /// Its inode then (the bits of an unsigned number).
        inode: i64,
    }

    /// A decision about rights. Decisions are only ever added.
    Rights / rights: Rights {
        /// The decision's own id.
        id: String => key,
        /// The decision that this one replaces.
        supersedes: Option<String> => key,
        /// `blob`, `track`, `recording`, `isrc`, `release`, `upc`, `work`, `iswc`, `artist`, `label`, `collection` or `source`.
        subject_kind: String,
        /// Which one: a root, an id of 16 hex digits, a code or a name.
        subject: String => key,
        /// `recording`, `composition`, `artwork` or `lyrics`.
        layer: String,
        /// `own-work`, `licensed`, `public-domain`, `permission`, `private-copy` or `unknown`.
        basis: String,
        /// The licence as it was found or given.
        licence: Option<String>,
        /// That licence's canonical URI, where the rules know it.
        licence_uri: Option<String>,
        /// Its SPDX id.
        spdx: Option<String>,
        /// The uses that a permission grants.
        permits: Vec<String>,
        /// Where it holds, ISO 3166 codes; null: everywhere.
        territory: Option<String>,
        /// Whose right it is.
        holder: Option<String>,
        /// The credit to give.
        attribution: Option<String>,
        /// The blob of the document that proves it.
        evidence_root: Option<BlobId>,
        /// Who says so.
        asserted_by: String,
        /// `asserted`, `verified`, `disputed`, `withdrawn` or `opt-out`.
        status: String,
        /// From when it holds.
        from: Option<Timestamp>,
        /// Until when it holds.
        until: Option<Timestamp>,
        /// What else is worth knowing.
        note: Option<String>,
        /// When it was recorded.
        at: Timestamp,
    }

    /// A preservation event in the words of PREMIS.
    Events / events: Event {
        /// The event's own id.
        id: String => key,
        /// When.
        at: Timestamp,
        /// `ingestion`, `message digest calculation`, `fixity check`, `format identification`, `validation`, `replication`,
        /// `recovery`, `deletion` …
        kind: String,
        /// What it happened to: `blob`, `file`, `release` …
        subject_kind: String,
        /// Which one.
        subject: String => key,
        /// `success`, `failure` or `warning`.
        outcome: Outcome,
        /// What was found.
        detail: Option<String>,
        /// The program and version, or the person.
        agent: String,
    }

    /// What was published, and from which versions of the tables. The latest row of a name says where it stands.
    Releases / releases: Release {
        /// The name.
        name: String,
        /// When.
        at: Timestamp,
        /// The feed's serial number.
        serial: i64,
        /// `built`, `published`, `superseded` or `withdrawn`.
        status: ReleaseStatus,
        /// JSON: `{table: version}`.
        tables: String,
        /// JSON: the manifest.
        manifest: String,
        /// The release that this one replaces.
        supersedes: Option<String>,
    }

    /// One import: a dump or table that somebody else published, and what became of it. Of each source and dataset the
    /// latest one's rows are in the tables. Written after all of them.
    Imports / imports: Import {
        /// `<source>/<dataset>/<when, in hexadecimal>`: what rows have as `import_id`.
        id: String => key,
        /// Who published it: `musicbrainz`, `discogs` …
        source: String => key,
        /// Which part of it: `artist`, `release` … An import replaces the one before it of the same source and dataset.
        dataset: String => key,
        /// The date of the dump, as precise as it says it.
        dump_date: Option<String>,
        /// The name of the file; `-` for standard input.
        file: String,
        /// Its SHA-256, as it was on disk.
        sha256: Sha256Hash => key,
        /// Its bytes.
        bytes: i64,
        /// The licence of the data.
        licence: Option<String>,
        /// The datasets that the file has, with commas between, if more than this one.
        parts: Option<String>,
        /// What was asked for beside the usual, such as `no-supplements`.
        options: Option<String>,
        /// Records read.
        read: i64,
        /// Rows that the import before it did not have.
        added: i64,
        /// Rows that are not as they were.
        changed: i64,
        /// Rows of the import before it that are gone.
        removed: i64,
        /// Things that were not understood.
        rejected: i64,
        /// Records that are understood and give no row: no table is for them, or the same was said before.
        passed_over: i64,
        /// When.
        at: Timestamp,
    }

    /// One ingested file. Committed last: this is the commit point of a batch.
    Files / files: File {
        /// The blob.
        root: BlobId => key,
        /// The raw bytes of the name under which it was ingested, relative to the ingested folder.
        #[serde(with = "bytes")]
        path: Vec<u8>,
        /// Bytes.
        size: i64,
        /// `sound`, `malformed` or `unprovable`.
        state: FileState,
        /// What is wrong and where, or why nothing proves it.
        state_reason: Option<String>,
        /// The container format.
        container: String,
        /// The file extension that the format should have, without a dot.
        extension: String,
        /// Media type.
        mime: String,
        /// The codec.
        codec: String,
        /// Bits a second.
        bit_rate: Option<i32>,
        /// Samples a second.
        sample_rate: i32,
        /// Channels.
        channels: i32,
        /// Bits a sample.
        bit_depth: Option<i32>,
        /// Milliseconds.
        duration_ms: i64,
        /// JSON: `[[key, value], …]`, the tags as found.
        tags: String,
        /// What was noticed on the way in.
        notes: Vec<String>,
        /// SHA-256 of the concatenated packet payloads; zeros where they were not read.
        essence: Sha256Hash => key,
        /// The version of the rule for that hash; 0: they were not read.
        essence_version: i32,
        /// Integrated loudness, EBU R 128.
        loudness_lufs: Option<f64>,
        /// Loudness range.
        loudness_range_lu: Option<f64>,
        /// True peak.
        true_peak_dbtp: Option<f64>,
        /// ReplayGain 2.0 gain.
        replaygain_track_gain_db: Option<f64>,
        /// ReplayGain peak, 1.0 is full scale.
        replaygain_track_peak: Option<f64>,
        /// Samples in runs at full scale; null where nothing could be decoded.
        clipped_samples: Option<i64>,
        /// Hz from which on lossless coding has no sound, as lossy coders leave it: it was probably not lossless before.
        cutoff_hz: Option<i32>,
        /// The blob of the cover that was in the file or beside it.
        cover_root: Option<BlobId> => key,
        /// The blob of the words that were in the file or beside it.
        lyrics_root: Option<BlobId> => key,
        /// When it was taken in.
        at: Timestamp,
    }
}
