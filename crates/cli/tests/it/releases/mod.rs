//! Making releases: what is chosen, the same content for the same selection, the long tail, growth, tables, and other shapes.

mod catalogue;
mod choosing;
mod export;
mod growth;
mod same;
mod tail;
mod torrent;

use std::path::Path;
use std::process::Command;

use fonoteca_testkit::Ran;
use serde_json::Value;

use crate::world::World;

/// Builds a release of `archive`: its torrents.
fn build(world: &World, name: &str, more: &[&str]) -> Vec<Value> {
    let built = world.here(&[&["release", "build", name, "--yes", "--json"], more].concat());
    assert_eq!(built.code, 0, "{name}: {}{}", built.out, built.err);
    built.one()["torrents"].as_array().unwrap().clone()
}

/// The torrents with audio in them.
fn audio(torrents: &[Value]) -> Vec<Value> {
    torrents.iter().filter(|torrent| torrent["role"] == "audio").cloned().collect()
}

/// Path and info-hashes of all variants.
fn hashes(torrents: &[Value]) -> Vec<Value> {
    let variants = torrents.iter().flat_map(|torrent| torrent["variants"].as_array().unwrap());
    variants.map(|it| Value::from_iter(["path", "infohash_v1", "infohash_v2"].map(|key| it[key].clone()))).collect()
}

/// Writes the files of a torrent of `archive` into a folder, out of the store.
fn unpack(world: &World, release: &str, torrent: &str, folder: &Path) {
    let path = world.path("archive/releases").join(release).join(format!("{torrent}.torrent"));
    let metainfo =
        fonoteca_torrent::Metainfo::parse(&std::fs::read(path).unwrap(), &fonoteca_torrent::Limits::default());
    for (_, file) in metainfo.unwrap().real_files() {
        let root = file.root.unwrap().to_string();
        let target = file.path.iter().fold(folder.to_owned(), |path, part| path.join(part));
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(world.path("archive/blobs").join(&root[..2]).join(&root[2..4]).join(&root), target).unwrap();
    }
}

/// Runs a script of this folder with the tests' Python.
fn script(name: &str, arguments: &[&Path]) -> Ran {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/releases").join(name);
    Ran::from(Command::new(fonoteca_testkit::python()).arg(script).args(arguments).output().unwrap())
}
