//! Whether a file arrived whole, and what is said when it did not.

use std::fs;
use std::path::Path;

use fonoteca_audio::State;

use crate::melody::{Studio, listen, tell};

fn cut(path: &Path, keep: f64) -> u64 {
    let bytes = fs::read(path).expect("read");
    let keep = (bytes.len() as f64 * keep) as usize;
    fs::write(path, &bytes[..keep]).expect("write");
    keep as u64
}

fn malformed(path: &Path) -> String {
    match listen(path).state {
        State::Malformed { reason } => reason,
        other => panic!("{} is {other:?}", path.display()),
    }
}

#[test]
fn cut_in_the_middle() {
    let studio = Studio::new(11, 10.0);
    studio.formats();
    studio.ffmpeg(&["-c:a", "aac", "-movflags", "+faststart"], "fast.m4a");
    for name in ["a.flac", "a.ogg", "a.opus", "a.mp3", "fast.m4a", "melody.wav", "a.aiff", "a.oga", "a.aac", "a.caf"] {
        let path = studio.path(name);
        let keep = cut(&path, 0.6);
        let facts = listen(&path);
        let State::Malformed { reason } = &facts.state else { panic!("{name} is {:?}", facts.state) };
        assert!(reason.contains("byte") || reason.contains(" s"), "{name}: no place in {reason:?}");
        assert!((4_000..8_000).contains(&facts.duration_ms), "{name}: {} ms of {keep} bytes", facts.duration_ms);
        assert!(facts.fingerprint.is_some() && facts.loudness.is_some(), "{name}: nothing heard");
    }
    // An index at the end is lost first: nothing can be read then, and the message says so.
    cut(&studio.path("a.m4a"), 0.6);
    let message = tell(&studio.path("a.m4a")).expect_err("no index").to_string();
    assert!(message.contains("'moov'") && message.contains("ends at byte"), "{message}");
}

#[test]
fn cut_by_a_single_byte() {
    let studio = Studio::new(12, 4.0);
    studio.formats();
    for name in ["a.flac", "a.ogg", "a.opus", "a.mp3", "melody.wav", "a.aiff", "a.oga", "a.aac"] {
        let path = studio.path(name);
        let bytes = fs::read(&path).expect("read");
        fs::write(&path, &bytes[..bytes.len() - 1]).expect("write");
        malformed(&path);
    }
}

#[test]
fn cut_between_two_ogg_pages() {
    let studio = Studio::new(13, 8.0);
    studio.formats();
    let bytes = fs::read(studio.path("a.ogg")).expect("read");
    let last = bytes.windows(4).rposition(|word| word == b"OggS").expect("a last page");
    let path = studio.write("boundary.ogg", &bytes[..last]);
    assert!(malformed(&path).contains("without an end-of-stream page"));
}

#[test]
fn mp3_without_a_frame_count() {
    let studio = Studio::new(14, 8.0);
    let path = studio.ffmpeg(&["-c:a", "libmp3lame", "-write_xing", "0", "-id3v2_version", "0"], "plain.mp3");
    let State::Unprovable { reason } = listen(&path).state else { panic!("proved without a count") };
    assert!(reason.contains("Xing"), "{reason}");
    // Cut at a frame's end, nothing is wrong that could be seen.
    let bytes = fs::read(&path).expect("read");
    let frame = 417;
    assert_eq!(&bytes[..2], &[0xff, 0xfb]);
    let near = bytes.len() / 2;
    let boundary = (near..near + frame + 2).find(|at| bytes[*at..].starts_with(&bytes[..2])).expect("a frame");
    let path = studio.write("half.mp3", &bytes[..boundary]);
    assert!(matches!(listen(&path).state, State::Unprovable { .. }));
    let path = studio.write("inside.mp3", &bytes[..boundary + 100]);
    assert!(malformed(&path).contains("ends inside a frame"));
}

#[test]
fn a_flipped_byte_is_noticed() {
    let studio = Studio::new(15, 8.0);
    studio.formats();
    for name in ["a.flac", "a.ogg", "a.opus", "a.oga"] {
        let path = studio.path(name);
        let mut bytes = fs::read(&path).expect("read");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x55;
        fs::write(&path, &bytes).expect("write");
        let reason = malformed(&path);
        assert!(reason.contains("byte") || reason.contains(" s"), "{name}: {reason}");
        let facts = listen(&path);
        assert!(facts.duration_ms > 5_500, "{name}: decoding stopped after {} ms: {reason}", facts.duration_ms);
    }
}

