//! Bad input: each thing is named, and the rest goes on.

use fonoteca_catalog::import::ImportError;
use fonoteca_catalog::import::musicbrainz::{Entity, Options};
use serde_json::json;

use super::entities::mbid;
use super::{of, read, tar, xz};

fn recording(number: u32, more: &str) -> String {
    format!("{{\"id\": \"{}\", \"title\": \"T{number}\", \"length\": 1000, \"video\": false{more}}}\n", mbid(number))
}

#[test]
fn a_bad_line_costs_that_line() {
    let mut lines = recording(1, "").into_bytes();
    lines.extend(recording(2, "").trim_end().trim_end_matches('}').as_bytes());
    lines.extend(b"\n");
    lines.extend(b"{\"id\": \"x\xff\"}\n[1]\n\nnull\n");
    lines.extend(recording(3, "").as_bytes());
    lines.extend(json!({"id": "no-mbid", "title": "x", "length": 1}).to_string().as_bytes());
    lines.extend(b"\n");
    lines.extend(json!({"id": null, "title": "x", "length": 1}).to_string().as_bytes());
    lines.extend(b"\n{\"releases\": [], \"release-count\": 7}\n");
    lines.extend(json!({"id": mbid(4), "title": null, "length": 1}).to_string().as_bytes());
    lines.extend(b"\n");
    lines.extend(json!({"id": mbid(5), "title": "x", "media": []}).to_string().as_bytes());
    lines.extend(b"\n{\"id\": \"00000000-0000-4000-8000-000000000006\", \"title\": \"cut");
    let found = of(Entity::Recording, lines);
    let titles: Vec<&str> = found.rows.tracks.iter().map(|track| track.title.as_str()).collect();
    assert_eq!(titles, ["T1", "T3"]);
    let told = found.told();
    let expected = [
        (2, "is no JSON: "),
        (3, "is not UTF-8 at byte 10"),
        (4, "is no JSON object"),
        (6, "is no JSON object"),
        (8, "its id \"no-mbid\" is not a MusicBrainz id"),
        (9, "has no id"),
        (11, "has no title"),
        (12, "looks like a release and not like a recording"),
        (13, "is no JSON: EOF while parsing a string"),
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for ((number, field, reason), (line, begin)) in told.iter().zip(expected) {
        assert_eq!((*number, *field), (line, ""), "{reason}");
        assert!(reason.starts_with(begin), "{line}: {reason}");
    }
    // The list that names nothing was passed over, and empty lines are none.
    assert_eq!(found.read, 12);
}

#[test]
fn a_bad_field_costs_that_field() {
    let fields = [
        (", \"first-release-date\": \"0000-13-99\"", "first-release-date", "\"0000-13-99\" is no date"),
        (
            ", \"first-release-date\": \"1999-02-30\"",
            "first-release-date",
            "\"1999-02-30\" is no date: 1999-02 was taken",
        ),
        (", \"isrcs\": [\"SEFON260000\"]", "isrcs", "\"SEFON260000\" is not an ISRC"),
        (", \"isrcs\": [7]", "isrcs", "has 7, which is no ISRC"),
        (", \"isrcs\": {}", "isrcs", "is an object and not a list"),
        (", \"disambiguation\": \"a\", \"disambiguation\": \"b\"", "disambiguation", "came twice: the last one stands"),
        (
            ", \"artist-credit\": [{\"name\": \"N\", \"artist\": {\"id\": \"x\"}}]",
            "artist-credit[0].artist.id",
            "\"N\" has no MusicBrainz id",
        ),
        (", \"artist-credit\": [\"N\"]", "artist-credit", "has a text where an object should be"),
    ];
    for (more, field, reason) in fields {
        let found = of(Entity::Recording, recording(1, more));
        let told = found.told();
        assert_eq!((told.len(), found.rows.tracks.len()), (1, 1), "{more}: {told:?}");
        assert_eq!(told[0].1, field);
        assert!(told[0].2.starts_with(reason), "{}", told[0].2);
    }
    for (length, reason) in [
        ("-5", "-5 is no duration: it is negative"),
        ("\"x\"", "\"x\" is no whole number"),
        ("1.5", "1.5 is no whole number"),
    ] {
        let line = format!("{{\"id\": \"{}\", \"title\": \"T\", \"length\": {length}}}", mbid(1));
        let found = of(Entity::Recording, line);
        assert_eq!(found.told(), [(1, "length", reason)]);
        assert_eq!(found.rows.tracks[0].duration_ms, None);
    }
    // No mistakes: hyphens, a duration as text, a date with unknown parts.
    let fine = recording(
        1,
        ", \"isrcs\": [\"se-fon-26-00001\"], \"first-release-date\": \"1999-??-07\", \"disambiguation\": null",
    );
    let found = of(Entity::Recording, fine);
    assert!(found.rejects.is_empty(), "{:?}", found.rejects);
    assert_eq!(found.rows.tracks[0].isrc.as_deref(), Some("SEFON2600001"));
    assert_eq!(found.rows.tracks[0].date.as_deref(), Some("1999"));
    assert_eq!(found.rows.tracks[0].raw.as_deref(), Some("{\"first-release-date\":\"1999-??-07\"}"));
}

#[test]
fn a_bad_track_costs_that_track() {
    let release = json!({"id": mbid(1), "title": "R", "barcode": "123", "media": [{"tracks": [
        {"id": "x", "title": "no id"}, {"id": mbid(2)}, {"id": mbid(3), "title": "fine", "position": "x"}, 7,
    ]}]});
    let found = of(Entity::Release, release.to_string());
    let told: Vec<&str> = found.told().iter().map(|(_, field, _)| *field).collect();
    assert_eq!(
        told,
        ["media[0].tracks", "media[0].tracks[0]", "media[0].tracks[1].title", "media[0].tracks[2].position"]
    );
    assert_eq!(found.rows.tracks.len(), 1);
    assert_eq!((found.rows.tracks[0].number, found.rows.albums[0].upc.as_ref()), (Some(3), None));
    assert_eq!(
        found.rows.albums[0].raw.as_deref(),
        Some("{\"barcode\":\"123\"}"),
        "it stays where it can be looked up"
    );
}

#[test]
fn a_line_of_100_mb_is_passed_over() {
    let mut lines = recording(1, "").into_bytes();
    lines.extend(b"{\"id\": \"");
    lines.resize(lines.len() + 100_000_000, b'x');
    lines.extend(b"\"}\n");
    lines.extend(recording(2, "").as_bytes());
    let found = of(Entity::Recording, lines);
    assert_eq!(found.told(), [(2, "", "has 100000010 bytes in one line; at most 33554432 are read")]);
    assert_eq!((found.read, found.rows.tracks.len()), (3, 2));
}

#[test]
fn another_kind_of_file_is_refused_with_a_sentence() {
    for bytes in [
        b"<releases><release id=\"1\"/></releases>".to_vec(),
        Vec::new(),
        xz(&tar(&[("mbdump/work", b"{}\n")])),
        tar(&[]),
    ] {
        let error = read(bytes, Options::default()).expect_err("refused");
        assert!(matches!(error, ImportError::Source { .. }), "{error}");
        assert!(error.to_string().starts_with("dump is not a MusicBrainz dump of artists, releases, "), "{error}");
    }
    let lines = recording(1, "").repeat(100);
    let archive = tar(&[("mbdump/recording", lines.as_bytes())]);
    for length in [700, 512 + lines.len() / 2] {
        let error = read(archive[..length].to_vec(), Options::default()).expect_err("cut off");
        let ImportError::Read { source, .. } = &error else { panic!("{error}") };
        assert!(source.to_string().contains("ends within a member"), "{source}");
    }
    let packed = xz(&archive);
    let error = read(packed[..packed.len() - 20].to_vec(), Options::default()).expect_err("cut off");
    let ImportError::Read { source, .. } = &error else { panic!("{error}") };
    assert!(source.to_string().contains("cut off at or before byte"), "{source}");
}
