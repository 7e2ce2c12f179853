//! Rows to test with: plain ones, and a batch that fills every table with what is awkward.

use fonoteca_catalog::{
    Album, Artist, Batch, Blob, BlobKind, CollectionEntry, Credit, Event, File, FileState, Fingerprint, Holding,
    Import, Link, LinkEntity, Listens, Location, Outcome, Release, ReleaseStatus, Rights, Supplement, Track,
};
use fonoteca_model::fold::fold;
use fonoteca_model::rights::{Basis, ClaimStatus, Decision, Layer, Subject, SubjectKind};
use fonoteca_model::{BlobHasher, BlobHashes, BlobId, Id, Sha256Hash, Timestamp};

pub const AT: Timestamp = Timestamp::from_seconds(1_793_620_800);

/// The hashes of the blob whose bytes are this text.
pub fn hashes(text: &str) -> BlobHashes {
    let mut hasher = BlobHasher::new();
    hasher.update(text.as_bytes());
    hasher.finish().expect("not empty")
}

pub fn root(text: &str) -> BlobId {
    hashes(text).root
}

pub fn id(name: &str) -> Id {
    Id::of("local", name)
}

pub fn artist(name: &str) -> Artist {
    Artist {
        id: id(name),
        source: "local".into(),
        source_id: name.into(),
        name: name.into(),
        fold: fold(name),
        sort_name: None,
        disambiguation: None,
        aliases: Vec::new(),
        mbid: None,
        raw: None,
    }
}

pub fn credit(name: &str) -> Credit {
    Credit { artist_id: id(name), role: "main".into(), name: name.into() }
}

pub fn album(title: &str, artist: &str) -> Album {
    Album {
        id: id(title),
        source: "local".into(),
        source_id: title.into(),
        title: title.into(),
        fold: fold(title),
        artist_credit: artist.into(),
        artists: vec![credit(artist)],
        upc: None,
        mbid: None,
        label: None,
        catalogue_number: None,
        date: None,
        kind: None,
        language: None,
        cover_root: None,
        raw: None,
    }
}

pub fn track(title: &str, artist: &str, album: Option<&str>) -> Track {
    Track {
        id: id(title),
        source: "local".into(),
        source_id: title.into(),
        title: title.into(),
        artist_credit: artist.into(),
        artists: vec![credit(artist)],
        album_id: album.map(id),
        disc: None,
        number: None,
        duration_ms: Some(1000),
        isrc: None,
        mbid: None,
        date: None,
        label: None,
        language: None,
        explicit: None,
        raw: None,
    }
}

pub fn holding(track: &str, blob: &str) -> Holding {
    Holding { track_id: id(track), root: root(blob), start_ms: None, end_ms: None, reason: "ingest".into() }
}

pub fn file(blob: &str) -> File {
    File {
        root: root(blob),
        path: format!("music/{blob}.flac").into_bytes(),
        size: blob.len() as i64,
        state: FileState::Sound,
        state_reason: None,
        container: "flac".into(),
        extension: "flac".into(),
        mime: "audio/flac".into(),
        codec: "flac".into(),
        bit_rate: Some(900_000),
        sample_rate: 44_100,
        channels: 2,
        bit_depth: Some(16),
        duration_ms: 1000,
        tags: "[]".into(),
        notes: Vec::new(),
        essence: Sha256Hash(root(blob).0),
        essence_version: 1,
        loudness_lufs: None,
        loudness_range_lu: None,
        true_peak_dbtp: None,
        replaygain_track_gain_db: None,
        replaygain_track_peak: None,
        clipped_samples: None,
        cutoff_hz: None,
        cover_root: None,
        lyrics_root: None,
        at: AT,
    }
}

pub fn link(name: &str, entity: LinkEntity, from: Id, to: Id, at: Timestamp) -> Link {
    Link {
        id: name.into(),
        entity,
        from_id: from,
        to_id: to,
        reason: "fingerprint".into(),
        score: 1.0,
        supersedes: None,
        at,
    }
}

pub fn import(id: &str, rows: i64) -> Import {
    let mut parts = id.split('/').map(str::to_owned);
    Import {
        id: id.into(),
        source: parts.next().expect("a source"),
        dataset: parts.next().expect("a dataset"),
        dump_date: (rows > 0).then(|| "2026-11".into()),
        file: "dümp.tar.xz".into(),
        sha256: Sha256Hash([7; 32]),
        bytes: rows,
        licence: (rows > 0).then(|| "CC0-1.0".into()),
        parts: (rows > 0).then(|| "artist,release".into()),
        options: (rows > 0).then(|| "no-supplements".into()),
        read: rows,
        added: rows,
        changed: 0,
        removed: 0,
        rejected: 0,
        passed_over: rows,
        at: AT,
    }
}

