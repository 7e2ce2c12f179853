//! Recordings that are found by how they sound, and an index that survives what happens to files.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use fonoteca_audio::identify::{Found, Sound, SoundIndex, SoundIndexError, SoundWriter, listen};
use fonoteca_audio::{AudioError, Limits, is_same_recording};
use fonoteca_model::BlobId;
use proptest::prelude::*;

use crate::melody::{self, RATE, Studio, samples, wave};
use crate::noise::with_noise;

fn root(number: usize) -> BlobId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    BlobId(bytes)
}

fn hear(path: &Path) -> Sound {
    listen(path, &Limits::default(), &|| false).unwrap_or_else(|error| panic!("{error}"))
}

/// Values that look random but are the same in every run, and change as little from one to the next as those of music.
fn values(seed: usize, count: usize) -> Vec<u32> {
    let mut state = seed as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as u32
    };
    let mut value = next();
    let mut all = Vec::new();
    for _ in 0..count {
        value ^= next() & next() & next();
        all.push(value);
    }
    all
}

fn sound(values: &[u32]) -> Sound {
    Sound::new(vec![values.to_vec()]).expect("long enough")
}

fn add(dir: &Path, prints: &[(usize, Vec<u32>)], stamp: &str) {
    // A process that another test is just starting shares the lock until it runs its program.
    let began = std::time::Instant::now();
    let mut writer = loop {
        if let Some(writer) = SoundWriter::add_to(dir).expect("writable") {
            break writer;
        }
        assert!(began.elapsed().as_secs() < 20, "nobody else writes");
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    for (number, values) in prints {
        writer.add(root(*number), values).expect("added");
    }
    writer.commit(stamp, &|| false).expect("committed");
}

fn best(index: &SoundIndex, sound: &Sound) -> Option<Found> {
    index.search(sound).expect("searched").into_iter().next()
}

/// Ten seconds from somewhere, as they are, in noise at 10 dB, and as MP3 of 64 kbit/s.
fn excerpts(folder: &Path, sound: &[i16], from_ms: usize) -> [(&'static str, PathBuf); 3] {
    let from = from_ms * RATE as usize / 1000 * 2;
    let part = &sound[from..from + 10 * RATE as usize * 2];
    let [clean, noisy, small] = ["clean.wav", "noisy.wav", "small.mp3"].map(|name| folder.join(name));
    fs::write(&clean, wave(part, 2, RATE)).expect("written");
    fs::write(&noisy, wave(&with_noise(part, 10.0), 2, RATE)).expect("written");
    melody::run(folder, "lame", &["--quiet", "-b", "64", "clean.wav", "small.mp3"]);
    [("clean", clean), ("noise at 10 dB", noisy), ("MP3 at 64 kbit/s", small)]
}

#[test]
fn an_excerpt_tells_its_recording_and_where_it_begins() {
    let folder = tempfile::tempdir().expect("a folder");
    let songs: Vec<Vec<i16>> = (0..8).map(|seed| samples(700 + seed, 40.0)).collect();
    let prints: Vec<(usize, Vec<u32>)> = songs
        .iter()
        .enumerate()
        .map(|(number, song)| {
            let path = folder.path().join("song.wav");
            fs::write(&path, wave(song, 2, RATE)).expect("written");
            (number, melody::listen(&path).fingerprint.expect("one").values)
        })
        .collect();
    let dir = folder.path().join("index");
    add(&dir, &prints[..7], "1");
    let index = SoundIndex::new(&dir);
    for (number, song) in songs.iter().enumerate() {
        for (kind, excerpt) in excerpts(folder.path(), song, 3_000 + number * 3_210) {
            let found = index.search(&hear(&excerpt)).expect("searched");
            if number == 7 {
                assert_eq!(found, [], "{kind}: what is not held is not found");
                continue;
            }
            let first = found.first().unwrap_or_else(|| panic!("song {number}, {kind}: nothing is found"));
            assert_eq!(first.root, root(number), "song {number}, {kind}: {found:?}");
            let wrong_by = first.offset_ms - (3_000 + number as i64 * 3_210);
            assert!(wrong_by.abs() <= 100, "song {number}, {kind}: the place is wrong by {wrong_by} ms");
        }
    }
}

#[test]
fn too_little_sound_is_said_so_and_so_is_none() {
    let studio = Studio::new(77, 5.0);
    let heard = |name: &str| listen(&studio.path(name), &Limits::default(), &|| false);
    assert!(matches!(heard("melody.wav"), Err(AudioError::TooShort { .. })));
    studio.write("notes.txt", b"no sound at all");
    assert!(matches!(heard("notes.txt"), Err(AudioError::NotAudio { .. })));
    assert!(matches!(heard("nothing"), Err(AudioError::Read { .. })));
    assert!(Sound::new(vec![]).is_err() && Sound::new(vec![vec![1; 9]]).is_err());
    assert!(Sound::new(vec![vec![1; 2000]]).is_err() && Sound::new(vec![vec![1; 50]; 5]).is_err());
}

#[test]
fn silence_and_steady_tones_are_nobodys() {
    let folder = tempfile::tempdir().expect("a folder");
    let silence = vec![627_964_279; 400];
    let drone: Vec<u32> = values(1, 4).into_iter().cycle().take(400).collect();
    add(folder.path(), &[(1, silence.clone()), (2, drone.clone()), (3, values(3, 400))], "1");
    let index = SoundIndex::new(folder.path());
    assert_eq!(best(&index, &sound(&silence[..100])), None);
    assert_eq!(best(&index, &sound(&drone[..100])), None);
    assert_eq!(best(&index, &sound(&values(3, 400)[200..300])).map(|found| found.root), Some(root(3)));
}

/// Enough recordings, one a commit, that segments were merged, and merged ones again.
#[test]
fn what_came_little_by_little_is_found_as_if_it_came_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (little, once) = (folder.path().join("little"), folder.path().join("once"));
    let prints: Vec<(usize, Vec<u32>)> = (0..300).map(|number| (number, values(number, 110 + number % 50))).collect();
    for (turn, print) in prints.iter().enumerate() {
        add(&little, std::slice::from_ref(print), &turn.to_string());
    }
    add(&once, &prints, "all");
    let (little, once) = (SoundIndex::new(&little), SoundIndex::new(&once));
    assert_eq!((little.recordings().unwrap(), once.recordings().unwrap()), (300, 300));
    assert_eq!(little.stamp().unwrap().as_deref(), Some("299"));
    little.verify().expect("sound");
    let files = fs::read_dir(folder.path().join("little")).expect("listed").count();
    assert!(files < 40, "{files} files for 300 recordings");
    for (number, values) in &prints {
        let question = sound(&values[10..100]);
        let found = little.search(&question).expect("searched");
        assert_eq!(found, once.search(&question).expect("searched"), "recording {number}");
        assert_eq!(found.first().map(|found| (found.root, found.offset_ms)), Some((root(*number), 1238)));
    }
}

#[test]
fn an_index_made_anew_forgets_and_one_that_is_written_is_left_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    add(folder.path(), &[(1, values(1, 100))], "1");
    let index = SoundIndex::new(folder.path());
    let one = sound(&values(1, 100));
    assert!(best(&index, &one).is_some());
    let writer = SoundWriter::anew(folder.path()).expect("begun");
    assert!(SoundWriter::add_to(folder.path()).expect("asked").is_none(), "somebody writes");
    assert!(best(&index, &one).is_some(), "the old one answers until then");
    writer.commit("2", &|| false).expect("committed");
    assert_eq!((best(&index, &one), index.recordings().unwrap()), (None, 0));
    assert_eq!(index.stamp().unwrap().as_deref(), Some("2"));
}