#[test]
fn a_hole_in_an_mp3() {
    let studio = Studio::new(16, 8.0);
    studio.formats();
    let mut bytes = fs::read(studio.path("a.mp3")).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 5_000].fill(0x11);
    let path = studio.write("hole.mp3", &bytes);
    let reason = malformed(&path);
    assert!(reason.contains("no frames of sound") && reason.contains("declares"), "{reason}");
    assert!(listen(&path).duration_ms > 7_000);
}

#[test]
fn a_lost_ogg_page() {
    let studio = Studio::new(17, 20.0);
    studio.formats();
    let bytes = fs::read(studio.path("a.ogg")).expect("read");
    let pages: Vec<usize> =
        bytes.windows(4).enumerate().filter(|(_, word)| *word == b"OggS").map(|(at, _)| at).collect();
    let middle = pages.len() / 2;
    let mut without = bytes[..pages[middle]].to_vec();
    without.extend_from_slice(&bytes[pages[middle + 1]..]);
    let path = studio.write("lost.ogg", &without);
    let reason = malformed(&path);
    assert!(reason.contains("follows page"), "{reason}");
}

#[test]
fn chained_ogg_uses_the_first_stream() {
    let studio = Studio::new(18, 5.0);
    studio.formats();
    let mut bytes = fs::read(studio.path("a.ogg")).expect("read");
    let alone = listen(&studio.path("a.ogg"));
    studio.run("oggenc", &["-Q", "-s", "77", "-o", "b.ogg", "melody.wav"]);
    bytes.extend(fs::read(studio.path("b.ogg")).expect("read"));
    let chained = listen(&studio.write("chain.ogg", &bytes));
    assert_eq!(chained.state, State::Sound);
    assert_eq!(chained.essence, alone.essence);
    assert!(chained.notes.iter().any(|note| note.contains("another stream follows")), "{:?}", chained.notes);
}

#[test]
fn wave_of_unknown_length() {
    let studio = Studio::new(19, 3.0);
    let mut bytes = fs::read(studio.path("melody.wav")).expect("read");
    bytes[4..8].fill(0xff);
    bytes[40..44].fill(0xff);
    let facts = listen(&studio.write("pipe.wav", &bytes));
    assert!(matches!(facts.state, State::Unprovable { .. }), "{:?}", facts.state);
    assert_eq!(facts.duration_ms, 3_000);
}

#[test]
fn flac_that_declares_nothing() {
    let studio = Studio::new(20, 4.0);
    studio.formats();
    let whole = fs::read(studio.path("a.flac")).expect("read");
    let mut bytes = whole.clone();
    bytes[21] &= 0xf0;
    bytes[22..26].fill(0);
    assert_eq!(listen(&studio.write("md5.flac", &bytes)).state, State::Sound, "the MD5 alone proves it");
    bytes[26..42].fill(0);
    assert!(matches!(listen(&studio.write("none.flac", &bytes)).state, State::Unprovable { .. }));
    let mut wrong = whole;
    wrong[26] ^= 1;
    assert!(malformed(&studio.write("wrong.flac", &wrong)).contains("MD5"));
}

/// Splits an Ogg file into its pages.
fn pages(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut pages = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let segments = usize::from(bytes[at + 26]);
        let body: usize = bytes[at + 27..at + 27 + segments].iter().map(|size| usize::from(*size)).sum();
        pages.push(bytes[at..at + 27 + segments + body].to_vec());
        at += 27 + segments + body;
    }
    pages
}

/// Numbers pages anew and makes their checksums right, bit by bit as RFC 3533 describes it.
fn renumber(pages: &mut [Vec<u8>]) {
    for (number, page) in pages.iter_mut().enumerate() {
        page[18..22].copy_from_slice(&(number as u32).to_le_bytes());
        page[22..26].fill(0);
        let crc = page.iter().fold(0_u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte) << 24, |crc, _| crc << 1 ^ if crc >> 31 == 1 { 0x04c1_1db7 } else { 0 })
        });
        page[22..26].copy_from_slice(&crc.to_le_bytes());
    }
}

#[test]
fn headers_repeated_amid_the_sound_are_passed_over() {
    let studio = Studio::new(21, 4.0);
    studio.formats();
    let alone = listen(&studio.path("a.ogg"));
    let mut all = pages(&fs::read(studio.path("a.ogg")).expect("read"));
    let first_sound = all.iter().position(|page| page[6..14] != [0; 8]).expect("a page with sound");
    let mut again = all[0].clone();
    again[5] = 0;
    all.insert(first_sound, again);
    renumber(&mut all);
    let facts = listen(&studio.write("again.ogg", &all.concat()));
    assert_eq!((facts.state, facts.essence), (State::Sound, alone.essence));
    assert!(facts.notes.iter().any(|note| note.contains("repeated headers")), "{:?}", facts.notes);
}