pub fn recording(name: &str, from: &str, to: &str, second: i64) -> Link {
    link(name, LinkEntity::Recording, id(from), id(to), AT.plus_seconds(second))
}

/// A track in a collection.
pub fn collected(collection: &str, name: &str, track: &str) -> CollectionEntry {
    CollectionEntry {
        id: collection.into(),
        name: name.into(),
        owner: "ana".into(),
        track_id: id(track),
        position: None,
        at: AT,
    }
}

pub fn decision(name: &str, kind: SubjectKind, key: &str) -> Decision {
    Decision {
        id: name.into(),
        supersedes: None,
        subject: Subject::new(kind, key),
        layer: Layer::Recording,
        basis: Basis::OwnWork,
        licence: None,
        permits: Vec::new(),
        territory: None,
        holder: None,
        attribution: None,
        evidence: None,
        asserted_by: "test".into(),
        status: ClaimStatus::Asserted,
        from: None,
        until: None,
        at: AT,
    }
}

/// One file's rows: artist, album, track, blob, holding, decision, file. All names follow from `name`.
pub fn song(name: &str) -> Batch {
    let (artist_name, album_name, blob) = (format!("{name} artist"), format!("{name} album"), format!("{name} bytes"));
    Batch {
        artists: vec![artist(&artist_name)],
        albums: vec![album(&album_name, &artist_name)],
        tracks: vec![track(name, &artist_name, Some(&album_name))],
        blobs: vec![Blob::new(&hashes(&blob), "audio/flac", BlobKind::Audio)],
        holdings: vec![holding(name, &blob)],
        rights: vec![Rights::from(&decision(name, SubjectKind::Blob, &root(&blob).to_string()))],
        files: vec![file(&blob)],
        ..Batch::default()
    }
}

