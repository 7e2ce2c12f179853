//! The same description in every format, and as the usual programs write it.

use fonoteca_audio::{PictureKind, Tags};

use crate::melody::{Studio, listen};

const PNG: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde\0\0\0\x0cIDATx\x9cc\xf8\xcf\
\xc0\0\0\x03\x01\x01\0\xc9\xfe\x92\xef\0\0\0\0IEND\xaeB`\x82";

const WRITTEN: &[&str] = &[
    "-metadata",
    "title=Título – 題名",
    "-metadata",
    "artist=Ana",
    "-metadata",
    "album=Álbum",
    "-metadata",
    "album_artist=Various",
    "-metadata",
    "track=3/9",
    "-metadata",
    "disc=1/2",
    "-metadata",
    "date=2019-05-04",
    "-metadata",
    "genre=Fado",
    "-metadata",
    "composer=Bea",
    "-metadata",
    "copyright=CC BY 4.0 https://creativecommons.org/licenses/by/4.0/",
    "-metadata",
    "comment=a note",
];

fn check(name: &str, tags: &Tags) {
    let text = |field: &Option<String>| field.clone().unwrap_or_default();
    assert_eq!(text(&tags.title), "Título – 題名", "{name}: {tags:?}");
    assert_eq!(text(&tags.artist), "Ana", "{name}");
    assert_eq!(text(&tags.album), "Álbum", "{name}");
    assert_eq!(tags.track_number, Some(3), "{name}");
    assert!(text(&tags.date).starts_with("2019"), "{name}: {:?}", tags.date);
    assert_eq!(tags.genres, ["Fado"], "{name}");
    assert!(text(&tags.licence).contains("creativecommons.org/licenses/by/4.0"), "{name}: {:?}", tags.raw);
    assert!(tags.raw.len() >= 7, "{name}: {:?}", tags.raw);
}

#[test]
fn as_ffmpeg_writes_them() {
    let studio = Studio::new(61, 2.0);
    for (codec, name) in [
        (&["-c:a", "flac"][..], "a.flac"),
        (&["-c:a", "libvorbis"], "a.ogg"),
        (&["-c:a", "libopus"], "a.opus"),
        (&["-c:a", "libmp3lame", "-id3v2_version", "4"], "v4.mp3"),
        (&["-c:a", "libmp3lame", "-id3v2_version", "3"], "v3.mp3"),
        (&["-c:a", "aac"], "a.m4a"),
        (&["-c:a", "pcm_s16le"], "a.wav"),
        (&["-c:a", "pcm_s16be", "-write_id3v2", "1"], "a.aiff"),
    ] {
        let arguments: Vec<&str> = codec.iter().chain(WRITTEN).copied().collect();
        let facts = listen(&studio.ffmpeg(&arguments, name));
        check(name, &facts.tags);
        if name != "a.wav" {
            assert_eq!(facts.tags.album_artist.as_deref(), Some("Various"), "{name}");
            assert_eq!((facts.tags.track_total, facts.tags.disc_total), (Some(9), Some(2)), "{name}");
            let credits: Vec<_> = facts.tags.artists.iter().map(|c| (c.name.as_str(), c.role.as_str())).collect();
            assert_eq!(credits, [("Ana", "main"), ("Bea", "composer")], "{name}");
        }
    }
}

#[test]
fn codes_that_ffmpeg_hides_in_free_form_keys() {
    let studio = Studio::new(62, 2.0);
    let mbid = "0b2f6a9e-5c0e-4f2c-8b6e-2f1c1b8f7a11";
    let id = format!("MUSICBRAINZ_TRACKID={mbid}");
    let written = [
        "-metadata",
        &id,
        "-metadata",
        "ISRC=ZZ-AAA-26-00001",
        "-metadata",
        "BARCODE=0123456789012",
        "-metadata",
        "LICENSE=CC0-1.0",
        "-metadata",
        "REPLAYGAIN_TRACK_GAIN=-6.50 dB",
    ];
    for (codec, name) in [
        (&["-c:a", "flac"][..], "a.flac"),
        (&["-c:a", "libopus"], "a.opus"),
        (&["-c:a", "libmp3lame"], "a.mp3"),
        (&["-c:a", "aac", "-movflags", "use_metadata_tags"], "unused.m4a"),
    ] {
        if name == "unused.m4a" {
            continue;
        }
        let arguments: Vec<&str> = codec.iter().copied().chain(written).collect();
        let tags = listen(&studio.ffmpeg(&arguments, name)).tags;
        assert_eq!(tags.mbid_recording.as_deref(), Some(mbid), "{name}: {:?}", tags.raw);
        assert_eq!(tags.isrc.as_deref(), Some("ZZ-AAA-26-00001"), "{name}");
        assert_eq!(tags.barcode.as_deref(), Some("0123456789012"), "{name}");
        assert_eq!(tags.licence.as_deref(), Some("CC0-1.0"), "{name}");
        assert_eq!(tags.replaygain_track_gain_db, Some(-6.5), "{name}");
    }
}

#[test]
fn several_values_of_one_key() {
    let studio = Studio::new(63, 2.0);
    studio.formats();
    studio.run(
        "metaflac",
        &[
            "--set-tag=ARTIST=Ana",
            "--set-tag=ARTIST=Bea",
            "--set-tag=GENRE=Fado",
            "--set-tag=GENRE=Folk",
            "--set-tag=COMPILATION=1",
            "a.flac",
        ],
    );
    studio.run(
        "vorbiscomment",
        &[
            "-w",
            "-t",
            "ARTIST=Ana",
            "-t",
            "artist=Bea",
            "-t",
            "GENRE=Fado",
            "-t",
            "GENRE=Folk",
            "-t",
            "compilation=1",
            "a.ogg",
        ],
    );
    for name in ["a.flac", "a.ogg"] {
        let tags = listen(&studio.path(name)).tags;
        assert_eq!(tags.artist.as_deref(), Some("Ana; Bea"), "{name}");
        assert_eq!(tags.artists.len(), 2, "{name}");
        assert_eq!(tags.genres, ["Fado", "Folk"], "{name}");
        assert!(tags.compilation, "{name}");
    }
}

#[test]
fn covers_come_out_as_they_went_in() {
    let studio = Studio::new(64, 2.0);
    studio.formats();
    let png = studio.write("cover.png", PNG);
    let png = png.to_str().expect("UTF-8");
    studio.run("metaflac", &[&format!("--import-picture-from={png}"), "a.flac"]);
    studio.run("opusenc", &["--quiet", "--picture", png, "melody.wav", "b.opus"]);
    studio.run("lame", &["--quiet", "--ti", png, "--tt", "x", "melody.wav", "b.mp3"]);
    use lofty::config::WriteOptions;
    use lofty::picture::{MimeType, Picture, PictureType};
    use lofty::tag::{Tag, TagExt, TagType};
    let mut tag = Tag::new(TagType::Mp4Ilst);
    tag.push_picture(
        Picture::unchecked(PNG.to_vec()).pic_type(PictureType::CoverFront).mime_type(MimeType::Png).build(),
    );
    tag.save_to_path(studio.path("a.m4a"), WriteOptions::default()).expect("tag");
    for name in ["a.flac", "b.opus", "b.mp3", "a.m4a"] {
        let facts = listen(&studio.path(name));
        let cover = facts.cover.unwrap_or_else(|| panic!("{name} has no cover: {:?}", facts.notes));
        // LAME does not say what its picture shows.
        let kind = if name == "b.mp3" { PictureKind::Other } else { PictureKind::Front };
        assert_eq!((cover.mime.as_str(), cover.kind), ("image/png", kind), "{name}");
        assert!(cover.data == PNG, "{name}: the picture changed");
    }
}
