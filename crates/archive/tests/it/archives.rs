//! Zip and tar archives of audio: taken in like folders, and what is made to hurt.

use fonoteca_archive::ArchiveError;
use fonoteca_archive::ingest::{FileOutcome, Keep, Options, PackedLimits, Status, Summary, ingest};
use fonoteca_catalog::{Blob, BlobKind, File, Track};
use fonoteca_testkit::Watch;

use crate::packing::{ZipEntry, entry, member, packed, tar, zip};
use crate::world::{World, noise};

const JPEG: &[u8] = b"\xff\xd8\xff\xe0 a picture";

fn reasons(outcomes: &[FileOutcome], status: Status) -> Vec<String> {
    let of = outcomes.iter().filter(|outcome| outcome.status == status);
    of.map(|outcome| format!("{}: {}", outcome.path, outcome.reason.as_deref().unwrap_or_default())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_is_taken_in_as_its_folder_would_be() {
    let (one, two) = (noise(1, 300), noise(2, 300));
    let files: [(&str, &[u8]); 6] = [
        ("Album/01.wav", &one),
        ("Album/notes.pdf", b"%PDF"),
        ("Album/02.wav", &two),
        ("Album/Cover.jpg", JPEG),
        ("Album/01.lrc", b"[00:00.10]la"),
        ("Album/._01.wav", b"resources"),
    ];
    let entries: Vec<ZipEntry> = files.iter().map(|(name, bytes)| entry(name, bytes)).collect();
    let mut archives = packed(&tar(&files));
    archives.push(("zip", zip(&entries)));
    for (ending, bytes) in archives {
        let world = World::new().await;
        world.file(&format!("new/album.{ending}"), &bytes);
        let (summary, outcomes) = world.ingest("one").await;
        assert_eq!((summary.added, summary.refused, summary.failed), (2, 0, 0), "{ending}: {outcomes:?}");
        let mut rows: Vec<File> = world.rows().await;
        rows.sort_by(|a, b| a.path.cmp(&b.path));
        let paths: Vec<String> = rows.iter().map(|row| String::from_utf8_lossy(&row.path).into_owned()).collect();
        assert_eq!(paths, ["01", "02"].map(|name| format!("new/album.{ending}!/Album/{name}.wav")));
        assert!(rows.iter().all(|row| row.cover_root.is_some()), "{ending}");
        assert_eq!((rows[0].lyrics_root.is_some(), rows[1].lyrics_root.is_some()), (true, false), "{ending}");
        let path = world.archive.store().path_of(rows[0].root).expect("a path");
        assert_eq!(std::fs::read(path).expect("kept"), one, "{ending}");
        let blobs: Vec<Blob> = world.rows().await;
        assert_eq!(blobs.iter().filter(|blob| blob.kind == BlobKind::Lyrics).count(), 1);

        let (summary, outcomes) = world.ingest("two").await;
        assert_eq!((summary.added, summary.known, summary.unchanged), (0, 2, 2), "{ending}: {outcomes:?}");
        assert_eq!(world.rows::<File>().await.len(), 2, "{ending}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_leads_out_of_an_archive_is_named_and_left() {
    let world = World::new().await;
    let (good, other) = (noise(1, 300), noise(2, 300));
    let inner = zip(&[entry("x.wav", &other)]);
    let bytes = zip(&[
        entry("../x.wav", &other),
        entry("/tmp/x.wav", &other),
        entry("C:\\x.wav", &other),
        entry("good.wav", &good),
        entry("inner.zip", &inner),
        ZipEntry { encrypted: true, ..entry("secret.wav", &other) },
        ZipEntry { mode: 0o120_777, ..entry("link.wav", b"/etc/passwd") },
    ]);
    let path = world.file("odd.zip", &bytes);
    let (summary, outcomes) = world.ingest("one").await;
    assert_eq!((summary.added, summary.refused, summary.failed), (1, 6, 0), "{outcomes:?}");
    let told = reasons(&outcomes, Status::Refused);
    for (name, why) in [
        ("../x.wav", "leads out of the archive"),
        ("/tmp/x.wav", "absolute"),
        ("C:\\x.wav", "absolute"),
        ("inner.zip", "an archive in an archive"),
        ("secret.wav", "encrypted"),
        ("link.wav", "a link"),
    ] {
        let named = format!("{}!/{name}: ", path.display());
        assert!(told.iter().any(|line| line.starts_with(&named) && line.contains(why)), "{name} in {told:#?}");
    }
    assert!(!world.music().join("x.wav").exists() && !world.folder.path().join("x.wav").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn links_and_devices_in_a_tar_archive_are_named_and_left() {
    let world = World::new().await;
    let good = noise(1, 300);
    let mut bytes = member("album/", b'5', b"");
    bytes.extend(member("album/link.wav", b'2', b""));
    bytes.extend(member("album/hard.wav", b'1', b""));
    bytes.extend(member("album/device.wav", b'3', b""));
    bytes.extend(member("album/../../out.wav", b'0', &noise(2, 300)));
    bytes.extend(member("album/good.wav", b'0', &good));
    bytes.extend([0; 1024]);
    world.file("odd.tar", &bytes);
    let (summary, outcomes) = world.ingest("one").await;
    assert_eq!((summary.added, summary.refused, summary.failed), (1, 4, 0), "{outcomes:?}");
    let told = reasons(&outcomes, Status::Refused).join("\n");
    for part in ["link.wav: it is a link", "hard.wav: it is a link", "device.wav: it is a device", "out.wav: its path"]
    {
        assert!(told.contains(part), "{part} in {told}");
    }
}

async fn with_limits(world: &World, packed: PackedLimits) -> (Summary, Vec<FileOutcome>) {
    world.ingest_with(&Options { packed, ..world.options("one") }).await.expect("an ingest")
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_are_refused_before_they_go_off() {
    let silence = vec![0; 4 << 20];
    let (sound, hundred) = (noise(1, 300), vec![b' '; 100]);
    let many: Vec<String> = (0..30).map(|number| format!("{number}.txt")).collect();
    let many: Vec<ZipEntry> = many.iter().map(|name| entry(name, &hundred)).collect();
    let small = PackedLimits { entries: 20, bytes: 3 << 20, ratio_from: 1 << 20, ..PackedLimits::default() };
    let large = PackedLimits { bytes: 1 << 40, ..small };
    let tar_bomb = tar(&[("a.wav", &sound), ("b.wav", &silence)]);
    let gzip = packed(&tar_bomb).swap_remove(1).1;
    for (name, bytes, limits, why) in [
        ("many.zip", zip(&many), small, "more than 20 entries"),
        ("large.zip", zip(&[entry("a.wav", &silence)]), small, "more than 3.1 MB unpacked"),
        ("dense.zip", zip(&[entry("a.wav", &silence)]), large, "more than 100 for each"),
        ("large.tar", tar_bomb.clone(), small, "more than 3.1 MB unpacked"),
        ("dense.tar.gz", gzip, PackedLimits { ratio: 20, ..large }, "more than 20 bytes come out"),
    ] {
        let world = World::new().await;
        world.file(name, &bytes);
        let (summary, outcomes) = with_limits(&world, limits).await;
        assert_eq!((summary.added, summary.refused), (0, 1), "{name}: {outcomes:?}");
        let told = reasons(&outcomes, Status::Refused);
        assert!(told[0].contains(why), "{name}: {told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_share_their_bytes_or_lie_about_them_are_refused() {
    let sound = noise(1, 2_000);
    let honest = zip(&[entry("a.wav", &sound), entry("b.wav", &noise(2, 300))]);
    let directory = honest.windows(4).position(|four| four == b"PK\x01\x02").expect("a directory");
    let end = honest.windows(4).position(|four| four == b"PK\x05\x06").expect("an end");
    let patched = |at: usize, value: u32| {
        let mut bytes = honest.clone();
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        bytes
    };
    // The packed length of the first entry, and its unpacked one.
    for (name, bytes, status, why) in [
        ("overlap.zip", patched(directory + 20, end as u32 + 30_000), Status::Refused, "overlap"),
        ("lie.zip", patched(directory + 24, 100), Status::Failed, "lie.zip!/a.wav"),
        ("cut.zip", honest[..end - 10].to_vec(), Status::Failed, "cannot be read as an archive"),
        ("text.zip", b"no archive at all".to_vec(), Status::Failed, "cannot be read as an archive"),
    ] {
        let world = World::new().await;
        world.file(name, &bytes);
        let (_, outcomes) = world.ingest("one").await;
        let told = reasons(&outcomes, status);
        assert!(told.iter().any(|line| line.contains(why)), "{name}: {outcomes:?}");
        assert!(!outcomes.iter().any(|outcome| outcome.path.ends_with("a.wav") && outcome.root.is_some()), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_archive_that_breaks_off_what_arrived_is_taken_in() {
    let bytes = tar(&[("a.wav", &noise(1, 300)), ("b.wav", &noise(2, 300)), ("c.wav", &noise(3, 300))]);
    for (name, bytes) in [
        ("cut.tar", bytes[..9_000].to_vec()),
        ("damaged.tar", {
            let mut bytes = bytes.clone();
            let second = bytes[512..].windows(5).position(|five| five == b"b.wav").expect("the second") + 512;
            bytes[second + 124] ^= 0x55;
            bytes
        }),
    ] {
        let world = World::new().await;
        world.file(name, &bytes);
        let (summary, outcomes) = world.ingest("one").await;
        assert!(summary.added >= 1 && summary.failed >= 1, "{name}: {outcomes:?}");
        let failed = reasons(&outcomes, Status::Failed).join("\n");
        assert!(failed.contains(name) && failed.contains("cannot be read as an archive"), "{name}: {failed}");
        assert!(world.rows::<File>().await.iter().all(|row| row.size == 44 + 4_800), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_interrupted_goes_on_and_ends_the_same() {
    let names: Vec<String> = (0..40).map(|number| format!("{number:02}.wav")).collect();
    let sounds: Vec<Vec<u8>> = (0..40).map(|number| noise(number + 1, 200)).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(String::as_str).zip(sounds.iter().map(Vec::as_slice)).collect();
    let (world, whole) = (World::new().await, World::new().await);
    for one in [&world, &whole] {
        one.file("album.tar.gz", &packed(&tar(&files)).swap_remove(1).1);
    }
    let options = Options { first_batch: 2, ..world.options("one") };
    let (watch, mut told) = (Watch::default(), 0);
    let mut report = |_: FileOutcome| {
        told += 1;
        watch.cancel();
    };
    let stopped = ingest(&world.archive, &options, &watch, &mut report).await;
    assert!(matches!(stopped, Err(ArchiveError::Cancelled)), "{stopped:?}");
    assert!((1..40).contains(&told), "{told}");
    let (summary, outcomes) = world.ingest("two").await;
    assert_eq!((summary.added + summary.known, summary.failed), (40, 0), "{outcomes:?}");
    assert!(summary.known >= 1, "{summary:?}");
    whole.ingest("one").await;
    let ids = |tracks: Vec<Track>| {
        let mut ids: Vec<String> = tracks.into_iter().map(|track| track.source_id).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids(world.rows().await), ids(whole.rows().await));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_cannot_stay_in_place() {
    let world = World::new().await;
    let path = world.file("album.zip", &zip(&[entry("a.wav", &noise(1, 300))]));
    world.file("texts.zip", &zip(&[entry("a.pdf", b"%PDF")]));
    world.file("b.wav", &noise(2, 300));
    let options = Options { keep: Keep::InPlace, ..world.options("one") };
    let (summary, outcomes) = world.ingest_with(&options).await.expect("an ingest");
    assert_eq!((summary.added, summary.refused, summary.ignored), (1, 1, 1), "{outcomes:?}");
    let told = reasons(&outcomes, Status::Refused);
    assert!(told[0].starts_with(&path.display().to_string()) && told[0].contains("--in-place"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_was_asked_for_and_has_no_audio_is_refused() {
    let world = World::new().await;
    let path = world.file("texts.zip", &zip(&[entry("a.pdf", b"%PDF")]));
    let options = Options { paths: vec![path], ..world.options("one") };
    let (summary, outcomes) = world.ingest_with(&options).await.expect("an ingest");
    assert_eq!((summary.refused, outcomes.len()), (1, 1), "{outcomes:?}");
}
