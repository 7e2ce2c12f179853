//! Sheets as programs write them, and sheets made to hurt.

use super::*;

const EAC: &str = "REM GENRE \"Fado\"\r
REM DATE 1999\r
REM DISCID 7E0A1B09\r
REM COMMENT \"ExactAudioCopy v0.99pb5\"\r
CATALOG 0123456789012\r
PERFORMER \"Ana\"\r
TITLE \"The \"Long\" Night\"\r
FILE \"Ana - The Long Night.wav\" WAVE\r
  TRACK 01 AUDIO\r
    TITLE \"One\"\r
    PERFORMER \"Ana\"\r
    ISRC ZZAAA2600001\r
    FLAGS DCP PRE\r
    INDEX 00 00:00:00\r
    INDEX 01 00:00:33\r
  TRACK 02 AUDIO\r
    TITLE \"Two\"\r
    REM REPLAYGAIN_TRACK_GAIN -3.21 dB\r
    INDEX 00 03:58:10\r
    INDEX 01 04:00:00\r
  TRACK 03 AUDIO\r
    PREGAP 00:02:00\r
    INDEX 01 100:00:74\r
";

#[test]
fn a_sheet_as_eac_writes_it() {
    let sheet = parse(EAC.as_bytes()).expect("a sheet");
    assert_eq!(sheet.title.as_deref(), Some("The \"Long\" Night"));
    assert_eq!((sheet.performer.as_deref(), sheet.barcode.as_deref()), (Some("Ana"), Some("0123456789012")));
    assert_eq!(sheet.remarks[1], ("DATE".into(), "1999".into()));
    assert_eq!(sheet.remarks[3].1, "ExactAudioCopy v0.99pb5");
    assert_eq!(sheet.notes, ["0.4 s lie before track 1 and belong to no track"]);
    let [file] = &sheet.files[..] else { panic!("{:?}", sheet.files) };
    assert_eq!(file.name, "Ana - The Long Night.wav");
    let [one, two, three] = &file.tracks[..] else { panic!("{:?}", file.tracks) };
    assert_eq!((one.isrc.as_deref(), &one.flags[..]), (Some("ZZAAA2600001"), &["DCP".to_owned(), "PRE".into()][..]));
    assert_eq!((one.start, one.end, one.gap), (33, Some(18_000), Some(0)));
    assert_eq!((one.range_ms(), one.range_samples(44_100)), ((440, Some(240_000)), (19_404, Some(10_584_000))));
    assert_eq!((two.gap, two.remarks[0].1.as_str()), (Some(17_860), "-3.21 dB"));
    assert_eq!((three.silence, three.end, three.start), (Some(150), None, 450_074));
    assert_eq!(file.beyond(6_001_000), Vec::<u8>::new());
    assert_eq!(file.beyond(239_000), [1, 2, 3]);
    assert_eq!(file.beyond(6_000_000), [2, 3]);
}

#[test]
fn one_file_a_track_with_the_gaps_appended() {
    let text = "FILE 1.flac WAVE\nTRACK 1 AUDIO\nINDEX 01 0:0:0\nTRACK 2 AUDIO\nINDEX 00 3:0:0\nFILE sub\\2.flac WAVE\n\
        INDEX 01 0:0:0\n";
    let sheet = parse(text.as_bytes()).expect("a sheet");
    let names: Vec<_> = sheet.files.iter().map(|file| (file.name.as_str(), file.tracks.len())).collect();
    assert_eq!(names, [("1.flac", 1), ("sub/2.flac", 1)]);
    assert_eq!((sheet.files[0].tracks[0].end, sheet.files[1].tracks[0].gap), (None, None));
}

#[test]
fn sheets_that_point_outside_are_refused() {
    for name in [
        "../x.wav",
        "a/../../x.wav",
        "/etc/passwd",
        "\\\\server\\share\\x.wav",
        "..\\x.wav",
        "C:\\Music\\x.wav",
        "file:///x.wav",
        "x.wav\0",
        "",
        ".",
    ] {
        let text = format!("TITLE x\nFILE \"{name}\" WAVE\nTRACK 01 AUDIO\nINDEX 01 00:00:00\n");
        let error = parse(text.as_bytes()).expect_err(name);
        assert!(matches!(&error, CueError::Outside { line: 2, .. }), "{name}: {error}");
    }
}

#[test]
fn encodings_with_and_without_a_mark() {
    let text = "\u{feff}FILE \"x.wav\" WAVE\nTRACK 01 AUDIO\nTITLE \"Zoë\"\nINDEX 01 00:00:00\n";
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [text.as_bytes(), &text.as_bytes()[3..], &wide] {
        let sheet = parse(bytes).expect("a sheet");
        assert_eq!(sheet.files[0].tracks[0].title.as_deref(), Some("Zoë"));
        assert_eq!(sheet.notes, Vec::<String>::new());
    }
    let old = b"FILE \"x.wav\" WAVE\nTRACK 01 AUDIO\nTITLE \"Zo\xeb\"\nINDEX 01 00:00:00\n";
    let sheet = parse(old).expect("a sheet");
    assert_eq!(sheet.files[0].tracks[0].title.as_deref(), Some("Zoë"));
    assert_eq!(sheet.notes, ["its text is not UTF-8; it was read as Windows-1252"]);
}

#[test]
fn lines_that_cannot_be_meant_so_are_named() {
    let head = "FILE \"x.wav\" WAVE\n";
    for (text, line) in [
        ("TRACK 01 AUDIO\nINDEX 01 00:00:00\n", 1),
        (&format!("{head}TRACK 00 AUDIO\n"), 2),
        (&format!("{head}TRACK 100 AUDIO\n"), 2),
        (&format!("{head}TRACK 01 AUDIO\nINDEX 01 00:60:00\n"), 3),
        (&format!("{head}TRACK 01 AUDIO\nINDEX 01 00:00:75\n"), 3),
        (&format!("{head}TRACK 01 AUDIO\nINDEX 01 -1:00:00\n"), 3),
        (&format!("{head}TRACK 01 AUDIO\nINDEX 01 99999999999999999999:00:00\n"), 3),
        (&format!("{head}INDEX 01 00:00:00\n"), 2),
        (&format!("{head}TRACK 01 AUDIO\nTITLE x\n"), 2),
        (&format!("{head}TRACK 01 AUDIO\nINDEX 01 0:1:0\nTRACK 02 AUDIO\nINDEX 01 0:1:0\n"), 4),
        (&format!("{head}TRACK 01 AUDIO\nINDEX 00 0:1:0\nINDEX 01 0:0:0\n"), 2),
        (&format!("{head}TRACK 01 AUDIO\nINDEX 01 0:0:0\nTRACK 01 AUDIO\n"), 4),
    ] {
        match parse(text.as_bytes()) {
            Err(CueError::Wrong { line: found, .. }) => assert_eq!(found, line, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    assert_eq!(parse(b""), Err(CueError::NoTracks));
    assert_eq!(parse(format!("{head}TRACK 01 MODE1/2352\nINDEX 01 0:0:0\n").as_bytes()), Err(CueError::NoTracks));
    assert_eq!(parse(&vec![b'x'; MAX_BYTES + 1]), Err(CueError::TooLarge(MAX_BYTES + 1)));
    let noise = "what is this\n".repeat(10_000);
    let sheet = parse(format!("{head}TRACK 1 AUDIO\nINDEX 01 0:0:0\n{noise}").as_bytes()).expect("a sheet");
    assert_eq!(sheet.notes.len(), MAX_NOTES);
}