#[test]
fn damage_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let prints: Vec<(usize, Vec<u32>)> = (0..40).map(|number| (number, values(number, 200))).collect();
    add(folder.path(), &prints, "1");
    let segment = folder.path().join("1");
    let whole = fs::read(&segment).expect("a segment");
    let told = |what: &str, error: SoundIndexError| {
        assert!(error.needs_rebuild(), "{what}: {error}");
        assert!(error.to_string().contains("fonoteca index rebuild"), "{what}: {error}");
    };
    // Every length that a cut can leave, and every 97th byte turned over, checksums included.
    for length in (0..whole.len()).step_by(211) {
        fs::write(&segment, &whole[..length]).expect("cut");
        told("cut", SoundIndex::new(folder.path()).verify().expect_err("it is cut off"));
    }
    for at in (0..whole.len()).step_by(97).chain(whole.len() - 40..whole.len()) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        fs::write(&segment, &bytes).expect("damaged");
        let index = SoundIndex::new(folder.path());
        told(&format!("byte {at}"), index.verify().expect_err("a wrong checksum"));
        // It may answer, or say that it is damaged; it must not end the process.
        if let Err(error) = index.search(&sound(&values(7, 200)[50..150])) {
            told(&format!("searching, byte {at}"), error);
        }
    }
    fs::remove_file(&segment).expect("removed");
    told("missing", SoundIndex::new(folder.path()).search(&sound(&values(7, 200))).expect_err("it is missing"));
    for list in [
        "",
        "{",
        "{\"format\":1,\"stamp\":\"\",\"segments\":[\"../1\"]}",
        "{\"format\":9,\"stamp\":\"\",\"segments\":[]}",
    ] {
        fs::write(folder.path().join("current"), list).expect("written");
        told(list, SoundIndex::new(folder.path()).stamp().expect_err("no list"));
    }
}

