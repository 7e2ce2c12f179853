//! Files that are not what they seem, protected ones, and ones made to hurt: each is refused with a message that names
//! the file and what to do, or taken in with a note, in little memory and time.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use fonoteca_audio::{AudioError, Depth, Limits, State, analyse, analyse_to};

use crate::melody::{Studio, alone, listen, peak_memory_mib, tell};

fn refusal(path: &Path) -> String {
    let error = tell(path).expect_err("refused");
    let message = error.to_string();
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
    assert!(message.contains(name), "{message}");
    message
}

#[test]
fn what_is_no_audio() {
    let studio = Studio::new(31, 1.0);
    for (name, bytes, says) in [
        ("empty.mp3", &b""[..], "0 bytes"),
        ("letter.mp3", b"Dear friend,\nthis is no music at all.\n", "text"),
        ("picture.flac", b"\xff\xd8\xff\xe0 rest of a JPEG", "JPEG"),
        ("zeros.ogg", &[0; 4096], "zeros"),
        ("four.ogg", b"OggS", "ends inside its first page"),
        ("head.flac", b"fLaC\0\0\0\x22", "ends inside its header"),
        ("head.wav", b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0", "before any sound"),
        ("tag.mp3", b"ID3\x04\0\0\0\0\0\x0aTIT2\0\0\0\0\0\0", "no sound"),
    ] {
        let path = studio.write(name, bytes);
        assert!(matches!(tell(&path), Err(AudioError::NotAudio { .. })), "{name}: {:?}", tell(&path));
        let message = refusal(&path);
        assert!(message.contains(says), "{name}: {message}");
    }
    assert!(matches!(tell(&studio.path("missing.mp3")), Err(AudioError::Read { .. })));
    assert!(matches!(tell(studio.path("melody.wav").parent().expect("folder")), Err(AudioError::NotAudio { .. })));
}

#[test]
fn garbage_is_never_a_crash() {
    let studio = Studio::new(32, 2.0);
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let noise: Vec<u8> = std::iter::repeat_with(&mut next).take(300_000).collect();
    assert!(matches!(tell(&studio.write("noise.mp3", &noise)), Err(AudioError::NotAudio { .. })));
    for (name, path) in studio.formats() {
        let whole = fs::read(&path).expect("read");
        for round in 0..12 {
            let mut bytes = whole.clone();
            // Early bytes are where the structure is.
            for _ in 0..=round {
                let reach = if round % 2 == 0 { 600.min(bytes.len()) } else { bytes.len() };
                let place = (usize::from(next()) << 16 | usize::from(next()) << 8 | usize::from(next())) % reach;
                bytes[place] = next();
            }
            let path = studio.write(&format!("broken-{name}"), &bytes);
            if let Err(AudioError::Crashed { message, .. }) = tell(&path) {
                panic!("{name}, round {round}: {message}");
            }
        }
    }
}

#[test]
fn protected_files_are_refused() {
    let studio = Studio::new(33, 2.0);
    let m4a = fs::read(studio.ffmpeg(&["-c:a", "aac"], "a.m4a")).expect("read");
    let entry = m4a.windows(4).position(|word| word == b"mp4a").expect("a sample entry");
    let mut drms = m4a.clone();
    drms[entry..entry + 4].copy_from_slice(b"drms");
    let mut aax = m4a;
    aax[8..12].copy_from_slice(b"aax ");
    let header = [0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11, 0xa6, 0xd9, 0x00, 0xaa, 0x00, 0x62, 0xce, 0x6c];
    let encryption = [0xfb, 0xb3, 0x11, 0x22, 0x23, 0xbd, 0xd2, 0x11, 0xb4, 0xb7, 0x00, 0xa0, 0xc9, 0x55, 0xfc, 0x6e];
    let asf = |object: [u8; 16]| {
        let mut bytes = header.to_vec();
        bytes.extend(60_u64.to_le_bytes());
        bytes.extend([1, 0, 0, 0, 1, 2]);
        bytes.extend(object);
        bytes.extend(30_u64.to_le_bytes());
        bytes.extend([0; 6]);
        bytes
    };
    for (name, bytes, scheme) in [
        ("song.m4p", drms, "FairPlay"),
        ("book.aax", aax, "Audible AAX"),
        ("book.aa", b"\0\x01\0\0\x57\x90\x75\x36 and so on, and so on".to_vec(), "Audible AA"),
        ("song.wma", asf(encryption), "Windows Media DRM"),
    ] {
        let path = studio.write(name, &bytes);
        assert!(matches!(tell(&path), Err(AudioError::Drm { .. })), "{name}: {:?}", tell(&path));
        let message = refusal(&path);
        assert!(message.contains(scheme) && message.contains("unprotected copy"), "{message}");
    }
    let plain = studio.write("plain.wma", &asf([7; 16]));
    assert!(matches!(tell(&plain), Err(AudioError::Unsupported { .. })));
    assert!(refusal(&plain).contains("convert a copy to FLAC"));
}

#[test]
fn ten_thousand_tags() {
    let studio = Studio::new(34, 2.0);
    studio.formats();
    let lines: Vec<String> = (0..10_000).map(|number| format!("KEY{number}=value {number}")).collect();
    fs::write(studio.path("tags.txt"), lines.join("\n")).expect("write");
    studio.run("metaflac", &["--import-tags-from=tags.txt", "a.flac"]);
    studio.run("vorbiscomment", &["-w", "-c", "tags.txt", "a.ogg"]);
    let mut id3 = Vec::new();
    for number in 0..10_000_u32 {
        let body = format!("\x03KEY{number}\0value {number}");
        let size = body.len() as u32;
        id3.extend(b"TXXX");
        id3.extend([0, 0, (size >> 7) as u8, (size & 0x7f) as u8, 0, 0]);
        id3.extend(body.as_bytes());
    }
    let mut mp3 = id3_header(id3.len() as u32);
    mp3.extend(&id3);
    mp3.extend(fs::read(studio.path("a.mp3")).expect("read"));
    studio.write("a.mp3", &mp3);
    for name in ["a.flac", "a.ogg", "a.mp3"] {
        let begun = Instant::now();
        let facts = listen(&studio.path(name));
        assert!(begun.elapsed() < Duration::from_secs(10), "{name}: {:?}", begun.elapsed());
        assert_eq!(facts.state, State::Sound, "{name}");
        assert_eq!(facts.tags.raw.len(), 4096, "{name}");
        assert!(facts.notes.iter().any(|note| note.contains("4096 kept")), "{name}: {:?}", facts.notes);
    }
}

/// The ten bytes before an ID3v2.4 tag of so many bytes.
fn id3_header(size: u32) -> Vec<u8> {
    let mut header = b"ID3\x04\0\0".to_vec();
    header.extend([21, 14, 7, 0].map(|shift| (size >> shift) as u8 & 0x7f));
    header
}

#[test]
#[ignore = "a child that the test below starts"]
fn child_that_takes_a_cover_of_two_hundred_megabytes() {
    const COVER: u32 = 200 << 20;
    let studio = Studio::new(35, 2.0);
    studio.formats();

    // ID3v2: a title, then a picture frame of zeros.
    let mp3 = fs::read(studio.path("a.mp3")).expect("read");
    let title = b"TIT2\0\0\0\x06\0\0\x03Title";
    let mut file = fs::File::create(studio.path("big.mp3")).expect("create");
    file.write_all(&id3_header(COVER + 10 + title.len() as u32)).expect("write");
    file.write_all(title).expect("write");
    file.write_all(b"APIC").expect("write");
    file.write_all(&[21, 14, 7, 0].map(|shift| (COVER >> shift) as u8 & 0x7f)).expect("write");
    file.write_all(b"\0\0\0image/png\0\x03\0").expect("write");
    file.seek(SeekFrom::Start(10 + title.len() as u64 + 10 + u64::from(COVER))).expect("seek");
    file.write_all(&mp3).expect("write");

    // MP4: a picture item appended to a movie box at the end of the file.
    let m4a = fs::read(studio.ffmpeg(&["-c:a", "aac", "-metadata", "title=Title"], "titled.m4a")).expect("read");
    let mut grown = m4a.clone();
    for name in [b"moov", b"udta", b"meta", b"ilst"] {
        let at = m4a.windows(4).rposition(|word| word == name).expect("box") - 4;
        let size = u32::from_be_bytes([m4a[at], m4a[at + 1], m4a[at + 2], m4a[at + 3]]);
        assert_eq!(at + size as usize, m4a.len(), "the box {name:?} ends the file");
        grown[at..at + 4].copy_from_slice(&(size + COVER + 24).to_be_bytes());
    }
    let mut file = fs::File::create(studio.path("big.m4a")).expect("create");
    file.write_all(&grown).expect("write");
    file.write_all(&(COVER + 24).to_be_bytes()).expect("write");
    file.write_all(b"covr").expect("write");
    file.write_all(&(COVER + 16).to_be_bytes()).expect("write");
    file.write_all(b"data\0\0\0\x0e\0\0\0\0").expect("write");
    file.set_len(grown.len() as u64 + u64::from(COVER) + 24).expect("grow");

    // FLAC: a block holds 16 MiB at most, so a dozen of them.
    let flac = fs::read(studio.path("a.flac")).expect("read");
    let mut file = fs::File::create(studio.path("big.flac")).expect("create");
    file.write_all(&flac[..42]).expect("write");
    let mut at = 42_u64;
    for _ in 0..13 {
        file.write_all(b"\x06\xff\xff\xff\0\0\0\x03\0\0\0\x09image/png\0\0\0\0").expect("write");
        file.write_all(&[0; 16]).expect("write");
        file.write_all(&(0xff_ffff_u32 - 41).to_be_bytes()).expect("write");
        at += 4 + 0xff_ffff;
        file.seek(SeekFrom::Start(at)).expect("seek");
    }
    file.write_all(&flac[42..]).expect("write");

    for name in ["big.mp3", "big.m4a", "big.flac"] {
        let begun = Instant::now();
        let facts = listen(&studio.path(name));
        assert!(begun.elapsed() < Duration::from_secs(20), "{name}: {:?}", begun.elapsed());
        assert_eq!(facts.state, State::Sound, "{name}");
        assert_eq!(facts.cover, None, "{name}");
        assert!(!facts.notes.is_empty(), "{name}: the cover vanished without a word");
        if name != "big.flac" {
            assert_eq!(facts.tags.title.as_deref(), Some("Title"), "{name}");
            assert!(facts.notes.iter().any(|note| note.contains("ignored: limit 32 MiB")), "{:?}", facts.notes);
        }
        println!("{name}: {} MiB at most, {:?}", peak_memory_mib(), begun.elapsed());
        assert!(peak_memory_mib() < 500, "{name} used {} MiB", peak_memory_mib());
    }
    assert_eq!(listen(&studio.path("big.mp3")).essence, listen(&studio.path("a.mp3")).essence);
}

#[test]
fn a_cover_of_two_hundred_megabytes() {
    alone(["hostile::child_that_takes_a_cover_of_two_hundred_megabytes", "--ignored"]);
}

#[test]
fn limits_and_cancelling() {
    let studio = Studio::new(36, 3.0);
    let path = studio.path("melody.wav");
    let with = |limits: Limits| analyse(&path, &limits, &|| false);
    for limits in [
        Limits { file_bytes: 1000, ..Limits::default() },
        Limits { channels: 1, ..Limits::default() },
        Limits { sample_rate_hz: 22_050, ..Limits::default() },
        Limits { duration_ms: 2_000, ..Limits::default() },
    ] {
        let error = with(limits.clone()).expect_err("beyond a limit");
        assert!(matches!(error, AudioError::TooLarge { .. }), "{limits:?}: {error}");
    }
    assert!(matches!(analyse(&path, &Limits::default(), &|| true), Err(AudioError::Cancelled { .. })));
}

#[test]
fn silence_has_no_loudness() {
    let studio = Studio::new(37, 1.0);
    let silence = crate::melody::wave(&vec![0; 44_100 * 2 * 5], 2, 44_100);
    let facts = listen(&studio.write("silence.wav", &silence));
    let loudness = facts.loudness.expect("measured");
    assert_eq!((loudness.integrated_lufs, loudness.range_lu, loudness.true_peak_dbtp), (None, None, None));
    assert_eq!((facts.state, facts.duration_ms), (State::Sound, 5_000));
}

/// An MP3 with these ID3v2.4 frames before three frames of silence.
fn mp3_with(frames: &[u8]) -> Vec<u8> {
    let silence = [&[0xff, 0xfb, 0x90, 0xc4][..], &[0; 413]].concat().repeat(3);
    [b"ID3\x04\0\0", &synchsafe(frames.len())[..], frames, &silence].concat()
}

fn id3_frame(name: &[u8], flags: u8, body: &[u8]) -> Vec<u8> {
    [name, &synchsafe(body.len())[..], &[0, flags], body].concat()
}

fn synchsafe(size: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| (size >> shift) as u8 & 0x7f)
}

