//! Lyrics with times: in order, within their limits, and the same when they are written anew.

use std::fmt::Write as _;

use fonoteca_audio::lyrics::parse_lrc;

/// Takes the bytes as an LRC file.
pub fn check(bytes: &[u8]) {
    let Some(lrc) = parse_lrc(bytes) else { return };
    assert!((1..=10_000).contains(&lrc.lines.len()) && lrc.keys.len() <= 64);
    assert!(lrc.lines.is_sorted_by_key(|line| line.at_ms));
    assert!(lrc.lines.iter().all(|line| line.at_ms >= 0 && !line.text.contains('\n')));

    // Minutes have four digits at most, and what is left when times of words are taken out may look like a time itself.
    let plain = |text: &str| !text.contains('<') && !text.starts_with('[');
    let mut lines = lrc.lines;
    lines.retain(|line| line.at_ms < 10_000 * 60_000 && plain(&line.text));
    let mut text = String::new();
    for line in &lines {
        let (seconds, ms) = (line.at_ms / 1000, line.at_ms % 1000);
        let _ = writeln!(text, "[{:02}:{:02}.{ms:03}]{}", seconds / 60, seconds % 60, line.text);
    }
    if !lines.is_empty() && text.len() <= 1 << 20 {
        assert_eq!(parse_lrc(text.as_bytes()).expect("times").lines, lines);
    }
}
