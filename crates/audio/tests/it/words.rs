//! Chapters and words with times in every scheme, ID3 of all versions, encodings mended, and broadcast WAVE.

use std::fs;
use std::path::PathBuf;

use crate::melody::{Studio, listen};

/// An MP3 file with an ID3v2 tag of so many bytes before its sound.
fn with_id3(studio: &Studio, version: u8, frames: &[u8]) -> PathBuf {
    let size = frames.len() as u32;
    let mut bytes = [b"ID3", &[version, 0, 0][..]].concat();
    bytes.extend([21, 14, 7, 0].map(|shift| (size >> shift) as u8 & 0x7f));
    bytes.extend(frames);
    bytes.extend(fs::read(studio.path("a.mp3")).expect("read"));
    studio.write("tagged.mp3", &bytes)
}

fn frame(version: u8, id: &str, body: &[u8]) -> Vec<u8> {
    let size = body.len() as u32;
    let sizes = match version {
        2 => size.to_be_bytes()[1..].to_vec(),
        3 => [&size.to_be_bytes()[..], &[0, 0]].concat(),
        _ => [&[21, 14, 7, 0].map(|shift| (size >> shift) as u8 & 0x7f)[..], &[0, 0]].concat(),
    };
    [id.as_bytes(), &sizes, body].concat()
}

#[test]
fn chapters_of_every_scheme() {
    let studio = Studio::new(101, 6.0);
    let meta = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2500\ntitle=Início\n[CHAPTER]\nTIMEBASE=1/1000\n\
        START=2500\nEND=6000\ntitle=Second\n";
    fs::write(studio.path("meta.txt"), meta).expect("write");
    for name in ["c.mp3", "c.m4a"] {
        studio.ffmpeg(&["-i", "meta.txt", "-map_metadata", "1", "-map_chapters", "1"], name);
    }
    // What ffmpeg writes into Ogg has other times than it was told.
    studio.run("oggenc", &["-Q", "-o", "c.ogg", "melody.wav"]);
    let comments =
        ["CHAPTER001=00:00:00.000", "CHAPTER001NAME=Início", "CHAPTER002=00:00:02.500", "CHAPTER002NAME=Second"];
    fs::write(studio.path("tags.txt"), comments.join("\n")).expect("write");
    studio.run("vorbiscomment", &["-R", "-w", "-c", "tags.txt", "c.ogg"]);
    for name in ["c.mp3", "c.m4a", "c.ogg"] {
        let facts = listen(&studio.path(name));
        let found: Vec<_> = facts.tags.chapters.iter().map(|one| (one.start_ms, one.title.as_deref())).collect();
        assert_eq!(found, [(0, Some("Início")), (2_500, Some("Second"))], "{name}: {:?}", facts.tags.raw);
    }
    assert_eq!(listen(&studio.path("c.mp3")).tags.chapters[1].end_ms, Some(6_000));
}

#[test]
fn chapters_in_a_track_of_text() {
    let studio = Studio::new(105, 6.0);
    let meta = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2500\ntitle=Início\n[CHAPTER]\nTIMEBASE=1/1000\n\
        START=2500\nEND=6000\ntitle=Second\n";
    fs::write(studio.path("meta.txt"), meta).expect("write");
    studio.ffmpeg(&["-i", "meta.txt", "-map_metadata", "1", "-map_chapters", "1"], "c.m4a");
    let whole = fs::read(studio.path("c.m4a")).expect("read");
    let place = |name: &[u8; 4]| whole.windows(4).position(|four| four == name);
    let list = place(b"chpl").expect("Nero's list, which is left out here");
    let mut text_only = whole.clone();
    text_only[list..list + 4].copy_from_slice(b"free");
    let found = listen(&studio.write("text.m4a", &text_only)).tags.chapters;
    let told: Vec<_> = found.iter().map(|one| (one.start_ms, one.end_ms, one.title.as_deref())).collect();
    assert_eq!(told, [(0, Some(2_500), Some("Início")), (2_500, Some(6_000), Some("Second"))]);
    // Without the reference it is a track of text like any other.
    let reference = place(b"chap").expect("a reference");
    text_only[reference..reference + 4].copy_from_slice(b"free");
    assert_eq!(listen(&studio.write("other.m4a", &text_only)).tags.chapters, []);
    // Tables that lie: the index set to the highest value, four bytes at a time.
    for at in (place(b"moov").expect("an index")..whole.len()).step_by(61) {
        let mut wrong = whole.clone();
        let end = (at + 4).min(wrong.len());
        wrong[at..end].fill(0xff);
        let path = studio.write("wrong.m4a", &wrong);
        let _ =
            fonoteca_audio::analyse_to(fonoteca_audio::Depth::Head, &path, &fonoteca_audio::Limits::default(), &|| {
                false
            });
    }
}

