//! Words with their times: LRC, beside a file or in its tags. Plain lyrics stay in [`Tags::lyrics`](crate::Tags::lyrics).
//!
//! LRC has no standard. Understood is what players agree on: `[mm:ss.xx]` in hundredths or thousandths, also with a colon,
//! several of them before one line, `[offset:±ms]` (positive: earlier), other `[key:value]` lines, and times of single
//! words in `<>`, which are left out of the text.

use serde::{Deserialize, Serialize};

use crate::text;

/// Words of a song are a few kilobytes long.
const MAX_BYTES: usize = 1 << 20;
const MAX_LINES: usize = 10_000;
/// Where an offset goes beyond an hour, it is no offset.
const MAX_OFFSET_MS: i64 = 3_600_000;

/// A line of words and when it is sung.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimedLine {
    /// Milliseconds from the beginning.
    pub at_ms: i64,
    /// The words; empty where a pause begins.
    pub text: String,
}

/// What an LRC file holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lrc {
    /// The lines, by time; [`offset`](Self) is taken into account.
    pub lines: Vec<TimedLine>,
    /// Other keys as written: `ar`, `ti`, `al`, `by`, `length`, …
    pub keys: Vec<(String, String)>,
    /// What was assumed or passed over, one sentence each.
    pub notes: Vec<String>,
}

/// Reads LRC; `None` if no line has a time.
pub fn parse_lrc(bytes: &[u8]) -> Option<Lrc> {
    let decoded = text::decode(&bytes[..bytes.len().min(MAX_BYTES)]);
    let mut lrc = Lrc::default();
    lrc.notes.extend(decoded.note.map(str::to_owned));
    let mut offset = 0;
    let mut dropped = bytes.len() > MAX_BYTES;
    for line in decoded.text.lines() {
        let (mut rest, mut times) = (line.trim(), Vec::new());
        while let Some((inside, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let Some(at) = time(inside) else { break };
            times.push(at);
            rest = after.trim_start();
        }
        if times.is_empty() {
            let pair =
                rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).and_then(|rest| rest.split_once(':'));
            match pair.map(|(key, value)| (key.trim().to_ascii_lowercase(), value.trim())) {
                Some((key, value)) if key == "offset" => {
                    offset = value.parse().ok().filter(|ms: &i64| ms.abs() <= MAX_OFFSET_MS).unwrap_or(0);
                }
                Some((key, value)) if lrc.keys.len() < 64 => lrc.keys.push((key, value.to_owned())),
                _ => {}
            }
            continue;
        }
        let words = without_word_times(rest);
        for at_ms in times {
            if lrc.lines.len() < MAX_LINES {
                lrc.lines.push(TimedLine { at_ms, text: words.clone() });
            } else {
                dropped = true;
            }
        }
    }
    if dropped {
        lrc.notes.push(format!("it is longer than {MAX_LINES} lines or {MAX_BYTES} bytes; the rest was left"));
    }
    lrc.lines.iter_mut().for_each(|line| line.at_ms = (line.at_ms - offset).max(0));
    lrc.lines.sort_by_key(|line| line.at_ms);
    (!lrc.lines.is_empty()).then_some(lrc)
}

/// `mm:ss`, `mm:ss.xx`, `mm:ss.xxx` or `mm:ss:xx` in milliseconds.
fn time(text: &str) -> Option<i64> {
    let digits = |part: &str, most: usize| -> Option<i64> {
        let fits = !part.is_empty() && part.len() <= most && part.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| part.parse().ok()).flatten()
    };
    let (minutes, rest) = text.trim().split_once(':')?;
    let (seconds, fraction) = rest.split_once(['.', ':']).unwrap_or((rest, "0"));
    let seconds = digits(seconds, 2).filter(|seconds| *seconds < 60)?;
    let ms = digits(fraction, 3)? * [100, 10, 1][fraction.len() - 1];
    Some((digits(minutes, 4)? * 60 + seconds) * 1000 + ms)
}

