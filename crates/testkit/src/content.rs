//! Content that tests make up, and copies of what they have.

use std::fs;
use std::path::Path;

/// So many milliseconds of noise as a WAV file; another `seed`, another recording.
pub fn noise(seed: u32, milliseconds: u32) -> Vec<u8> {
    const RATE: u32 = 8_000;
    let samples = RATE * milliseconds / 1_000;
    let mut bytes = Vec::with_capacity(44 + samples as usize * 2);
    bytes.extend(b"RIFF");
    bytes.extend((36 + samples * 2).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    bytes.extend(RATE.to_le_bytes());
    bytes.extend((RATE * 2).to_le_bytes());
    bytes.extend(b"\x02\0\x10\0data");
    bytes.extend((samples * 2).to_le_bytes());
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    for _ in 0..samples {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.extend(((state >> 18) as i16 - 8_192).to_le_bytes());
    }
    bytes
}

/// A WAV file with tags of its own: title, artist and album, in its `LIST` chunk.
pub fn tagged(wav: &[u8], title: &str, artist: &str, album: &str) -> Vec<u8> {
    let mut info = b"INFO".to_vec();
    for (key, value) in [(b"INAM", title), (b"IART", artist), (b"IPRD", album)] {
        let length = value.len() + 1;
        info.extend(key);
        info.extend((length as u32).to_le_bytes());
        info.extend(value.as_bytes());
        info.resize(info.len() + 1 + length % 2, 0);
    }
    let mut bytes = wav.to_vec();
    bytes.extend(b"LIST");
    bytes.extend((info.len() as u32).to_le_bytes());
    bytes.extend(info);
    let size = bytes.len() as u32 - 8;
    bytes[4..8].copy_from_slice(&size.to_le_bytes());
    bytes
}

/// Bytes that do not repeat, the same for the same seed.
pub fn random_bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Copies a folder with all that is in it into another, which is made.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("the copy's folder can be made");
    for entry in fs::read_dir(from).expect("the folder can be listed") {
        let entry = entry.expect("the folder can be listed");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("it has a type").is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("it can be copied");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same() {
        assert_eq!(noise(1, 10).len(), 44 + 160);
        assert_eq!(noise(1, 10), noise(1, 10));
        assert_ne!(noise(1, 10), noise(2, 10));
        assert_eq!(random_bytes(7, 9), random_bytes(7, 20)[..9]);
        assert_ne!(random_bytes(7, 9), random_bytes(8, 9));
    }

    #[test]
    fn a_folder_is_copied_with_its_folders() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir_all(folder.path().join("a/b")).expect("made");
        fs::write(folder.path().join("a/b/c"), "d").expect("written");
        copy_folder(&folder.path().join("a"), &folder.path().join("copy"));
        assert_eq!(fs::read_to_string(folder.path().join("copy/b/c")).expect("read"), "d");
    }
}