#[test]
fn words_with_times() {
    let studio = Studio::new(102, 2.0);
    studio.formats();
    let mut sylt = b"\x03por\x02\x01\0".to_vec();
    for (text, at) in [("Olá", 500_u32), ("mundo", 1_500)] {
        sylt.extend(text.as_bytes());
        sylt.push(0);
        sylt.extend(at.to_be_bytes());
    }
    let frames = [frame(4, "SYLT", &sylt), frame(4, "USLT", b"\x03por\0plain words")].concat();
    let tags = listen(&with_id3(&studio, 4, &frames)).tags;
    let lines: Vec<_> = tags.timed_lyrics.iter().map(|line| (line.at_ms, line.text.as_str())).collect();
    assert_eq!((lines, tags.lyrics.as_deref()), (vec![(500, "Olá"), (1_500, "mundo")], Some("plain words")));
    let lrc = "[00:00.50]Olá\n[00:01.50]mundo";
    studio.run("metaflac", &[&format!("--set-tag=LYRICS={lrc}"), "a.flac"]);
    studio.convert("a.m4a", &["-c", "copy", "-metadata", &format!("lyrics={lrc}")], "l.m4a");
    for name in ["a.flac", "l.m4a"] {
        let tags = listen(&studio.path(name)).tags;
        let lines: Vec<_> = tags.timed_lyrics.iter().map(|line| (line.at_ms, line.text.as_str())).collect();
        assert_eq!(lines, [(500, "Olá"), (1_500, "mundo")], "{name}: {:?}", tags.raw);
    }
}

#[test]
fn id3_of_every_version() {
    let studio = Studio::new(103, 2.0);
    studio.formats();
    let mbid = "b10bbbfc-cf9e-42e0-be17-e2c3e1d2600d";
    for (version, title, artist, involved, own, unique) in [
        (2, "TT2", "TP1", "IPL", "TXX", "UFI"),
        (3, "TIT2", "TPE1", "IPLS", "TXXX", "UFID"),
        (4, "TIT2", "TPE1", "TIPL", "TXXX", "UFID"),
    ] {
        let frames = [
            frame(version, title, b"\0A title"),
            frame(version, artist, b"\0Ana\0Bea"),
            frame(version, involved, b"\0producer\0Cai\0engineer\0Dora"),
            frame(version, own, format!("\0MusicBrainz Album Artist Id\0{mbid}/{mbid}").as_bytes()),
            frame(version, unique, format!("http://musicbrainz.org\0{mbid}").as_bytes()),
        ]
        .concat();
        let tags = listen(&with_id3(&studio, version, &frames)).tags;
        assert_eq!(tags.title.as_deref(), Some("A title"), "{version}: {:?}", tags.raw);
        assert_eq!(tags.mbid_recording.as_deref(), Some(mbid), "{version}");
        assert_eq!(tags.mbid_album_artist, [mbid, mbid], "{version}");
        let credits: Vec<_> = tags.artists.iter().map(|credit| (credit.name.as_str(), credit.role.as_str())).collect();
        for credit in [("Ana", "main"), ("Cai", "producer"), ("Dora", "engineer")] {
            assert!(credits.contains(&credit), "{version}: {credits:?}");
        }
    }
}