/// Rows in every table: empty lists and nulls beside full ones, texts that are not ASCII, bytes that are not text, numbers
/// that JSON cannot hold.
pub fn awkward() -> Batch {
    let mut big = hashes("big");
    big.size = 3 << 20;
    big.piece_layer = vec![Sha256Hash([0xff; 32]), Sha256Hash([0; 32]), Sha256Hash([7; 32])];
    big.v1_pieces = vec![big.v1_last_unpadded; 3];
    let full_artist = Artist {
        id: Id(i64::MIN),
        aliases: vec![String::new(), "さくら".into(), "a\u{301}\0\"'\n".into()],
        sort_name: Some("Коробейники".into()),
        disambiguation: Some(String::new()),
        mbid: Some("b10bbbfc-cf9e-42e0-be17-e2c3e1d2600d".into()),
        raw: Some("{\"a\": [1, 2]}".into()),
        ..artist("🎵 Beyoncé")
    };
    let full_album = Album {
        id: Id(-1),
        artists: vec![credit("a"), Credit { role: "композитор".into(), ..credit("b") }],
        upc: Some("4006381333931".into()),
        label: Some("Label".into()),
        catalogue_number: Some("X-1".into()),
        date: Some("1999-05".into()),
        kind: Some("album".into()),
        language: Some("ja".into()),
        cover_root: Some(root("cover")),
        ..album("さくら", "春")
    };
    let full_track = Track {
        id: Id(i64::MAX),
        disc: Some(2),
        number: Some(i32::MAX),
        isrc: Some("ZZFON2600001".into()),
        explicit: Some(false),
        raw: Some("x".repeat(100_000)),
        ..track("Straße", "Łódź", Some("x"))
    };
    let bare_track = Track { artists: Vec::new(), album_id: None, duration_ms: None, ..track("", "", None) };
    let full_file = File {
        path: vec![0xff, 0xfe, b'/', 0],
        state: FileState::Malformed,
        state_reason: Some("it ends at byte 7".into()),
        tags: "[[\"TITLE\",\"\\u0000\"]]".into(),
        notes: vec!["one".into(), String::new()],
        loudness_lufs: Some(-14.25),
        loudness_range_lu: Some(0.0),
        true_peak_dbtp: Some(-0.0),
        replaygain_track_gain_db: Some(1e-300),
        replaygain_track_peak: Some(f64::MAX),
        clipped_samples: Some(7),
        cutoff_hz: Some(16_000),
        cover_root: Some(root("cover")),
        ..file("big")
    };
    // A silent file is infinitely quiet.
    let silent = File { loudness_lufs: Some(f64::NEG_INFINITY), bit_rate: None, bit_depth: None, ..file("silence") };
    let mut full_decision = Rights::from(&Decision {
        supersedes: Some("0".repeat(32)),
        licence: Some("http://creativecommons.org/licenses/by-nc-nd/3.0/".into()),
        permits: vec![fonoteca_model::rights::Use::StreamAccounts, fonoteca_model::rights::Use::Distribute],
        territory: Some("DE,AT".into()),
        holder: Some("Verein für Töne".into()),
        attribution: Some("©".into()),
        evidence: Some(root("letter")),
        from: Some(Timestamp(-1)),
        until: Some(Timestamp(i64::from(i32::MAX) * 1_000_000)),
        ..decision("f", SubjectKind::Label, "Töne & Söhne")
    });
    full_decision.note = Some("seen".into());
    Batch {
        artists: vec![full_artist, artist("")],
        albums: vec![full_album, Album { artists: Vec::new(), ..album("bare", "") }],
        tracks: vec![full_track, bare_track],
        supplements: vec![
            Supplement {
                source: "musicbrainz".into(),
                kind_of: "track".into(),
                id: Id(i64::MAX),
                kind: "genre".into(),
                value: "フォーク".into(),
                licence: Some("CC-BY-NC-SA-3.0".into()),
            },
            Supplement {
                source: "local".into(),
                kind_of: "artist".into(),
                id: Id(0),
                kind: "comment".into(),
                value: String::new(),
                licence: None,
            },
        ],
        listens: vec![Listens { recording_id: Id(i64::MAX), as_of: AT, count: i64::MAX / 2, popularity: 100 }],
        links: vec![
            recording("l1", "x", "y", 0),
            Link { supersedes: Some("l1".into()), score: 0.5, ..recording("l2", "x", "z", 1) },
        ],
        collections: vec![
            CollectionEntry {
                id: "c".into(),
                name: "sakura 🌸".into(),
                owner: "ana".into(),
                track_id: Id(i64::MAX),
                position: Some(0),
                at: AT,
            },
            CollectionEntry {
                id: "c".into(),
                name: "sakura 🌸".into(),
                owner: "ana".into(),
                track_id: id(""),
                position: None,
                at: AT,
            },
        ],
        blobs: vec![
            Blob::new(&big, "audio/flac", BlobKind::Audio),
            Blob {
                derived_from: Some(root("cover")),
                derived_how: Some("thumbnail 300".into()),
                ..Blob::new(&hashes("thumb"), "image/jpeg", BlobKind::Derived)
            },
        ],
        fingerprints: vec![
            Fingerprint {
                root: big.root,
                algorithm: 1,
                version: "1".into(),
                duration_ms: 1000,
                chromaprint: vec![0, 0, 0, 0x80, 0xff, 0xff, 0xff, 0xff],
            },
            Fingerprint {
                root: root("silence"),
                algorithm: 1,
                version: "1".into(),
                duration_ms: 0,
                chromaprint: Vec::new(),
            },
        ],
        holdings: vec![
            Holding { start_ms: Some(0), end_ms: Some(500), reason: "cue".into(), ..holding("Straße", "big") },
            holding("", "silence"),
        ],
        locations: vec![Location {
            root: big.root,
            path: vec![b'/', 0xc3, 0x28],
            size: 3 << 20,
            mtime: Timestamp(-1_500_000),
            inode: -1,
        }],
        rights: vec![full_decision, Rights::from(&decision("g", SubjectKind::Source, "local"))],
        events: vec![Event {
            id: "e".into(),
            at: AT,
            kind: "fixity check".into(),
            subject_kind: "blob".into(),
            subject: big.root.to_string(),
            outcome: Outcome::Failure,
            detail: Some("piece 2".into()),
            agent: "fonoteca 0.1.0".into(),
        }],
        releases: vec![Release {
            name: "first".into(),
            at: AT,
            serial: 1,
            status: ReleaseStatus::Published,
            tables: "{\"tracks\": 1}".into(),
            manifest: "{}".into(),
            supersedes: None,
        }],
        imports: vec![import("musicbrainz/release/5f0", 0), import("discogs/master/5f1", i64::MAX)],
        files: vec![full_file, silent],
    }
}
