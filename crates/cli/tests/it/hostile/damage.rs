//! Damage to the archive itself: found, located, and said with what to do.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::{ingest, noise, with_music};
use crate::world::World;

#[test]
fn a_flipped_bit_is_located_to_its_piece() {
    let world = with_music();
    // 1.1 MB: two pieces.
    fs::write(world.path("music/long.wav"), noise(3, 70_000)).unwrap();
    let (_, lines) = ingest(&world);
    let root = super::line(&lines, "long.wav")["root"].as_str().unwrap().to_owned();
    let blob = world.path("archive/blobs").join(&root[..2]).join(&root[2..4]).join(&root);
    fs::set_permissions(&blob, fs::Permissions::from_mode(0o644)).unwrap();
    let file = fs::File::options().read(true).write(true).open(&blob).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 1_100_000).unwrap();
    file.write_all_at(&[byte[0] ^ 4], 1_100_000).unwrap();
    let said = world.here(&["verify", "--json"]);
    assert_eq!(said.code, 4, "{}", said.err);
    let report = said.one();
    assert_eq!(report["damaged"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!((&report["damaged"][0]["root"], &report["damaged"][0]["piece"]), (&root.as_str().into(), &1.into()));
    assert!(said.err.contains(&root), "{}", said.err);
}

#[test]
fn a_torn_table_is_damage_and_is_named() {
    let world = with_music();
    let (_, lines) = ingest(&world);
    let root = super::line(&lines, "good.wav")["root"].as_str().unwrap();
    let torn = parquet(&world, "tracks");
    let bytes = fs::read(&torn).unwrap();
    fs::write(&torn, &bytes[..bytes.len() / 2]).unwrap();
    names_the_damage(&world, &["verify"], "tracks");
    names_the_damage(&world, &["lookup", root], "tracks");
    fs::remove_file(&torn).unwrap();
    names_the_damage(&world, &["verify"], "tracks");
    fs::write(&torn, &bytes).unwrap();
    assert_eq!(world.here(&["verify"]).code, 0, "what is put back is as before");

    let log = world.path("archive/catalog/rights/_delta_log/00000000000000000001.json");
    let bytes = fs::read(&log).unwrap();
    fs::write(&log, &bytes[..bytes.len() / 2]).unwrap();
    names_the_damage(&world, &["stats"], "rights");
    fs::write(&log, &bytes).unwrap();
    assert_eq!(world.here(&["stats"]).code, 0);
}

fn names_the_damage(world: &World, args: &[&str], table: &str) {
    let said = world.here(args);
    assert_eq!(said.code, 4, "{args:?}: {}{}", said.out, said.err);
    assert!(said.err.contains(table) && said.err.contains("hint"), "{}", said.err);
}

fn parquet(world: &World, table: &str) -> PathBuf {
    let entries = fs::read_dir(world.path("archive/catalog").join(table)).unwrap().map(|entry| entry.unwrap().path());
    entries.into_iter().find(|path| path.extension().is_some_and(|extension| extension == "parquet")).unwrap()
}

#[test]
fn a_damaged_index_says_how_to_rebuild_it_and_then_answers_as_before() {
    let world = World::with_sample();
    let ask =
        || ["harbour", "калинка", "ode to joy", "茉莉花"].map(|words| world.here(&["search", words, "--json"]).out);
    let before = ask();
    assert!(before.iter().all(|answer| !answer.is_empty()), "{before:?}");
    let index = world.path("archive/index");
    for damage in [spoil_current as fn(&Path), spoil_meta, spoil_segments] {
        damage(&index);
        let said = world.here(&["search", "harbour", "--json"]);
        assert_eq!(said.code, 4, "{}{}", said.out, said.err);
        assert!(said.err.contains("fonoteca index rebuild"), "{}", said.err);
        let rebuilt = world.here(&["index", "rebuild"]);
        assert_eq!(rebuilt.code, 0, "{}", rebuilt.err);
        assert_eq!(ask(), before);
    }
    fs::remove_dir_all(&index).unwrap();
    assert_eq!(ask(), before, "one that is gone is made anew at once");
}

fn spoil_current(index: &Path) {
    fs::write(index.join("current"), "what").unwrap();
}

fn spoil_meta(index: &Path) {
    fs::write(generation(index).join("meta.json"), "{").unwrap();
}

fn spoil_segments(index: &Path) {
    for entry in fs::read_dir(generation(index)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file()
            && !path.file_name().unwrap().to_string_lossy().starts_with('.')
            && path.extension().is_some_and(|extension| extension != "json")
        {
            fs::write(path, "").unwrap();
        }
    }
}

fn generation(index: &Path) -> PathBuf {
    let folders = fs::read_dir(index).unwrap().map(|entry| entry.unwrap().path());
    folders.into_iter().find(|path| path.is_dir()).unwrap()
}