/// A packed frame, with its length unpacked before it.
fn packed_frame(name: &[u8], body: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(body).expect("memory");
    let packed = encoder.finish().expect("memory");
    id3_frame(name, 0x09, &[&synchsafe(body.len())[..], &packed].concat())
}

#[test]
fn frames_that_unpack_to_too_much() {
    let studio = Studio::new(38, 0.1);
    let title = packed_frame(b"TIT2", b"\x03Packed");
    let facts = listen(&studio.write("packed.mp3", &mp3_with(&title)));
    assert_eq!(facts.tags.title.as_deref(), Some("Packed"), "{:?}", facts.notes);

    let limits = Limits { tag_memory_bytes: 1 << 20, ..Limits::default() };
    let zeros = vec![0; 1_100_000];
    let within = packed_frame(b"CHAP", &[&b"c\0"[..], &[0; 16], &packed_frame(b"GEOB", &zeros)].concat());
    let halves = [packed_frame(b"PRIV", &zeros[..600_000]), packed_frame(b"GEOB", &zeros[..600_000])].concat();
    for frames in [packed_frame(b"PRIV", &zeros), within, halves] {
        let path = studio.write("bomb.mp3", &mp3_with(&[&title[..], &frames].concat()));
        let facts = analyse(&path, &limits, &|| false).expect("sound");
        assert!(facts.notes.iter().any(|note| note.contains("unpack to more than 1 MiB")), "{:?}", facts.notes);
        assert_eq!(facts.tags.title, None);
    }
}