/// The words of a line without `<mm:ss.xx>` before each.
fn without_word_times(line: &str) -> String {
    let mut words = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('<') {
        words.push_str(before);
        match after.split_once('>').filter(|(inside, _)| time(inside).is_some()) {
            Some((_, after)) => rest = after,
            None => {
                words.push('<');
                rest = after;
            }
        }
    }
    words.push_str(rest);
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Words without times: the text of a file beside the music. `None` for what is no text, or says nothing.
pub fn parse_plain(bytes: &[u8]) -> Option<String> {
    if bytes.len() > MAX_BYTES {
        return None;
    }
    let text = text::decode(bytes).text;
    let is_text = !text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t'));
    (is_text && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

/// Lines with their times as an LRC file has them.
pub fn write_lrc(lines: &[TimedLine]) -> String {
    let line = |line: &TimedLine| {
        let (minutes, rest) = (line.at_ms.max(0) / 60_000, line.at_ms.max(0) % 60_000);
        // One line a time, whatever was in it.
        let words = line.text.split_whitespace().collect::<Vec<_>>().join(" ");
        format!("[{minutes:02}:{:02}.{:03}]{words}\n", rest / 1000, rest % 1000)
    };
    lines.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<(i64, String)> {
        parse_lrc(text.as_bytes())
            .map_or_else(Vec::new, |lrc| lrc.lines.into_iter().map(|line| (line.at_ms, line.text)).collect())
    }

    #[test]
    fn lines_by_time() {
        let text = "\u{feff}[ar:Ana]\r\n[ti: A song ]\r\n[00:12.5][01:02.25]Twice\r\n[00:01]First\r\n[100:00.123]Late\r\n\
            [00:20:50]A colon\r\n[00:30.00]\r\nno time\r\n[00:40.00]<00:40.10>Word <00:40.50>by  word <3 x\r\n";
        let found = lines(text);
        let expected = [
            (1_000, "First"),
            (12_500, "Twice"),
            (20_500, "A colon"),
            (30_000, ""),
            (40_000, "Word by word <3 x"),
            (62_250, "Twice"),
            (6_000_123, "Late"),
        ];
        assert_eq!(found, expected.map(|(at, text)| (at, text.to_owned())));
        let lrc = parse_lrc(text.as_bytes()).expect("LRC");
        assert_eq!(lrc.keys, [("ar".into(), "Ana".into()), ("ti".into(), "A song".into())]);
    }

    #[test]
    fn an_offset_moves_all_lines() {
        assert_eq!(lines("[00:02.00]x\n[offset:+500]"), [(1_500, "x".to_owned())]);
        assert_eq!(lines("[offset:-500]\n[00:02.00]x"), [(2_500, "x".to_owned())]);
        assert_eq!(lines("[offset:9000]\n[00:02.00]x"), [(0, "x".to_owned())]);
        assert_eq!(lines("[offset:99999999999999999999]\n[00:02.00]x"), [(2_000, "x".to_owned())]);
    }

    #[test]
    fn what_has_no_times_is_no_lrc() {
        for text in
            ["", "words\nand words", "[ar:Ana]", "[xx:yy.zz]x", "[00:61.00]x", "[1:2.3.4]x", "[-1:00.00]x", "[00:00.]x"]
        {
            assert_eq!(parse_lrc(text.as_bytes()), None, "{text}");
        }
        let many = "[00:01.00]x\n".repeat(MAX_LINES + 5);
        let lrc = parse_lrc(many.as_bytes()).expect("LRC");
        assert_eq!((lrc.lines.len(), lrc.notes.len()), (MAX_LINES, 1));
        assert_eq!(parse_lrc(b"[00:01.00]Zo\xeb").expect("LRC").lines[0].text, "Zoë");
    }

    #[test]
    fn what_is_written_is_read_again() {
        let lines = [(1_005, "One  two"), (61_000, ""), (6_000_123, "Late")];
        let lines = lines.map(|(at_ms, text)| TimedLine { at_ms, text: text.to_owned() });
        let written = write_lrc(&lines);
        assert_eq!(written, "[00:01.005]One two\n[01:01.000]\n[100:00.123]Late\n");
        let read: Vec<i64> = parse_lrc(written.as_bytes()).expect("LRC").lines.iter().map(|line| line.at_ms).collect();
        assert_eq!(read, [1_005, 61_000, 6_000_123]);
    }

    #[test]
    fn words_are_text() {
        assert_eq!(parse_plain(b"Zo\xeb\r\n\tla la\n").as_deref(), Some("Zo\u{eb}\r\n\tla la"));
        assert_eq!(parse_plain(b"\x7fELF\x01\x00"), None);
        assert_eq!(parse_plain(b" \n"), None);
    }
}
