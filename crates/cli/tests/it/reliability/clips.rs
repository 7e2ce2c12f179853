//! Some of the real music from Debian, cut to short clips once, so that it can be taken in forty times over.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// One of so many clips is long enough to be recognised, and has a copy in another codec: recordings to join.
const LONGER: usize = 8;

/// Of so many pieces one is taken.
const TAKEN: usize = 5;

/// A folder with over 30 clips, covers beside them; none where the corpus is not here.
pub fn clips(test: &str) -> Option<PathBuf> {
    let corpus = fonoteca_testkit::corpus(test)?;
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let clips = place.join("clips-4");
    if !clips.is_dir() {
        let making = tempfile::tempdir_in(place).unwrap();
        cut(&corpus, making.path());
        // Another process may have been faster.
        if fs::rename(making.path(), &clips).is_ok() {
            let _ = making.keep();
        }
    }
    Some(clips)
}

fn cut(corpus: &Path, target: &Path) {
    let mut audio = Vec::new();
    find_audio(corpus, &mut audio);
    audio.sort();
    let mut seen = HashSet::new();
    for (number, source) in audio.iter().step_by(TAKEN).enumerate() {
        let album = target.join(source.parent().unwrap().file_name().unwrap());
        fs::create_dir_all(&album).unwrap();
        let name = source.file_name().unwrap().to_str().unwrap();
        let clip = album.join(format!("{number:03} {name}"));
        let is_longer = number % LONGER == 0;
        if !ffmpeg(source, &["-c", "copy", "-t", if is_longer { "3" } else { "1" }], &clip) {
            // Some old headers are too much for it; then the clip is a file that arrived incomplete.
            let bytes = fs::read(source).unwrap();
            fs::write(&clip, &bytes[..bytes.len().min(40_000)]).unwrap();
        }
        // Some games share a sound; each clip is to be a file of its own.
        if !seen.insert(fs::read(&clip).unwrap()) {
            fs::remove_file(&clip).unwrap();
            continue;
        }
        if is_longer {
            ffmpeg(&clip, &["-c:a", "flac"], &clip.with_extension("flac"));
        }
        let mut cover = b"\x89PNG\r\n\x1a\n".to_vec();
        cover.extend(album.file_name().unwrap().as_encoded_bytes());
        fs::write(album.join("cover.png"), cover).unwrap();
    }
}

fn ffmpeg(from: &Path, how: &[&str], to: &Path) -> bool {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "quiet", "-y", "-nostdin", "-i"]).arg(from).args(["-vn", "-bitexact"]).args(how).arg(to);
    command.stdin(Stdio::null()).status().unwrap().success()
}

fn find_audio(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find_audio(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "ogg") {
            found.push(path);
        }
    }
}