#[test]
fn frames_and_items_without_end() {
    let studio = Studio::new(43, 0.1);
    let frames = |count: u32| -> Vec<u8> {
        (0..count).flat_map(|number| id3_frame(b"TXXX", 0, format!("\0{number:x}\0a").as_bytes())).collect()
    };
    let items = |count: u32| -> Vec<u8> {
        let items: Vec<u8> = (0..count)
            .flat_map(|number| [&[1, 0, 0, 0, 0, 0, 0, 0], format!("{number:x}key\0a").as_bytes()].concat())
            .collect();
        let numbers = [2_000, items.len() as u32 + 32, count, 0].map(u32::to_le_bytes).concat();
        [&mp3_with(&[])[10..], &items, b"APETAGEX", &numbers, &[0; 8]].concat()
    };
    let files = [mp3_with(&frames(1_000)), mp3_with(&frames(100_000)), items(1_000), items(100_000)];
    for (bytes, read) in files.iter().zip([true, false, true, false]) {
        let facts = listen(&studio.write("many.mp3", bytes));
        assert_eq!(facts.tags.raw.len(), if read { 1_000 } else { 0 }, "{:?}", facts.notes);
        assert_eq!(facts.notes.iter().any(|note| note.contains("more than 30000 frames")), !read);
    }
}