#[test]
fn old_id3_counts_where_nothing_better_is() {
    let studio = Studio::new(104, 2.0);
    studio.formats();
    let mut old = vec![0; 128];
    old[..3].copy_from_slice(b"TAG");
    old[3..33].copy_from_slice(b"A title that is cut at thirty ");
    old[33..37].copy_from_slice(b"Zo\xeb!");
    old[63..69].copy_from_slice(b"Caf\xc3\xa9s");
    old[93..97].copy_from_slice(b"1999");
    old[126] = 7;
    old[127] = 80;
    let new = with_id3(&studio, 4, &frame(4, "TIT2", b"\x03A title that is cut at thirty bytes"));
    for (path, title) in
        [(studio.path("a.mp3"), "A title that is cut at thirty"), (new, "A title that is cut at thirty bytes")]
    {
        let mut bytes = fs::read(&path).expect("read");
        bytes.extend(&old);
        fs::write(&path, bytes).expect("write");
        let facts = listen(&path);
        let tags = &facts.tags;
        assert_eq!(tags.title.as_deref(), Some(title), "{:?}", tags.raw);
        assert_eq!((tags.artist.as_deref(), tags.artists.len()), (Some("Zoë!"), 1));
        assert_eq!((tags.album.as_deref(), tags.track_number), (Some("Cafés"), Some(7)));
        assert!(tags.raw.contains(&("ID3v1:TALB".into(), "CafÃ©s".into())), "as found: {:?}", tags.raw);
        assert!(facts.notes.iter().any(|note| note.contains("declared as Latin-1")), "{:?}", facts.notes);
    }
}

#[test]
fn text_in_the_wrong_encoding_is_mended_where_that_is_certain() {
    let studio = Studio::new(105, 2.0);
    studio.formats();
    let frames = [
        frame(3, "TIT2", &[b"\0", "Água de março – voilà".as_bytes()].concat()),
        frame(3, "TPE1", b"\0Zo\xeb \xc9lan"),
        frame(
            3,
            "TALB",
            &[b"\0", "\u{cf}\u{f0}\u{e8}\u{e2}\u{e5}\u{f2}".chars().map(|c| c as u8).collect::<Vec<_>>().as_slice()]
                .concat(),
        ),
    ]
    .concat();
    let facts = listen(&with_id3(&studio, 3, &frames));
    let tags = &facts.tags;
    assert_eq!(tags.title.as_deref(), Some("Água de março – voilà"));
    assert_eq!(tags.artist.as_deref(), Some("Zoë Élan"), "really Latin-1");
    assert_eq!(tags.album.as_deref(), Some("Ïðèâåò"), "Cyrillic by another code page: not certain, so left");
    assert_eq!(facts.notes, ["1 tags declared as Latin-1 are UTF-8 and were understood as that"]);
    // RIFF names no encoding at all.
    let mut wav = fs::read(studio.path("melody.wav")).expect("read");
    wav.extend(b"LIST\x10\0\0\0INFOINAM\x04\0\0\0Zo\xeb\0");
    let facts = listen(&studio.write("info.wav", &wav));
    assert_eq!(facts.tags.title.as_deref(), Some("Zoë"));
    assert_eq!(facts.notes, ["1 tags are not UTF-8 and were read as Windows-1252"]);
}

#[test]
fn broadcast_wave_as_ffmpeg_writes_it() {
    let studio = Studio::new(106, 3.0);
    let written = [
        "-write_bext",
        "1",
        "-rf64",
        "always",
        "-metadata",
        "description=Harbour at dawn",
        "-metadata",
        "originator=Radio",
        "-metadata",
        "origination_date=1999-12-31",
        "-metadata",
        "time_reference=44100",
    ];
    let facts = listen(&studio.ffmpeg(&written, "b.wav"));
    assert_eq!(facts.state, fonoteca_audio::State::Sound);
    assert_eq!(facts.essence, listen(&studio.path("melody.wav")).essence, "RF64 with bext");
    assert_eq!(facts.tags.comment.as_deref(), Some("Harbour at dawn"), "{:?}", facts.tags.raw);
    assert_eq!(facts.tags.date.as_deref(), Some("1999-12-31"));
    assert!(facts.tags.raw.contains(&("bext:TimeReference".into(), "44100".into())));
}

#[test]
fn apple_lossless_in_caf() {
    let studio = Studio::new(107, 3.0);
    let facts = listen(&studio.ffmpeg(&["-c:a", "alac"], "alac.caf"));
    assert_eq!((facts.codec.as_str(), facts.bit_depth), ("alac", Some(16)));
    assert!((facts.duration_ms - 3_000).abs() <= 1, "{} ms", facts.duration_ms);
    assert_eq!(facts.fingerprint, listen(&studio.path("melody.wav")).fingerprint);
}
