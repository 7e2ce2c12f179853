//! CUE sheets: what is understood is in order, stays in its folder, and reads the same when it is written anew.

use std::collections::HashSet;
use std::fmt::Write as _;

use fonoteca_audio::cue::{FRAMES_PER_SECOND, Sheet, SheetTrack, parse};

/// Takes the bytes as a sheet.
pub fn check(bytes: &[u8]) {
    let mut sheet = match parse(bytes) {
        Ok(sheet) => sheet,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert!(sheet.notes.len() <= 34, "{} notes", sheet.notes.len());
    let mut numbers = HashSet::new();
    for file in &sheet.files {
        assert!(!file.name.contains(['\\', ':']) && file.name.split('/').all(|part| !matches!(part, "" | "." | "..")));
        for track in &file.tracks {
            assert!((1..=99).contains(&track.number) && numbers.insert(track.number));
            assert!(track.gap.is_none_or(|gap| gap <= track.start));
            let (start, end) = track.range_ms();
            assert!(start >= 0 && end.is_none_or(|end| end > start), "{track:?}");
            let (start, end) = track.range_samples(768_000);
            assert!(end.is_none_or(|end| end > start), "{track:?}");
        }
        for two in file.tracks.windows(2) {
            assert_eq!(two[0].end, Some(two[1].start));
        }
        assert!(file.tracks.last().is_none_or(|last| last.end.is_none()));
        assert_eq!(file.beyond(0).len(), file.tracks.len());
        assert!(file.beyond(i64::from(i32::MAX)).is_empty());
    }
    assert!(!numbers.is_empty());

    let written = write(&sheet);
    if written.len() <= 1 << 20 {
        let mut again = parse(written.as_bytes()).unwrap_or_else(|error| panic!("{error} in\n{written}"));
        again.notes.clone_from(&sheet.notes);
        // A remark that says nothing is not written.
        let tracks = sheet.files.iter_mut().flat_map(|file| &mut file.tracks).map(|track| &mut track.remarks);
        tracks.chain([&mut sheet.remarks]).for_each(|remarks| remarks.retain(|(key, _)| !key.is_empty()));
        assert_eq!(again, sheet, "{written}");
    }
}

fn write(sheet: &Sheet) -> String {
    let mut text = String::new();
    let mut line = |indent: &str, command: &str, value: Option<&str>| {
        if let Some(value) = value {
            let _ = writeln!(text, "{indent}{command} \"{value}\"");
        }
    };
    for (key, value) in &sheet.remarks {
        line("", &format!("REM {key}"), Some(value.as_str()).filter(|_| !key.is_empty()));
    }
    line("", "CATALOG", sheet.barcode.as_deref());
    line("", "TITLE", sheet.title.as_deref());
    line("", "PERFORMER", sheet.performer.as_deref());
    line("", "SONGWRITER", sheet.songwriter.as_deref());
    for file in &sheet.files {
        let _ = writeln!(text, "FILE \"{}\" WAVE", file.name);
        file.tracks.iter().for_each(|track| write_track(track, &mut text));
    }
    text
}

fn write_track(track: &SheetTrack, text: &mut String) {
    let time = |frames: u64| {
        let (seconds, frames) = (frames / FRAMES_PER_SECOND, frames % FRAMES_PER_SECOND);
        format!("{:02}:{:02}:{frames:02}", seconds / 60, seconds % 60)
    };
    let _ = writeln!(text, "  TRACK {:02} AUDIO", track.number);
    let texts = [("TITLE", &track.title), ("PERFORMER", &track.performer), ("SONGWRITER", &track.songwriter)];
    for (command, value) in texts.into_iter().chain([("ISRC", &track.isrc)]) {
        if let Some(value) = value {
            let _ = writeln!(text, "    {command} \"{value}\"");
        }
    }
    if !track.flags.is_empty() {
        let _ = writeln!(text, "    FLAGS {}", track.flags.join(" "));
    }
    for (key, value) in &track.remarks {
        if !key.is_empty() {
            let _ = writeln!(text, "    REM {key} \"{value}\"");
        }
    }
    for (command, frames) in [("PREGAP", track.silence), ("INDEX 00", track.gap), ("INDEX 01", Some(track.start))] {
        if let Some(frames) = frames {
            let _ = writeln!(text, "    {command} {}", time(frames));
        }
    }
}