#[test]
fn chapters_within_chapters() {
    let studio = Studio::new(39, 0.1);
    for (name, before) in [(b"CHAP", &b"c\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"[..]), (b"CTOC", &b"t\0\x03\0"[..])] {
        for (depth, read) in [(20, true), (1_000, true), (20_000, false)] {
            // From the inside out, in one piece of memory: heads first, then what they all end with.
            let inner = id3_frame(b"TIT2", 0, b"\x03Deep");
            let mut heads = Vec::new();
            let mut size = inner.len();
            for _ in 0..depth {
                size += before.len();
                heads.push([&name[..], &synchsafe(size), &[0, 0], before].concat());
                size += 10;
            }
            heads.reverse();
            let frames = [id3_frame(b"TIT2", 0, b"\x03Title"), heads.concat(), inner].concat();
            let facts = listen(&studio.write("deep.mp3", &mp3_with(&frames)));
            assert_eq!(facts.tags.title.is_some(), read, "{depth}: {:?}", facts.notes);
            assert_eq!(facts.notes.iter().any(|note| note.contains("within chapters without end")), !read);
        }
    }
}

#[test]
fn lengths_of_64_bits_that_lead_beyond_any_file() {
    let studio = Studio::new(40, 0.1);
    // RF64: the length of the sound stands in `ds64`, and ends just below the last number.
    let format = [1, 0, 1, 0, 0x40, 0x1f, 0, 0, 0x80, 0x3e, 0, 0, 2, 0, 16, 0];
    let mut wave = [b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0", &[0; 8][..]].concat();
    let body = 12 + 36 + 24 + 8;
    wave.extend_from_slice(&(u64::MAX - body - 3).to_le_bytes());
    wave.extend_from_slice(&[0; 12]);
    wave.extend_from_slice(b"fmt \x10\0\0\0");
    wave.extend_from_slice(&format);
    wave.extend_from_slice(b"data\xff\xff\xff\xff");
    wave.extend_from_slice(&[0; 32]);
    let facts = listen(&studio.write("long.wav", &wave));
    assert!(matches!(facts.state, State::Malformed { .. }), "{:?}", facts.state);
    assert_eq!(facts.duration_ms, 2);

    // MPEG-4: a box of sound of almost 2^64 bytes, before which all else lies.
    studio.formats();
    let mut m4a = fs::read(studio.path("a.m4a")).expect("read");
    m4a.extend_from_slice(b"\0\0\0\x01mdat");
    m4a.extend_from_slice(&u64::MAX.to_be_bytes());
    let facts = listen(&studio.write("long.m4a", &m4a));
    assert!(matches!(facts.state, State::Malformed { .. }), "{:?}", facts.state);
}

#[test]
fn limits_hold_for_what_is_not_decoded() {
    let studio = Studio::new(41, 0.1);
    let mut wave = crate::melody::wave(&[0; 64], 1, 44_100);
    wave[24..28].copy_from_slice(&3_000_000_000_u32.to_le_bytes());
    let path = studio.write("rate.wav", &wave);
    for depth in [Depth::Head, Depth::Packets, Depth::Sound] {
        let error = analyse_to(depth, &path, &Limits::default(), &|| false).expect_err("no such rate");
        assert!(error.to_string().contains("3000000000 samples a second"), "{error}");
    }
}

#[test]
fn codebooks_that_unpack_to_gigabytes() {
    let studio = Studio::new(42, 0.1);
    let found = fonoteca_testkit::repository().join("fuzz/found/analyse/vorbis-of-256-codebooks.ogg");
    let path = studio.write("books.ogg", &fs::read(found).expect("read"));
    assert!(refusal(&path).contains("codebooks"), "{}", refusal(&path));
}

#[test]
fn packets_of_declared_length() {
    let studio = Studio::new(44, 0.1);
    studio.formats();
    let mut caf = fs::read(studio.path("a.caf")).expect("read");
    let at = caf.windows(4).position(|name| name == b"desc").expect("a description") + 12;
    assert_eq!(&caf[at + 8..at + 12], b"lpcm");
    // Bytes and frames of a packet, after the coding and its flags.
    caf[at + 20..at + 24].copy_from_slice(&0xfe10_0001_u32.to_be_bytes());
    let facts = tell(&studio.write("packet.caf", &caf));
    let said = facts.as_ref().map_or_else(ToString::to_string, |facts| facts.notes.join("; "));
    assert!(said.contains("samples in a packet") || facts.is_err(), "{said}");
}