/// Damage is not merged away under a new checksum.
#[test]
fn a_damaged_segment_is_not_merged() {
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..15 {
        add(folder.path(), &[(number, values(number, 100))], "1");
    }
    let segment = folder.path().join("3");
    let mut bytes = fs::read(&segment).expect("a segment");
    bytes[40] ^= 1;
    fs::write(&segment, bytes).expect("damaged");
    let mut writer = SoundWriter::add_to(folder.path()).expect("writable").expect("nobody else writes");
    writer.add(root(15), &values(15, 100)).expect("added");
    assert!(writer.commit("2", &|| false).expect_err("it is damaged").needs_rebuild());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_part_of_a_recording_is_found_where_it_is(seed in 0_usize..1000, from in 0_usize..100, length in 90_usize..150) {
        static INDEX: LazyLock<(tempfile::TempDir, SoundIndex)> = LazyLock::new(|| {
            let folder = tempfile::tempdir().expect("a folder");
            let prints: Vec<(usize, Vec<u32>)> = (0..1000).map(|number| (number, values(number, 250))).collect();
            add(folder.path(), &prints, "1");
            let index = SoundIndex::new(folder.path());
            (folder, index)
        });
        let found = best(&INDEX.1, &sound(&values(seed, 250)[from..from + length]));
        let expected = (root(seed), (from as f64 * fonoteca_audio::identify::STEP_MS).round() as i64, 1.0);
        prop_assert_eq!(found.map(|found| (found.root, found.offset_ms, found.score)), Some(expected));
    }
}

const CHILD: &str = "FONOTECA_TEST_SOUND_INDEX";

#[test]
#[ignore = "a child that the test below starts and kills"]
fn child_that_adds_until_it_is_killed() {
    let dir = PathBuf::from(std::env::var_os(CHILD).expect("a folder"));
    for number in SoundIndex::new(&dir).recordings().expect("read") as usize.. {
        add(&dir, &[(number, values(number, 100))], &(number + 1).to_string());
    }
}

