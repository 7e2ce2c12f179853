//! Files that are not what they should be.

use std::fs;
use std::process::{Command, Stdio};

use super::{comes_in, noise, with_music};
use crate::world::sample;

#[test]
fn not_audio() {
    let world = with_music();
    fs::write(world.path("music/list.mp3"), "milk, bread, strings").unwrap();
    comes_in(&world, "list.mp3", 1, "refused", &["is not audio", "leave it out"]);
}

#[test]
fn zero_bytes() {
    let world = with_music();
    fs::write(world.path("music/nothing.flac"), "").unwrap();
    comes_in(&world, "nothing.flac", 1, "refused", &["is empty", "leave it out"]);
}

#[test]
fn truncated_in_the_middle() {
    let world = with_music();
    let whole = sample().join("Harbour Lights/The Long Way Home (2021)/Disc 1/01 Greensleeves.ogg");
    let bytes = fs::read(whole).unwrap();
    fs::write(world.path("music/half.ogg"), &bytes[..bytes.len() / 2]).unwrap();
    // It is kept, so nothing failed; it is marked and told of.
    comes_in(&world, "half.ogg", 0, "malformed", &["end"]);
    let stats = world.here(&["stats", "--json"]).one();
    assert_eq!((&stats["files"], &stats["malformed"]), (&2.into(), &1.into()));
}

#[test]
fn ten_thousand_tags() {
    let world = with_music();
    let flac = world.path("music/tagged.flac");
    encode(&world.path("music/good.wav"), &flac);
    let tags: Vec<String> = (0..10_000).map(|number| format!("TAG{number}=value {number}\n")).collect();
    let tags = tags.concat();
    fs::write(world.path("tags.txt"), tags).unwrap();
    let tagged = Command::new("metaflac").arg("--import-tags-from").arg(world.path("tags.txt")).arg(&flac).status();
    assert!(tagged.unwrap().success());
    comes_in(&world, "tagged.flac", 0, "added", &["10001 tags, 4096 kept"]);
}

#[test]
fn a_cover_of_two_hundred_megabytes() {
    let world = with_music();
    let mp3 = world.path("music/pictured.mp3");
    encode(&world.path("music/good.wav"), &mp3);
    let mut picture = b"\0image/jpeg\0\x03\0\xff\xd8\xff\xe0".to_vec();
    picture.resize(200_000_000, 0);
    let mut tag = b"ID3\x03\0\0".to_vec();
    let size = picture.len() as u32 + 10;
    tag.extend([21, 14, 7, 0].map(|shift| (size >> shift) as u8 & 0x7f));
    tag.extend(b"APIC");
    tag.extend((picture.len() as u32).to_be_bytes());
    tag.extend(b"\0\0");
    tag.append(&mut picture);
    tag.append(&mut fs::read(&mp3).unwrap());
    fs::write(&mp3, tag).unwrap();
    comes_in(&world, "pictured.mp3", 0, "added", &["cover of 190 MiB", "limit 32 MiB"]);
    // Its bytes are kept as they came, cover and all.
    let bytes = world.here(&["stats", "--json"]).one()["bytes"].as_u64();
    assert!(bytes > Some(200_000_000), "{bytes:?}");
}

#[test]
fn a_huge_cover_beside_the_music() {
    let world = with_music();
    let cover = fs::File::create(world.path("music/cover.jpg")).unwrap();
    cover.set_len(200_000_000).unwrap();
    let said = world.here(&["ingest", "music", "--basis", "own-work", "--json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.json()[0]["reason"].as_str().is_some_and(|reason| reason.contains("cover.jpg")), "{}", said.out);
    assert_eq!(world.here(&["stats", "--json"]).one()["blobs"], 1);
}

#[test]
fn locked_by_drm() {
    let locked: [(&str, Vec<u8>); 3] = [
        ("song.m4p", m4p()),
        ("book.aax", [b"\0\0\0\x1cftypaax \0\0\0\x01aax isommp42".as_slice(), &[0; 400]].concat()),
        ("song.wma", wma()),
    ];
    for (name, bytes) in locked {
        let world = with_music();
        fs::write(world.path("music").join(name), bytes).unwrap();
        comes_in(&world, name, 1, "refused", &["is protected by", "use an unprotected copy"]);
    }
}

/// A real M4A whose sound is declared as FairPlay's `drms` instead of `mp4a`.
fn m4p() -> Vec<u8> {
    let mut bytes = fs::read(sample().join("Lumen Duo/Evening Songs (2018)/01 Silent Night.m4a")).unwrap();
    let stsd = find(&bytes, b"stsd");
    let entry = stsd + find(&bytes[stsd..], b"mp4a");
    bytes[entry..entry + 4].copy_from_slice(b"drms");
    bytes
}

/// An ASF header with a Content Encryption Object.
fn wma() -> Vec<u8> {
    const HEADER: [u8; 16] = *b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c";
    const ENCRYPTION: [u8; 16] = *b"\xfb\xb3\x11\x22\x23\xbd\xd2\x11\xb4\xb7\x00\xa0\xc9\x55\xfc\x6e";
    let mut bytes = HEADER.to_vec();
    bytes.extend(70_u64.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend([1, 2]);
    bytes.extend(ENCRYPTION);
    bytes.extend(40_u64.to_le_bytes());
    bytes.extend([0; 16]);
    bytes.extend(noise(9, 100));
    bytes
}

fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|window| window == wanted).unwrap()
}

fn encode(from: &std::path::Path, to: &std::path::Path) {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "quiet", "-y", "-nostdin", "-i"]).arg(from).args(["-id3v2_version", "0"]).arg(to);
    assert!(ffmpeg.stdin(Stdio::null()).status().unwrap().success());
}
