//! What broadcasters and field recorders write into WAVE: `bext` (EBU Tech 3285) and `iXML` (ixml.info).

use quick_xml::Reader;
use quick_xml::events::Event;

use super::Collector;

/// Depth to which iXML nests, with room to spare.
const MAX_DEPTH: usize = 16;

/// Texts of the `bext` chunk by their places: key, first byte, bytes.
const TEXTS: [(&str, usize, usize); 5] = [
    ("bext:Description", 0, 256),
    ("bext:Originator", 256, 32),
    ("bext:OriginatorReference", 288, 32),
    ("bext:OriginationDate", 320, 10),
    ("bext:OriginationTime", 330, 8),
];
/// Levels of version 2 in hundredths.
const LEVELS: [(&str, usize, &str); 3] =
    [("bext:LoudnessValue", 412, "LUFS"), ("bext:LoudnessRange", 414, "LU"), ("bext:MaxTruePeakLevel", 416, "dBTP")];
const VERSION_AT: usize = 346;
const HISTORY_AT: usize = 602;
/// A level that is not known.
const NO_LEVEL: i16 = 0x7fff;

/// Reads a `bext` chunk, as far as it goes.
pub(crate) fn read_bext(chunk: &[u8], tags: &mut Collector) {
    for (key, at, size) in TEXTS {
        let text = chunk.get(at..).map_or(&[][..], |rest| &rest[..rest.len().min(size)]);
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        tags.bytes(key, &text[..end]);
    }
    if let Some(time) = crate::bytes::le64(chunk, 338).filter(|time| *time > 0) {
        tags.text("bext:TimeReference", &time.to_string());
    }
    let number = |at: usize| Some(i16::from_le_bytes(chunk.get(at..at + 2)?.try_into().ok()?));
    if number(VERSION_AT).is_some_and(|version| version >= 2) {
        for (key, at, unit) in LEVELS {
            if let Some(level) = number(at).filter(|level| *level != NO_LEVEL && *level != 0) {
                tags.text(key, &format!("{:.2} {unit}", f64::from(level) / 100.0));
            }
        }
    }
    tags.bytes("bext:CodingHistory", chunk.get(HISTORY_AT..).unwrap_or_default());
}

/// Reads an `iXML` chunk: every element with text, under `iXML:` and its path without the root.
pub(crate) fn read_ixml(chunk: &[u8], tags: &mut Collector) {
    let end = chunk.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let mut reader = Reader::from_reader(&chunk[..end]);
    let (mut path, mut depth): (Vec<String>, usize) = (Vec::new(), 0);
    loop {
        match reader.read_event() {
            Ok(Event::Start(element)) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    tags.note(format!("iXML that nests deeper than {MAX_DEPTH} levels was left"));
                    return;
                }
                path.push(String::from_utf8_lossy(element.local_name().as_ref()).into_owned());
            }
            Ok(Event::End(_)) => {
                depth = depth.saturating_sub(1);
                path.pop();
            }
            Ok(Event::Text(text)) if path.len() > 1 => {
                // Entities come as events of their own and are rare in names of takes.
                tags.bytes(&format!("iXML:{}", path[1..].join("/")), &text);
            }
            Ok(Event::CData(text)) if path.len() > 1 => {
                tags.bytes(&format!("iXML:{}", path[1..].join("/")), &text);
            }
            Ok(Event::Eof) => return,
            Ok(_) => {}
            Err(error) => {
                tags.note(format!("iXML is not well-formed: {error}"));
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;

    fn bext() -> Vec<u8> {
        let mut chunk = vec![0; HISTORY_AT];
        chunk[..10].copy_from_slice(b"Zo\xc3\xab sings");
        chunk[256..261].copy_from_slice(b"Radio");
        chunk[320..330].copy_from_slice(b"1999-12-31");
        chunk[338..346].copy_from_slice(&1_234_567_u64.to_le_bytes());
        chunk[346..348].copy_from_slice(&2_u16.to_le_bytes());
        chunk[412..414].copy_from_slice(&(-2301_i16).to_le_bytes());
        chunk[414..416].copy_from_slice(&NO_LEVEL.to_le_bytes());
        chunk.extend(b"A=PCM,F=48000,W=24\r\n\0\0");
        chunk
    }

    #[test]
    fn bext_whole_and_cut_anywhere() {
        let mut tags = Collector::new(&Limits::default());
        read_bext(&bext(), &mut tags);
        let (tags, _, notes) = tags.finish();
        let expected = [
            ("bext:Description", "Zoë sings"),
            ("bext:Originator", "Radio"),
            ("bext:OriginationDate", "1999-12-31"),
            ("bext:TimeReference", "1234567"),
            ("bext:LoudnessValue", "-23.01 LUFS"),
            ("bext:CodingHistory", "A=PCM,F=48000,W=24"),
        ];
        assert_eq!(tags.raw, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!((tags.comment.as_deref(), tags.date.as_deref()), (Some("Zoë sings"), Some("1999-12-31")));
        assert_eq!(notes, Vec::<String>::new());
        for cut in 0..bext().len() {
            read_bext(&bext()[..cut], &mut Collector::new(&Limits::default()));
        }
    }

    #[test]
    fn ixml_by_paths() {
        let xml = b"<?xml version=\"1.0\"?><BWFXML><PROJECT>Harbour</PROJECT><NOTE>Windy</NOTE><TRACK_LIST><TRACK>\
            <NAME>Left</NAME></TRACK></TRACK_LIST></BWFXML>\0\0";
        let mut tags = Collector::new(&Limits::default());
        read_ixml(xml, &mut tags);
        let (tags, _, notes) = tags.finish();
        let expected = [("iXML:PROJECT", "Harbour"), ("iXML:NOTE", "Windy"), ("iXML:TRACK_LIST/TRACK/NAME", "Left")];
        assert_eq!(tags.raw, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!((tags.comment.as_deref(), notes.len()), (Some("Windy"), 0));
        for bad in [&b"<a><b>x</a>"[..], &b"<a>".repeat(100)] {
            let mut tags = Collector::new(&Limits::default());
            read_ixml(bad, &mut tags);
            assert_eq!(tags.finish().2.len(), 1, "{bad:?}");
        }
    }
}