#[test]
fn a_killed_writer_leaves_what_it_had_committed() {
    let folder = tempfile::tempdir().expect("a folder");
    let index = SoundIndex::new(folder.path());
    let mut before = 0;
    for turn in 0..20 {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--ignored", "--exact", "identify::child_that_adds_until_it_is_killed"])
            .env(CHILD, folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("started");
        while index.recordings().expect("readable while it is written") < before + 1 + turn % 4 {
            std::thread::yield_now();
        }
        std::thread::sleep(std::time::Duration::from_micros(turn * 397));
        child.kill().expect("killed");
        child.wait().expect("ended");
        let held = index.recordings().expect("read");
        assert_eq!(index.stamp().expect("read"), Some(held.to_string()), "the stamp tells what is there");
        assert!(held > before);
        before = held;
        index.verify().expect("sound");
        let last = held as usize - 1;
        for number in [0, last / 2, last] {
            let found = best(&index, &sound(&values(number, 100)));
            assert_eq!(found.map(|found| found.root), Some(root(number)), "turn {turn}");
        }
    }
}

/// Some of the corpus, as `FONOTECA_TEST_CORPUS` or `cargo xtask corpus` has it.
fn corpus() -> Vec<PathBuf> {
    let folder = std::env::var_os("FONOTECA_TEST_CORPUS")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/corpus"), PathBuf::from);
    let (mut files, mut folders) = (Vec::new(), vec![folder]);
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "ogg" || ending == "mp3") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// Whatever two whole recordings the rule joins, the index names one when it is asked for the other: ten seconds are the
/// shortest that are in it, and half a step beside is the worst place.
fn names_all_copies(folder: &Path, songs: &[Vec<i16>]) {
    let print = |path: &Path| melody::listen(path).fingerprint.expect("one");
    let (mut originals, mut copies) = (Vec::new(), Vec::new());
    for (number, song) in songs.iter().enumerate() {
        let from_ms = song.len() / 2 * 1000 / RATE as usize / 3;
        originals.extend(excerpts(folder, song, from_ms).first().map(|(_, path)| (number, print(path))));
        copies.extend(excerpts(folder, song, from_ms + 62).iter().map(|(name, path)| (number, *name, print(path))));
    }
    let dir = folder.join("copies");
    let held: Vec<_> = originals.iter().map(|(number, print)| (*number, print.values.clone())).collect();
    add(&dir, &held, "1");
    let index = SoundIndex::new(&dir);
    let (mut joined, mut named, mut missed) = (0, 0, Vec::new());
    for (number, name, copy) in &copies {
        let like = index.like(&copy.values).expect("asked");
        named += like.len();
        for (original, print) in &originals {
            if is_same_recording(print, copy).is_none() {
                continue;
            }
            joined += 1;
            if !like.contains(&root(*original)) {
                missed.push(format!("{name} of {number}: {original}"));
            }
        }
    }
    assert!(joined >= songs.len() * 2, "only {joined} joins of {} copies, {named} named to compare", copies.len());
    assert!(missed.is_empty(), "{missed:#?}");
}

#[test]
fn real_music_is_found_by_ten_seconds_of_it() {
    let files = corpus();
    if files.is_empty() {
        println!("skipped: no corpus; fetch it with `cargo xtask corpus`");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let decode = |path: &Path| -> Vec<i16> {
        let output = Command::new("ffmpeg")
            .args(["-nostdin", "-v", "error", "-t", "60", "-i"])
            .arg(path)
            .args(["-ar", "44100", "-ac", "2", "-f", "s16le", "-"])
            .output()
            .expect("ffmpeg is there");
        output.stdout.as_chunks::<2>().0.iter().map(|sample| i16::from_le_bytes(*sample)).collect()
    };
    // Of every third file, so that each package has a part; those too short for an excerpt are left out.
    let mut songs: Vec<Vec<i16>> = Vec::new();
    for file in files.iter().step_by(3) {
        let song = decode(file);
        if song.len() > 30 * RATE as usize * 2 && songs.len() < 36 {
            songs.push(song);
        }
    }
    let path = folder.path().join("song.wav");
    let held = songs.len() * 2 / 3;
    let prints = songs[..held].iter().enumerate().map(|(number, song)| {
        fs::write(&path, wave(song, 2, RATE)).expect("written");
        (number, melody::listen(&path).fingerprint.expect("one").values)
    });
    let dir = folder.path().join("index");
    add(&dir, &prints.collect::<Vec<_>>(), "1");
    let index = SoundIndex::new(&dir);
    names_all_copies(folder.path(), &songs);
    let (mut asked, mut right) = ([0; 3], [0; 3]);
    let (mut strangers, mut wrong) = (0, Vec::new());
    for (number, song) in songs.iter().enumerate() {
        let last_ms = song.len() / 2 * 1000 / RATE as usize - 10_000;
        for from_ms in [last_ms / 7, last_ms / 2, last_ms * 6 / 7] {
            for (kind, (name, excerpt)) in excerpts(folder.path(), song, from_ms).into_iter().enumerate() {
                let Ok(sound) = listen(&excerpt, &Limits::default(), &|| false) else { continue };
                let found = best(&index, &sound);
                if number >= held {
                    strangers += 1;
                    wrong.extend(found.map(|found| format!("{number} at {from_ms} ms, {name}: {found:?}")));
                    continue;
                }
                asked[kind] += 1;
                let place = from_ms as i64;
                match found {
                    // Music repeats itself: the same sound elsewhere in the recording is no mistake.
                    Some(found) if found.root == root(number) => right[kind] += 1,
                    Some(found) => wrong.push(format!("{number} at {place} ms, {name}: {found:?}")),
                    None => {}
                }
            }
        }
    }
    let recall: Vec<f64> = right.iter().zip(asked).map(|(right, asked)| f64::from(*right) / f64::from(asked)).collect();
    println!(
        "{held} recordings, {asked:?} excerpts: recall clean {:.3}, noise {:.3}, MP3 {:.3}",
        recall[0], recall[1], recall[2]
    );
    println!(
        "{} wrong of {} excerpts, {strangers} of which are of nothing held: {wrong:#?}",
        wrong.len(),
        asked.iter().sum::<i32>() + strangers
    );
    assert!(recall[0] >= 0.95 && recall[1] >= 0.85 && recall[2] >= 0.85, "{recall:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
