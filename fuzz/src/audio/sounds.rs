//! The index of sounds, opened and asked whatever lies in its folder, and the questions that clients send.

use std::fs;
use std::path::Path;

use fonoteca_audio::identify::{IDENTIFIED_SCORE, Sound, SoundIndex, SoundWriter};

const MAGIC: &[u8; 8] = b"fonosond";

/// Takes the first byte as what the others are: a segment as it stands, the parts of one that are given the checksums
/// they should have, sixteen such to be made one, the list of segments, or a question.
pub fn check(bytes: &[u8]) {
    let Some((kind, bytes)) = bytes.split_first() else { return };
    match kind % 5 {
        0 => ask(&[bytes], b"{\"format\":1,\"stamp\":\"\",\"segments\":[\"1\"]}"),
        1 => ask(&[&mended(bytes)], b"{\"format\":1,\"stamp\":\"\",\"segments\":[\"1\"]}"),
        2 => merge(&mended(bytes)),
        3 => ask(&[], bytes),
        _ => question(bytes),
    }
}

/// A question reads back as what was understood.
fn question(bytes: &[u8]) {
    let Ok(sound) = serde_json::from_slice::<Sound>(bytes) else { return };
    let again = serde_json::to_vec(&sound).expect("numbers");
    assert_eq!(serde_json::from_slice::<Sound>(&again).expect("what was written is read"), sound);
}

/// A segment of these bytes: its first byte tells how many numbers its footer has; its length, the checksums and the magic
/// are right.
fn mended(bytes: &[u8]) -> Vec<u8> {
    let Some((footer, body)) = bytes.split_first() else { return Vec::new() };
    let footer_at = body.len().saturating_sub(4 * (4 + usize::from(footer % 8)));
    let head = [&MAGIC[..], &1_u32.to_le_bytes(), &body[..footer_at]].concat();
    let footer = &body[footer_at..];
    let ends = [footer.len() as u32, crc32fast::hash(footer), crc32fast::hash(&head)];
    let ends: Vec<u8> = ends.iter().flat_map(|number| number.to_le_bytes()).collect();
    [&head, footer, &ends, &MAGIC[..]].concat()
}

fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let within = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("fonoteca-fuzz-").tempdir_in(within).expect("a temporary folder")
}

/// A sound of the values that a segment begins with, so that some of what is asked is there.
fn sound(segment: &[u8]) -> Sound {
    let values: Vec<u32> =
        segment.get(12..).unwrap_or_default().as_chunks::<4>().0.iter().copied().map(u32::from_le_bytes).collect();
    let filled = |skip: usize| {
        let kept = values.iter().flat_map(|value| [*value; 4]).skip(skip);
        kept.chain((0..).map(|number: u32| number.wrapping_mul(0x9e37_79b9))).take(200).collect()
    };
    Sound::new((0..4).map(filled).collect()).expect("long enough")
}

fn ask(segments: &[&[u8]], list: &[u8]) {
    let folder = folder();
    fs::write(folder.path().join("current"), list).expect("write");
    for (number, segment) in (1..).zip(segments) {
        fs::write(folder.path().join(number.to_string()), segment).expect("write");
    }
    let index = SoundIndex::new(folder.path());
    let _ = index.stamp();
    let opened = index.recordings();
    if let Err(error) = &opened {
        // Whoever reads it is told which file it is.
        assert!(error.to_string().contains(&*folder.path().to_string_lossy()), "{error}");
    }
    if let Ok(found) = index.search(&sound(segments.first().unwrap_or(&&[][..]))) {
        assert!(opened.is_ok() && found.len() <= 20);
        assert!(found.is_sorted_by(|a, b| a.score >= b.score));
        assert!(found.iter().all(|found| (IDENTIFIED_SCORE..=1.0).contains(&found.score)));
    }
    if opened.is_ok() {
        let _ = index.verify();
        assert!(index.bytes().expect("it is open") <= segments.iter().map(|bytes| bytes.len() as u64).sum());
    }
}

/// What is added to an index of sixteen damaged segments is there afterwards, or the index is left as it was.
fn merge(segment: &[u8]) {
    let folder = folder();
    let names: Vec<String> = (1..=16).map(|number: u32| number.to_string()).collect();
    let list = serde_json::json!({ "format": 1, "stamp": "before", "segments": names });
    fs::write(folder.path().join("current"), list.to_string()).expect("write");
    for name in &names {
        fs::write(folder.path().join(name), segment).expect("write");
    }
    let Ok(Some(mut writer)) = SoundWriter::add_to(folder.path()) else { return };
    let values: Vec<u32> = (1..200_u32).map(|number| number.wrapping_mul(0x9e37_79b9)).collect();
    writer.add(fonoteca_model::BlobId([7; 32]), &values).expect("a new segment");
    let committed = writer.commit("after", &|| false);
    let index = SoundIndex::new(folder.path());
    let stamp = index.stamp().expect("the list is never broken");
    assert!(stamp.as_deref() == Some("after") || committed.is_err(), "{stamp:?}");
}
